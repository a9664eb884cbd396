//! Fetches the credentials of the role that a container or an instance has, from the AWS service on
//! the same host that provides them.
//!
//! - Containers:
//!   <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
//! - Instances:
//!   <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>,
//!   version 2 only, in which every request needs a token obtained by a PUT.
//!
//! Plain HTTP is used only to this machine and to the addresses that AWS names, and never through a
//! proxy. A request times out after a second. No error contains a path, which may be secret, or any
//! part of a reply.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use url::{Host, Url};

use super::credentials::Credentials;
use crate::files;
use crate::model::shown::Shown;
use crate::provider::ProviderSettings;
use crate::secret::Secret;

/// The address of the container agent. A relative URI is appended to it.
const AGENT: &str = "http://169.254.170.2";
/// The hosts other than this machine that may be requested over plain HTTP, as in AWS's own tools.
const AGENTS: [&str; 4] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost"];
/// The addresses of the instance metadata service.
const METADATA: &str = "http://169.254.169.254";
const METADATA_IPV6: &str = "http://[fd00:ec2::254]";
const TOKEN_PATH: &str = "/latest/api/token";
const ROLE_PATH: &str = "/latest/meta-data/iam/security-credentials/";
/// The requested lifetime of a metadata token in seconds: the longest that the service allows.
const TOKEN_LIFE: &str = "21600";
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
/// The time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The number of requests to a container's agent, because the agent may still be starting.
const ATTEMPTS: u32 = 3;
/// The maximum number of bytes of a reply. A reply with credentials has about 2,000.
const MAX_ANSWER: usize = 64 * 1024;
/// The time before their expiry at which credentials are fetched again.
const BEFORE: Duration = Duration::from_secs(600);
/// The minimum time for which fetched credentials are used, even if they expire earlier.
const LEAST: Duration = Duration::from_secs(60);

/// A role and the service that provides its credentials.
#[derive(Clone, Debug)]
pub(super) struct Role {
    place: Place,
    /// A description of the sources searched before the role, for error messages.
    before: String,
}

#[derive(Clone, Debug)]
enum Place {
    Container { url: Url, token: Option<Token> },
    Instance { base: Url },
}

/// The token that a container's agent expects.
#[derive(Clone, Debug)]
enum Token {
    Fixed(Secret),
    /// A file with the token. It is read before each request, because its content changes.
    File(PathBuf),
}

/// Credentials and the time for which to use them before they are fetched again.
pub(super) struct Fetched {
    pub(super) credentials: Credentials,
    pub(super) keep: Duration,
}

impl Role {
    /// Returns the role of the environment: the container's role if a variable names the
    /// container's agent, else the instance's role. Returns `None` if instance metadata are
    /// disabled. `before` describes the sources already searched. The error names the invalid
    /// variable and the reason.
    pub(super) fn of(settings: &ProviderSettings, before: String) -> Result<Option<Self>, String> {
        let variable =
            |name: &str| settings.secrets.variable(name).map(|text| text.expose().to_owned());
        let name = if variable(RELATIVE).is_some() { RELATIVE } else { FULL };
        if let Some(text) = variable(name) {
            let url = if name == RELATIVE {
                format!("{AGENT}/{}", text.trim_start_matches('/'))
            } else {
                text
            };
            let url = Url::parse(&url)
                .ok()
                .filter(|url| url.host().is_some())
                .ok_or_else(|| format!("{name} is not a URI"))?;
            if !may_be_asked(&url) {
                let hosts = AGENTS.join(", ");
                return Err(format!(
                    "{name} names {}; over http, only this machine and {hosts} are allowed",
                    url.host_str().unwrap_or_default()
                ));
            }
            let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
                .map(|path| Token::File(path.into()));
            let token = file.or_else(|| {
                settings.secrets.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Token::Fixed)
            });
            return Ok(Some(Self { place: Place::Container { url, token }, before }));
        }
        if variable("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
        {
            return Ok(None);
        }
        let is_ipv6 = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
            .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
        let name = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
        let base = variable(name)
            .unwrap_or_else(|| if is_ipv6 { METADATA_IPV6 } else { METADATA }.to_owned());
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
        let base =
            Url::parse(&base).ok().filter(is_http).ok_or_else(|| format!("{name} is not a URL"))?;
        Ok(Some(Self { place: Place::Instance { base }, before }))
    }

    /// Fetches the credentials. The error lists all searched sources in order.
    pub(super) async fn fetch(&self) -> Result<Fetched, String> {
        let client = client()?;
        let (who, fetched) = match &self.place {
            Place::Container { url, token } => (
                format!("the container's agent at {}", authority(url)),
                container(&client, url, token.as_ref()).await,
            ),
            Place::Instance { base } => (
                format!("the instance's metadata at {}", authority(base)),
                instance(&client, base).await,
            ),
        };
        fetched.map_err(|why| format!("no AWS credentials: {}; then {who}: {why}", self.before))
    }
}

fn client() -> Result<Client, String> {
    let tls = crate::provider::tls_client_config(&[])
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .build()
        .map_err(|_| "the HTTP client cannot be set up".to_owned())
}

fn may_be_asked(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        _ => false,
    };
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "https" || url.scheme() == "http" && (is_loopback || AGENTS.contains(&host))
}

/// Returns the scheme, host and port of a URL. The rest of the URL may be a secret.
fn authority(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.authority().rsplit('@').next().unwrap_or_default())
}

async fn container(client: &Client, url: &Url, token: Option<&Token>) -> Result<Fetched, String> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut request = client.get(url.clone());
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.header()?);
        }
        match asked(request).await.and_then(|text| Answer::read(&text)) {
            Err(_) if attempt < ATTEMPTS => tokio::time::sleep(TIMEOUT / 4).await,
            answered => return answered,
        }
    }
}

impl Token {
    fn header(&self) -> Result<HeaderValue, String> {
        let text = match self {
            Self::Fixed(secret) => secret.expose().to_owned(),
            Self::File(path) => files::read_text(path, MAX_ANSWER as u64)
                .map_err(|error| format!("the token file {}: {error}", path.shown()))?,
        };
        let mut value = HeaderValue::from_str(text.trim_end())
            .map_err(|_| "the token has a character that is not allowed in a header")?;
        value.set_sensitive(true);
        Ok(value)
    }
}

async fn instance(client: &Client, base: &Url) -> Result<Fetched, String> {
    let at = |path: &str| {
        let mut url = base.clone();
        url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
        url
    };
    let token = asked(
        client
            .request(Method::PUT, at(TOKEN_PATH))
            .header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFE),
    )
    .await?;
    let mut token =
        HeaderValue::from_str(token.trim()).map_err(|_| "the service returns no valid token")?;
    token.set_sensitive(true);
    let get =
        |path: &str| asked(client.get(at(path)).header("x-aws-ec2-metadata-token", token.clone()));
    let role =
        get(ROLE_PATH).await.map_err(|why| format!("the request for the role failed: {why}"))?;
    let role = role.lines().next().unwrap_or_default().trim();
    // IAM allows only these characters in the name of a role. Any other character could change the
    // path.
    if role.is_empty()
        || role.starts_with('.')
        || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
    {
        return Err("the instance has no role".into());
    }
    Answer::read(&get(&format!("{ROLE_PATH}{role}")).await?)
}

/// Sends a request and returns the text of its reply, which must have status 200.
async fn asked(request: RequestBuilder) -> Result<String, String> {
    let in_words = |error: &reqwest::Error| {
        if error.is_timeout() { "no answer within a second" } else { "no connection" }.to_owned()
    };
    let mut response = request.send().await.map_err(|error| in_words(&error))?;
    if response.status() != StatusCode::OK {
        return Err(format!("it answers {}", response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| in_words(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err("the answer is too long to contain credentials".into());
        }
    }
    String::from_utf8(body).map_err(|_| "the answer is not text".into())
}

/// The reply of both services:
/// `{"AccessKeyId":"…","SecretAccessKey":"…","Token":"…","Expiration":"2026-11-21T18:00:00Z"}`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
}

impl Answer {
    fn read(text: &str) -> Result<Fetched, String> {
        // The error of the JSON parser is not shown, because it could contain a secret value.
        let Ok(answer) = serde_json::from_str::<Self>(text) else {
            return Err("the answer cannot be read".into());
        };
        if answer.code.is_some_and(|code| code != "Success") {
            return Err("the service returns no credentials for the role".into());
        }
        let keep = match answer.expiration.map(|at| at.parse::<Timestamp>()) {
            None => return Err("the answer has no Expiration".into()),
            Some(Err(_)) => return Err("the answer's Expiration is not a time".into()),
            Some(Ok(at)) => keep(at, Timestamp::now()),
        };
        let credentials = Credentials::new(
            [answer.access_key_id, answer.secret_access_key, answer.token]
                .map(|text| text.map(Secret::new)),
        )?;
        let credentials = credentials
            .filter(|credentials| credentials.session_token.is_some())
            .ok_or("the answer contains no credentials")?;
        Ok(Fetched { credentials, keep })
    }
}

/// Returns how long to use credentials that expire at the time `at`.
fn keep(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default().saturating_sub(BEFORE).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_nobody_but_those_whom_aws_names() {
        for (url, may) in [
            ("http://169.254.170.2/x", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1", true),
            ("http://localhost:80/x", true),
            ("http://127.0.0.7:9/x", true),
            ("http://[::1]/x", true),
            ("https://agent.example/x", true),
            ("http://agent.example/x", false),
            ("http://169.254.170.2.example/", false),
            ("http://localhost.example/", false),
            ("http://169.254.169.254/", false),
            ("ftp://localhost/x", false),
        ] {
            assert_eq!(may_be_asked(&Url::parse(url).unwrap()), may, "{url}");
        }
        assert_eq!(
            authority(&Url::parse("http://user:hunter2@127.0.0.1:9/hunter2?x").unwrap()),
            "http://127.0.0.1:9"
        );
    }

    #[test]
    fn credentials_are_fetched_anew_ten_minutes_before_they_expire_and_at_most_once_a_minute() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (expires, seconds) in [
            ("2026-11-21T18:00:00Z", 6 * 3_600 - 600),
            ("2026-11-21T12:20:00Z", 600),
            ("2026-11-21T12:10:30Z", 60),
            ("2026-11-21T12:01:00Z", 60),
            ("2026-11-21T11:00:00Z", 60),
        ] {
            assert_eq!(
                keep(expires.parse().unwrap(), now),
                Duration::from_secs(seconds),
                "{expires}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_not_credentials_is_refused_without_its_words() {
        for text in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"Code":"Failed","Message":"hunter2"}"#,
            r#"{"AccessKeyId":"AK","SecretAccessKey":"hunter2","Token":"hunter2"}"#,
            r#"{"AccessKeyId":"AK","SecretAccessKey":"hunter2","Token":"hunter2","Expiration":"hunter2"}"#,
            r#"{"AccessKeyId":"AK","SecretAccessKey":"hunter2","Expiration":"2026-11-21T18:00:00Z"}"#,
            r#"{"AccessKeyId":"AK","SecretAccessKey":"hunter2 ","Token":"x","Expiration":"2026-11-21T18:00:00Z"}"#,
            r#"{"AccessKeyId":"AK","SecretAccessKey":7,"Token":"hunter2","Expiration":"2026-11-21T18:00:00Z"}"#,
        ] {
            let why = Answer::read(text).err().expect(text);
            assert!(!why.contains("hunter2"), "{why}");
        }
        let good = r#"{"Code":"Success","AccessKeyId":"AK","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-21T18:00:00Z","RoleArn":"x"}"#;
        assert_eq!(
            Answer::read(good).map(|fetched| fetched.credentials.access_key_id),
            Ok("AK".to_owned())
        );
    }
}
