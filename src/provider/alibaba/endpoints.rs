//! Where the API of a region is served.

use std::net::IpAddr;

use reqwest::Url;

use crate::model::RegionId;

/// Regions whose host name is not `ecs.REGION.aliyuncs.com`: the endpoint map of the official SDKs
/// (`alibabacloud_ecs20140526`).
const EXCEPTIONS: &[(&str, &str)] = &[
    ("ap-northeast-2-pop", "ecs.aliyuncs.com"),
    ("cn-beijing-finance-pop", "ecs.aliyuncs.com"),
    ("cn-beijing-gov-1", "ecs.aliyuncs.com"),
    ("cn-edge-1", "ecs.cn-qingdao-nebula.aliyuncs.com"),
    ("cn-hangzhou", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-hangzhou-finance", "ecs.aliyuncs.com"),
    ("cn-hongkong-finance-pop", "ecs.aliyuncs.com"),
    (
        "cn-huhehaote-nebula-1",
        "ecs.cn-qingdao-nebula.aliyuncs.com",
    ),
    ("cn-north-2-gov-1", "ecs.aliyuncs.com"),
    ("cn-shanghai-finance-1", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-shanghai-inner", "ecs.aliyuncs.com"),
    ("cn-shenzhen-finance-1", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-shenzhen-inner", "ecs.aliyuncs.com"),
    ("cn-wuhan", "ecs.aliyuncs.com"),
    ("cn-yushanfang", "ecs.aliyuncs.com"),
    ("cn-zhangbei", "ecs.aliyuncs.com"),
    ("cn-zhangjiakou-na62-a01", "ecs.cn-zhangjiakou.aliyuncs.com"),
    (
        "cn-zhengzhou-nebula-1",
        "ecs.cn-qingdao-nebula.aliyuncs.com",
    ),
    ("eu-west-1-oxs", "ecs.cn-shenzhen-cloudstone.aliyuncs.com"),
    ("rus-west-1-pop", "ecs.aliyuncs.com"),
];

/// The metadata service of ECS instances ("Instance metadata").
pub const METADATA_HOST: &str = "100.100.100.200";

/// A region id, which becomes part of a host name.
fn checked_region(id: &str) -> Result<&str, EndpointError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.is_empty() || id.starts_with('-') || id.len() > 63 || !id.bytes().all(plain) {
        return Err(EndpointError::Region(id.to_owned()));
    }
    Ok(id)
}

/// A place that requests are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.authority())
    }
}

/// Why requests cannot be sent there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The region becomes part of a host name, so nothing else may stand in it.
    #[error("`{0}` is no region id; one looks like `cn-hangzhou`")]
    Region(String),
    /// Neither a host nor a URL.
    #[error("the endpoint `{0}` is no URL; write `https://HOST` or `http://127.0.0.1:PORT`")]
    Malformed(String),
    /// The API has one path; a user or a query would be sent along.
    #[error("the endpoint `{0}` may have scheme, host and port only")]
    Surplus(String),
    /// Requests in the clear can be read and repeated by anyone on the way.
    #[error(
        "the endpoint `{0}` must use https; plain http is for this machine's own addresses only"
    )]
    Insecure(String),
    /// What only tests and emulators replace may not point anywhere else.
    #[error("the endpoint `{0}` is not on this machine")]
    Elsewhere(String),
}

impl Endpoint {
    /// The endpoint of a region, without one given by the user.
    pub fn of_region(region: &RegionId) -> Result<Self, EndpointError> {
        let id = checked_region(region.as_str())?;
        let url = match EXCEPTIONS.iter().find(|(name, _)| *name == id) {
            Some((_, host)) => format!("https://{host}/"),
            None => format!("https://ecs.{id}.aliyuncs.com/"),
        };
        match Url::parse(&url) {
            Ok(url) => Ok(Self { url }),
            Err(_) => Err(EndpointError::Region(id.to_owned())),
        }
    }

    /// The endpoint of STS, in a region or the central one; the ones inside a VPC are regional.
    pub fn of_sts(region: Option<&str>, vpc: bool) -> Result<Self, EndpointError> {
        let url = match (region, vpc) {
            (None, _) => "https://sts.aliyuncs.com/".to_owned(),
            (Some(id), false) => format!("https://sts.{}.aliyuncs.com/", checked_region(id)?),
            (Some(id), true) => format!("https://sts-vpc.{}.aliyuncs.com/", checked_region(id)?),
        };
        Url::parse(&url)
            .map(|url| Self { url })
            .map_err(|_| EndpointError::Region(region.unwrap_or_default().to_owned()))
    }

    /// Where an ECS instance asks about itself; served in the clear by the host that it runs on.
    pub fn of_metadata() -> Self {
        let url = format!("http://{METADATA_HOST}/");
        Self {
            url: Url::parse(&url).expect("an address is a host"),
        }
    }

    /// The place that a URL is on; what the URL asks for there is left out.
    pub fn of_url(url: &Url) -> Self {
        let mut url = url.clone();
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        Self { url }
    }

    /// A URL below this endpoint.
    pub fn with_path(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    /// An endpoint that the user gave: a URL, or a host that is reached with https.
    pub fn given(text: &str) -> Result<Self, EndpointError> {
        // A password in the URL must not be repeated in an error.
        let shown = || match text.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => text.to_owned(),
        };
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let url = Url::parse(&full).map_err(|_| EndpointError::Malformed(shown()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(EndpointError::Malformed(shown()));
        }
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(EndpointError::Surplus(shown()));
        }
        let endpoint = Self { url };
        if endpoint.is_plain() && !endpoint.is_loopback() {
            return Err(EndpointError::Insecure(shown()));
        }
        Ok(endpoint)
    }

    /// Whether requests go there without TLS.
    pub fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Whether it is on this machine; no proxy is asked for such a host.
    pub fn is_loopback(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || address
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// What stands in the Host header: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The URL of a request with a query that is encoded already.
    pub fn with_query(&self, query: &str) -> Url {
        let mut url = self.url.clone();
        url.set_query((!query.is_empty()).then_some(query));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(region: &str) -> String {
        Endpoint::of_region(&RegionId::new(region))
            .unwrap()
            .authority()
    }

    #[test]
    fn regions_follow_the_rule_except_for_those_in_the_map() {
        assert_eq!(host("eu-central-1"), "ecs.eu-central-1.aliyuncs.com");
        assert_eq!(host("cn-hangzhou"), "ecs-cn-hangzhou.aliyuncs.com");
        assert_eq!(host("cn-wuhan"), "ecs.aliyuncs.com");
        assert_eq!(host("cn-wuhan-lr"), "ecs.cn-wuhan-lr.aliyuncs.com");
        for (region, expected) in EXCEPTIONS {
            assert_eq!(host(region), *expected);
        }
    }

    #[test]
    fn a_region_cannot_change_the_host() {
        for region in [
            "",
            "evil.example/",
            "a@evil",
            "a b",
            "-a",
            "CN",
            "a.b",
            "a#",
            "ä",
        ] {
            assert_eq!(
                Endpoint::of_region(&RegionId::new(region)),
                Err(EndpointError::Region(region.to_owned()))
            );
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for text in [
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:8080/",
            "https://ecs-vpc.cn-hangzhou.aliyuncs.com",
            "ecs-vpc.cn-hangzhou.aliyuncs.com",
        ] {
            Endpoint::given(text).unwrap();
        }
        for text in [
            "http://ecs.aliyuncs.com",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://0.0.0.0:80",
        ] {
            assert_eq!(
                Endpoint::given(text),
                Err(EndpointError::Insecure(text.to_owned()))
            );
        }
    }

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        for text in ["https://h/x", "https://h/?a=b", "https://h/#f"] {
            assert_eq!(
                Endpoint::given(text),
                Err(EndpointError::Surplus(text.to_owned()))
            );
        }
        for text in ["", "https://", "ftp://h", "http://a b"] {
            assert_eq!(
                Endpoint::given(text),
                Err(EndpointError::Malformed(text.to_owned()))
            );
        }
        let error = Endpoint::given("https://user:hunter2@h").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn the_host_header_has_a_port_only_where_it_is_not_the_default() {
        for (text, authority) in [
            ("https://h:443", "h"),
            ("https://h:8443", "h:8443"),
            ("http://127.0.0.1:80", "127.0.0.1"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(Endpoint::given(text).unwrap().authority(), authority);
        }
    }
}
