//! `rulekeep emulate`.

use std::{convert::Infallible, fmt, io::Write as _, net::SocketAddr, path::PathBuf, str::FromStr};

use serde_json::{Map, Value};

use crate::{
    emulator::{
        Config, Credential, EmulatorHandle, Fault, Faults, Identities, OidcProvider, RamRole, Seed,
        Switches, Tls,
    },
    exit::Exit,
};

use super::{Failure, Screen, pass, stop::stop};

/// Serve the embedded cloud as an HTTP endpoint for any ECS client
///
/// Prints the endpoint once it is ready and runs until it is interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep emulate --listen 127.0.0.1:8080 --seed demo/seed.json
  # and in the project file:
  # accounts: { test: { endpoint: \"http://127.0.0.1:8080\" } }

  # A fifth of all calls throttled, and answers of writes that get lost:
  rulekeep emulate --fault throttle:rate=0.2 --fault 'reset:when=after,rate=0.05,action=Authorize*'

  # A role that the key may assume, and an instance with a role:
  rulekeep emulate --role acs:ram::1001:role/deployer --metadata acs:ram::1001:role/instance

Faults: throttle, limit, latency, error, reset, truncate, garbage, partial, stale, intrude. They and the
switches are explained in docs/emulator.md.")]
pub(super) struct Args {
    /// Address and port; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:0",
        env = "RULEKEEP_LISTEN"
    )]
    listen: SocketAddr,
    /// File that keeps the state [default: the state ends with the process]
    #[arg(long, value_name = "FILE", env = "RULEKEEP_STATE")]
    state: Option<PathBuf>,
    /// What the state starts as while there is none
    #[arg(long, value_name = "FILE", env = "RULEKEEP_SEED")]
    seed: Option<PathBuf>,
    /// Throw the state away and start from the seed
    #[arg(
        long,
        env = "RULEKEEP_RESET",
        value_parser = clap::builder::FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    reset: bool,
    /// Accepted access key, of an account of its own if its number is given [default: testid:testsecret]; may be repeated
    #[arg(
        long = "credential",
        value_name = "ID:SECRET[:ACCOUNT]",
        env = "RULEKEEP_CREDENTIAL"
    )]
    credentials: Vec<Word>,
    /// A role that may be assumed, with what the caller must know; may be repeated [default: every role, without that]
    #[arg(long = "role", value_name = "ARN[:EXTERNAL-ID]", env = "RULEKEEP_ROLE")]
    roles: Vec<Word>,
    /// An identity provider and a token of it that is taken for any role; may be repeated
    #[arg(long, value_name = "ARN=TOKEN", env = "RULEKEEP_OIDC")]
    oidc: Vec<Word>,
    /// Serve the metadata of an instance with this role, below /latest/
    #[arg(long, value_name = "ARN", env = "RULEKEEP_METADATA")]
    metadata: Option<String>,
    /// Serve it only to who has fetched a token
    #[arg(
        long,
        requires = "metadata",
        env = "RULEKEEP_METADATA_TOKEN_REQUIRED",
        value_parser = clap::builder::FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    metadata_token_required: bool,
    /// Serve HTTPS with a certificate made for this run
    #[arg(
        long,
        env = "RULEKEEP_TLS",
        value_parser = clap::builder::FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    tls: bool,
    /// Where to write that certificate, so that clients can trust it [default: a file in the temporary folder]
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls",
        conflicts_with = "tls_cert",
        env = "RULEKEEP_TLS_WRITE"
    )]
    tls_write: Option<PathBuf>,
    /// Serve HTTPS with the certificate of this PEM file
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        env = "RULEKEEP_TLS_CERT"
    )]
    tls_cert: Option<PathBuf>,
    /// Private key of that certificate
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        env = "RULEKEEP_TLS_KEY"
    )]
    tls_key: Option<PathBuf>,
    /// Variant of behaviour; may be repeated
    #[arg(long = "switch", value_name = "NAME=VALUE", env = "RULEKEEP_SWITCH")]
    switches: Vec<String>,
    /// Let something go wrong; may be repeated
    #[arg(
        long = "fault",
        value_name = "EFFECT[:NAME=VALUE,..]",
        env = "RULEKEEP_FAULT"
    )]
    faults: Vec<Fault>,
    /// What goes wrong, as JSON
    #[arg(
        long = "faults",
        value_name = "FILE",
        conflicts_with = "faults",
        env = "RULEKEEP_FAULTS"
    )]
    faults_file: Option<PathBuf>,
    /// Decides which calls faults strike
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        env = "RULEKEEP_FAULT_SEED"
    )]
    fault_seed: u64,
    /// How far the cloud's clock is ahead
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true,
        env = "RULEKEEP_CLOCK_SKEW"
    )]
    clock_skew: i64,
    /// Answer /-/calls, /-/faults, /-/switches, /-/state and /-/reset, for tests that steer it
    #[arg(
        long,
        env = "RULEKEEP_ADMIN",
        value_parser = clap::builder::FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    admin: bool,
}

/// A word that may hold a secret: it is never printed, not even when it is malformed.
#[derive(Clone, PartialEq, Eq)]
struct Word(String);

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Word(..)")
    }
}

impl FromStr for Word {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

pub(super) async fn run(args: &Args, screen: &Screen) -> Result<Exit, Failure> {
    let config = config(args)?;
    let ready = |emulator: &EmulatorHandle| {
        if let Some(certificate) = emulator.certificate() {
            trust(args, emulator, certificate)?;
        }
        screen.result(&format!("{}\n", emulator.endpoint()))
    };
    pass::emulate(config, args.reset, ready, stop(*screen, "stopping")).await?;
    Ok(Exit::Done)
}

fn config(args: &Args) -> Result<Config, Failure> {
    let mut config = Config {
        listen: args.listen,
        state: args.state.clone(),
        seed: args.seed.clone().map(Seed::File),
        identities: identities(args)?,
        switches: switches(&args.switches)?,
        faults: faults(args)?,
        admin: args.admin,
        tls: match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            _ => args.tls.then_some(Tls::SelfMade),
        },
        ..Config::default()
    };
    if !args.credentials.is_empty() {
        config.credentials = args
            .credentials
            .iter()
            .map(credential)
            .collect::<Result<_, _>>()?;
    }
    Ok(config)
}

fn credential(Word(text): &Word) -> Result<Credential, Failure> {
    let malformed = || Failure::usage("a value of --credential is not of the form ID:SECRET");
    let (id, rest) = text.split_once(':').ok_or_else(malformed)?;
    // Secrets may have colons, accounts are numbers.
    let (secret, account) = match rest.rsplit_once(':') {
        Some((secret, account))
            if !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (secret, Some(account))
        }
        _ => (rest, None),
    };
    if id.is_empty() || secret.is_empty() {
        return Err(malformed());
    }
    let credential = Credential::new(id, secret);
    Ok(match account {
        Some(account) => credential.of_account(account),
        None => credential,
    })
}

/// The roles and identity providers that exist.
fn identities(args: &Args) -> Result<Identities, Failure> {
    let roles: Vec<RamRole> = args.roles.iter().map(role).collect::<Result<_, _>>()?;
    if let Some(arn) = &args.metadata
        && !RamRole::new(arn).is_well_formed()
    {
        return Err(Failure::usage(format!(
            "--metadata {arn} is not of the form acs:ram::ACCOUNT:role/NAME"
        )));
    }
    Ok(Identities {
        roles: (!roles.is_empty()).then_some(roles),
        oidc: args.oidc.iter().map(oidc).collect::<Result<_, _>>()?,
        instance_role: args.metadata.clone(),
        metadata_token_required: args.metadata_token_required,
        ..Identities::default()
    })
}

/// What the caller must know is a secret between two accounts.
fn role(Word(text): &Word) -> Result<RamRole, Failure> {
    let (arn, external_id) = match text.split_once(":role/") {
        Some((account, rest)) => match rest.split_once(':') {
            Some((name, id)) => (format!("{account}:role/{name}"), Some(id)),
            None => (text.clone(), None),
        },
        None => (text.clone(), None),
    };
    let role = RamRole {
        external_id: external_id.map(str::to_owned),
        ..RamRole::new(arn)
    };
    if !role.is_well_formed() || external_id == Some("") {
        return Err(Failure::usage(
            "a value of --role is not of the form acs:ram::ACCOUNT:role/NAME or acs:ram::ACCOUNT:role/NAME:EXTERNAL-ID",
        ));
    }
    Ok(role)
}

fn oidc(Word(text): &Word) -> Result<OidcProvider, Failure> {
    let malformed = || {
        Failure::usage(
            "a value of --oidc is not of the form acs:ram::ACCOUNT:oidc-provider/NAME=TOKEN",
        )
    };
    let (arn, token) = text.split_once('=').ok_or_else(malformed)?;
    let is_arn = arn.starts_with("acs:ram::") && arn.contains(":oidc-provider/");
    if !is_arn || token.is_empty() {
        return Err(malformed());
    }
    Ok(OidcProvider {
        arn: arn.to_owned(),
        audiences: Vec::new(),
        key: None,
        tokens: vec![token.to_owned()],
    })
}

/// `NAME=VALUE` over the defaults.
fn switches(given: &[String]) -> Result<Switches, Failure> {
    let mut members = Map::new();
    for text in given {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--switch {text} is not of the form NAME=VALUE"))
        })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        members.insert(name.to_owned(), value);
    }
    serde_json::from_value(Value::Object(members))
        .map_err(|error| Failure::usage(format!("--switch: {error}")))
}

fn faults(args: &Args) -> Result<Faults, Failure> {
    let mut faults = match &args.faults_file {
        None => Faults {
            faults: args.faults.clone(),
            ..Faults::default()
        },
        Some(path) => {
            let unreadable = || Failure::new(format!("{} cannot be used", path.display()));
            let text =
                std::fs::read_to_string(path).map_err(|error| unreadable().because(&error))?;
            Faults::from_json(&text).map_err(|error| unreadable().because(&error))?
        }
    };
    if args.fault_seed != 0 {
        faults.seed = args.fault_seed;
    }
    if args.clock_skew != 0 {
        faults.clock_skew_seconds = args.clock_skew;
    }
    Ok(faults)
}

/// Writes the certificate down and says how clients come to trust it.
fn trust(args: &Args, emulator: &EmulatorHandle, certificate: &str) -> Result<(), Failure> {
    let path = args.tls_write.clone().unwrap_or_else(|| {
        let port = emulator.local_addr().port();
        std::env::temp_dir().join(format!("rulekeep-emulate-{port}.pem"))
    });
    std::fs::write(&path, certificate).map_err(|error| {
        Failure::new(format!("{} cannot be written", path.display())).because(&error)
    })?;
    let path = path.display();
    let lines = format!(
        "The certificate of this run is in {path}. Clients trust it with\n  \
         SSL_CERT_FILE={path} (Terraform, aliyun CLI and other Go programs, OpenSSL)\n  \
         REQUESTS_CA_BUNDLE={path} (Python)\n  \
         NODE_EXTRA_CA_CERTS={path} (Node.js)\n"
    );
    // Nobody reads it when stderr is closed; serving goes on.
    let _ = std::io::stderr().write_all(lines.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_an_id_and_a_secret_and_is_never_printed() {
        let word = |text: &str| Word(text.to_owned());
        for (text, secret, account) in [
            ("a:b:c", "b:c", None),
            ("a:b:1234567890123456", "b", Some("1234567890123456")),
            ("a:b:", "b:", None),
        ] {
            let found = credential(&word(text)).unwrap();
            let Credential {
                id,
                secret: given,
                account: of,
                ..
            } = found;
            assert_eq!((&*id, &*given, of.as_deref()), ("a", secret, account));
        }
        for text in ["hunter2", ":hunter2", "a:"] {
            let failure = credential(&word(text)).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(!format!("{failure:?}").contains("hunter2"));
        }
        assert!(!format!("{:?}", word("a:hunter2")).contains("hunter2"));
    }

    #[test]
    fn a_role_and_an_identity_provider_are_read_and_what_is_secret_is_never_printed() {
        let word = |text: &str| Word(text.to_owned());
        let arn = "acs:ram::1001:role/deployer";
        assert_eq!(role(&word(arn)), Ok(RamRole::new(arn)));
        let partner = role(&word(&format!("{arn}:shared:word"))).unwrap();
        let external_id = partner.external_id.as_deref();
        assert_eq!((&*partner.arn, external_id), (arn, Some("shared:word")));
        for text in [
            "hunter2",
            "acs:ram::x:role/y:hunter2",
            "acs:ram::1001:role/y:",
        ] {
            let failure = role(&word(text)).unwrap_err();
            assert!(!format!("{failure:?}").contains("hunter2"));
        }
        let provider = oidc(&word("acs:ram::1001:oidc-provider/ci=a=b")).unwrap();
        assert_eq!(provider.tokens, ["a=b"]);
        for text in ["ci=hunter2", "acs:ram::1001:oidc-provider/ci", "=hunter2"] {
            let failure = oidc(&word(text)).unwrap_err();
            assert!(!format!("{failure:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_switch_is_a_name_and_a_value() {
        let given = |text: &str| switches(&[text.to_owned()]);
        assert_eq!(given("rules_per_group=7").unwrap().rules_per_group, 7);
        assert!(given("lenient_revoke=true").unwrap().lenient_revoke);
        for text in ["rules_per_group", "nonsense=1", "lenient_revoke=perhaps"] {
            assert_eq!(given(text).unwrap_err().exit, Exit::Usage);
        }
    }
}
