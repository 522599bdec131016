//! The surroundings that credentials are found in: variables, home folder, clock, and where STS and the instance's
//! metadata are served. Tests give all of it; nothing below reads the process's own.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use crate::provider::alibaba::endpoints::{Endpoint, EndpointError};

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Names another place of the instance's metadata: an emulator of it on this machine.
const METADATA_ENDPOINT: &str = "RULEKEEP_METADATA_ENDPOINT";

/// The part of the process's surroundings that credentials are found in; `Debug` shows names alone.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    clock: Clock,
    /// Serves STS where nothing names an endpoint of it.
    sts: Option<Endpoint>,
    /// Stands for 100.100.100.200.
    metadata: Option<Endpoint>,
    /// Wait before the second try of a call to STS; doubles from then on.
    pub(super) pause: Duration,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            variables: BTreeMap::new(),
            home: None,
            clock: Arc::new(Timestamp::now),
            sts: None,
            metadata: None,
            pause: Duration::from_millis(500),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("ALIBABA_CLOUD_") || name == METADATA_ENDPOINT);
        Self::new(variables, std::env::home_dir())
    }

    /// Variables and home directory as given.
    pub fn new(
        variables: impl IntoIterator<Item = (String, String)>,
        home: Option<PathBuf>,
    ) -> Self {
        Self {
            variables: variables.into_iter().collect(),
            home,
            ..Self::default()
        }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// With STS at an address of this machine, where no variable and no profile names its endpoint.
    pub fn with_sts(mut self, endpoint: &str) -> Result<Self, EndpointError> {
        self.sts = Some(loopback(endpoint)?);
        Ok(self)
    }

    /// With the instance's metadata at an address of this machine.
    pub fn with_metadata(mut self, endpoint: &str) -> Result<Self, EndpointError> {
        self.metadata = Some(loopback(endpoint)?);
        Ok(self)
    }

    /// With another wait between tries.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// As seen from an account: an ECS endpoint on this machine, such as an emulator, serves STS as well, so that
    /// nothing of the account goes anywhere else.
    #[must_use]
    pub fn for_endpoint(self, endpoint: Option<&str>) -> Self {
        match endpoint {
            Some(endpoint) if self.sts.is_none() => match self.clone().with_sts(endpoint) {
                Ok(environment) => environment,
                Err(_) => self, // not of this machine: STS has its own endpoints
            },
            _ => self,
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A variable; an empty one counts as not set.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether a switch is on.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// The file with the profiles of the aliyun CLI.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.file("ALIBABA_CLOUD_CONFIG_FILE", ".aliyun/config.json")
    }

    /// The INI file: the name that the Go library has, or where only that exists, the Python library's.
    pub(super) fn credentials_file(&self) -> Option<PathBuf> {
        let go = self.file(
            "ALIBABA_CLOUD_CREDENTIALS_FILE",
            ".alibabacloud/credentials",
        )?;
        if self.get("ALIBABA_CLOUD_CREDENTIALS_FILE").is_none() && !go.exists() {
            let python = go.with_extension("ini");
            if python.exists() {
                return Some(python);
            }
        }
        Some(go)
    }

    fn file(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        match self.get(variable) {
            Some(path) => Some(PathBuf::from(path)),
            None => Some(self.home.as_ref()?.join(below_home)),
        }
    }

    /// A path as it is shown: the home folder is `~`.
    pub(super) fn shown(&self, path: &Path) -> String {
        match self
            .home
            .as_ref()
            .and_then(|home| path.strip_prefix(home).ok())
        {
            Some(rest) => Path::new("~").join(rest).display().to_string(),
            None => path.display().to_string(),
        }
    }

    /// Name of a role session: says in the cloud's audit log who acted.
    pub(super) fn session_name(&self) -> &str {
        self.get("ALIBABA_CLOUD_ROLE_SESSION_NAME")
            .unwrap_or("rulekeep")
    }

    /// Where the instance's metadata is served. A variable may name an address of this machine alone: whoever serves
    /// it says who this program acts as.
    pub(super) fn metadata_endpoint(&self) -> Result<Endpoint, String> {
        match (&self.metadata, self.get(METADATA_ENDPOINT)) {
            (Some(endpoint), _) => Ok(endpoint.clone()),
            (None, Some(given)) => {
                loopback(given).map_err(|error| format!("{METADATA_ENDPOINT}: {error}"))
            }
            (None, None) => Ok(Endpoint::of_metadata()),
        }
    }

    /// Where STS is served; what a profile says comes before the variables.
    pub(super) fn sts_endpoint(&self, profile: &StsPlace) -> Result<Endpoint, EndpointError> {
        let StsPlace {
            endpoint,
            region,
            vpc,
        } = profile;
        if let Some(endpoint) = endpoint
            .as_deref()
            .or_else(|| self.get("ALIBABA_CLOUD_STS_ENDPOINT"))
        {
            return Endpoint::given(endpoint);
        }
        if let Some(endpoint) = &self.sts {
            return Ok(endpoint.clone());
        }
        let region = region
            .as_deref()
            .or_else(|| self.get("ALIBABA_CLOUD_STS_REGION"));
        let vpc = *vpc || self.is_true("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED");
        Endpoint::of_sts(region, vpc)
    }
}

/// What a profile says about where STS is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StsPlace {
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) vpc: bool,
}

fn loopback(text: &str) -> Result<Endpoint, EndpointError> {
    let endpoint = Endpoint::given(text)?;
    if endpoint.is_loopback() {
        Ok(endpoint)
    } else {
        Err(EndpointError::Elsewhere(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let pairs = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Environment::new(pairs, None)
    }

    #[test]
    fn sts_is_where_the_profile_the_variables_or_the_region_say() {
        let place = StsPlace::default;
        let host = |environment: &Environment, place: &StsPlace| {
            environment.sts_endpoint(place).unwrap().authority()
        };
        assert_eq!(host(&environment(&[]), &place()), "sts.aliyuncs.com");
        let region = environment(&[("ALIBABA_CLOUD_STS_REGION", "cn-beijing")]);
        assert_eq!(host(&region, &place()), "sts.cn-beijing.aliyuncs.com");
        let vpc = environment(&[
            ("ALIBABA_CLOUD_STS_REGION", "cn-beijing"),
            ("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true"),
        ]);
        assert_eq!(host(&vpc, &place()), "sts-vpc.cn-beijing.aliyuncs.com");
        let of_profile = StsPlace {
            region: Some("eu-central-1".to_owned()),
            ..place()
        };
        assert_eq!(host(&vpc, &of_profile), "sts-vpc.eu-central-1.aliyuncs.com");
        let given = environment(&[("ALIBABA_CLOUD_STS_ENDPOINT", "sts.example")]);
        assert_eq!(host(&given, &of_profile), "sts.example");
        let of_profile = StsPlace {
            endpoint: Some("https://other.example".to_owned()),
            ..place()
        };
        assert_eq!(host(&given, &of_profile), "other.example");
    }

    #[test]
    fn sts_is_never_asked_in_the_clear_or_at_a_made_up_host() {
        let error = |name: &str, value: &str| {
            environment(&[(name, value)])
                .sts_endpoint(&StsPlace::default())
                .unwrap_err()
        };
        assert_eq!(
            error("ALIBABA_CLOUD_STS_ENDPOINT", "http://sts.example"),
            EndpointError::Insecure("http://sts.example".to_owned())
        );
        assert_eq!(
            error("ALIBABA_CLOUD_STS_REGION", "evil.example/"),
            EndpointError::Region("evil.example/".to_owned())
        );
        for text in ["https://sts.example", "http://10.0.0.1"] {
            environment(&[]).with_sts(text).unwrap_err();
            environment(&[]).with_metadata(text).unwrap_err();
        }
    }

    #[test]
    fn an_account_on_this_machine_has_its_sts_there() {
        let place = StsPlace::default();
        let host = |endpoint: &str| {
            environment(&[])
                .for_endpoint(Some(endpoint))
                .sts_endpoint(&place)
                .unwrap()
                .authority()
        };
        assert_eq!(host("http://127.0.0.1:8080"), "127.0.0.1:8080");
        assert_eq!(host("https://ecs.example"), "sts.aliyuncs.com");
    }
}
