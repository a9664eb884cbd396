//! Finds the credentials for SES: in the provider's own keys, else in the sources of AWS's own
//! tools, in the same order as those tools.
//!
//! The environment precedes the shared files, unless a profile is named. The role of the container
//! or instance is the last source. If one key of a pair is missing, the pair is refused and not
//! completed from another source. A profile that needs a role, SSO or a program is refused, and the
//! error names its setting. No error contains a value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::credentials::Credentials;
use super::roles::Role;
use crate::files;
use crate::model::error::Result;
use crate::model::shown::Shown;
use crate::provider::ProviderSettings;
use crate::provider::http::Keys;
use crate::secret::Secret;

/// The keys of mailbatch.toml that contain credentials.
const OWN: [&str; 3] = ["access_key_id", "secret_access_key", "session_token"];
/// The environment variables with the same values.
const VARIABLES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/// The entries of the shared files with the same values.
const ENTRIES: [&str; 3] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
/// Entries which show that a profile's credentials are not in the files.
const ELSEWHERE: [&str; 4] = ["role_arn", "sso_session", "sso_start_url", "credential_process"];
/// The variable that selects a role by another service's token.
const WEB_IDENTITY: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

const WITHOUT_ROLES: &str = "`aws configure export-credentials --format env` exports the credentials of a role or of SSO as environment variables, which mailbatch reads";

/// The source of the credentials.
pub(super) enum Source {
    Fixed(Credentials),
    /// Credentials from the shared files. The files are read again after the credentials have
    /// expired.
    Files(Credentials, Files),
    /// A role, whose credentials are fetched before the first request.
    Role(Role),
}

/// Finds the credentials of a provider, or the service that provides them. Fails with exit 2 if it
/// finds neither. Does not use the network.
pub(super) fn find(settings: &ProviderSettings) -> Result<Source> {
    let keys = Keys::of(settings);
    if let Some(key) = OWN.iter().find(|key| settings.keys.contains_key(**key)) {
        if settings.keys.contains_key("profile") {
            return Err(keys
                .error("profile", &format!("conflicts with {key}: both select the credentials"))
                .hint("keep one of the two keys"));
        }
        let id = keys.text(OWN[0])?.map(Secret::new);
        let token =
            if settings.keys.contains_key(OWN[2]) { Some(keys.secret(OWN[2])?) } else { None };
        let own = Credentials::new([id, Some(keys.secret(OWN[1])?), token]).map_err(|what| {
            keys.error(OWN[0], &what)
                .hint("write access_key_id = \"AKIA…\" and secret_access_key = { env = \"NAME\" }")
        })?;
        return own.map(Source::Fixed).ok_or_else(|| keys.error(OWN[0], "missing"));
    }
    let variable = |name: &str| settings.secrets.variable(name);
    if !settings.keys.contains_key("profile") {
        let found = Credentials::new(VARIABLES.map(variable)).map_err(|what| {
            keys.error("profile", &format!("AWS environment variables: {what}"))
                .hint(format!("set {}", VARIABLES.join(", ")))
        })?;
        if let Some(credentials) = found {
            return Ok(Source::Fixed(credentials));
        }
    }
    let files = Files::of(settings)?;
    let found =
        files.credentials().map_err(|what| keys.error("profile", &what).hint(WITHOUT_ROLES))?;
    if let Some(credentials) = found {
        return Ok(Source::Files(credentials, files));
    }
    if variable(WEB_IDENTITY).is_some() {
        return Err(keys
            .error("profile", &format!("{WEB_IDENTITY} is set, which is known, but not built yet"))
            .hint(WITHOUT_ROLES));
    }
    let (name, paths) = (&files.profile, [files.credentials.shown(), files.config.shown()]);
    let before = format!(
        "not in the environment ({}), not under [{name}] in {} or {}",
        VARIABLES[0], paths[0], paths[1]
    );
    // A profile that was named but does not exist was probably mistyped.
    let is_there = files.profile == "default"
        || !files.entries().map_err(|what| keys.error("profile", &what))?.is_empty();
    let role = if is_there {
        Role::of(settings, before.clone())
            .map_err(|what| keys.error("profile", &what).hint("correct or unset this variable"))?
    } else {
        None
    };
    if let Some(role) = role {
        return Ok(Source::Role(role));
    }
    let what = format!("no AWS credentials: {before}");
    Err(keys.error("profile", &what).hint(
        "run `aws configure`, or write access_key_id and secret_access_key = { env = \"NAME\" }",
    ))
}

/// Finds the region to send from. Fails with exit 2 if no source names a region.
pub(super) fn region(settings: &ProviderSettings) -> Result<String> {
    let keys = Keys::of(settings);
    let variable =
        |name: &str| settings.secrets.variable(name).map(|text| text.expose().to_owned());
    let region = match keys
        .text("region")?
        .map(str::to_owned)
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
    {
        Some(region) => Some(region),
        None => Files::of(settings)?
            .entries()
            .map_err(|what| keys.error("region", &what))?
            .remove("region"),
    };
    let hint = "write region = \"eu-west-1\", the region in which the sender is verified";
    match region {
        Some(region)
            if !region.is_empty()
                && region.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
                }) =>
        {
            Ok(region)
        }
        Some(_) => Err(keys.error("region", "not the name of a region").hint(hint)),
        None => Err(keys.error("region", "missing").hint(hint)),
    }
}

/// The shared files of AWS's own tools, and the selected profile.
#[derive(Clone, Debug)]
pub(super) struct Files {
    profile: String,
    credentials: PathBuf,
    config: PathBuf,
}

impl Files {
    fn of(settings: &ProviderSettings) -> Result<Self> {
        let variable =
            |name: &str| settings.secrets.variable(name).map(|text| text.expose().to_owned());
        let home = PathBuf::from(variable("HOME").unwrap_or_default());
        let path = |name: &str, usual: &str| {
            let named = variable(name).unwrap_or_else(|| usual.to_owned());
            named.strip_prefix("~/").map_or_else(|| PathBuf::from(&named), |below| home.join(below))
        };
        let asked = Keys::of(settings).text("profile")?.map(str::to_owned);
        Ok(Self {
            profile: asked
                .or_else(|| variable("AWS_PROFILE"))
                .or_else(|| variable("AWS_DEFAULT_PROFILE"))
                .unwrap_or_else(|| "default".into()),
            credentials: path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
            config: path("AWS_CONFIG_FILE", "~/.aws/config"),
        })
    }

    /// Returns the profile's entries in both files. The credentials file takes precedence.
    fn entries(&self) -> Result<BTreeMap<String, String>, String> {
        let mut entries = BTreeMap::new();
        let named = format!("profile {}", self.profile);
        for (path, section) in [
            (&self.config, named.as_str()),
            (&self.config, &self.profile),
            (&self.credentials, &self.profile),
        ] {
            // In the config file, only the default profile may be written without the word
            // "profile".
            if path == &self.config && section != named && self.profile != "default" {
                continue;
            }
            match files::read_text(path, files::CONFIGURATION) {
                Ok(text) => {
                    let mut new = section_of(&text, section);
                    if ENTRIES.iter().any(|key| new.contains_key(*key)) {
                        ENTRIES.iter().for_each(|key| drop(entries.remove(*key)));
                    }
                    entries.append(&mut new);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{}: {error}", path.shown())),
            }
        }
        Ok(entries)
    }

    /// Reads the profile's current credentials from the files. Returns `None` if the profile has
    /// none.
    pub(super) fn credentials(&self) -> Result<Option<Credentials>, String> {
        let mut entries = self.entries()?;
        let has_keys = entries.contains_key(ENTRIES[0]);
        // A program is used only if the files have no keys. A role or SSO takes precedence over
        // keys.
        if let Some(key) = ELSEWHERE
            .iter()
            .find(|key| entries.contains_key(**key) && !(**key == "credential_process" && has_keys))
        {
            return Err(format!(
                "the profile [{}] says {key}, which is known, but not built yet",
                self.profile
            ));
        }
        let found = Credentials::new(
            ENTRIES.map(|key| entries.remove(key).filter(|text| !text.is_empty()).map(Secret::new)),
        );
        found.map_err(|what| format!("the profile [{}]: {what}", self.profile))
    }
}

/// Returns the entries of one section of an INI file, with lowercase names.
fn section_of(text: &str, section: &str) -> BTreeMap<String, String> {
    let mut is_inside = false;
    let mut entries = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line
            .trim()
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .map(|(name, _)| name.replace('"', ""))
        {
            is_inside = name.split_whitespace().eq(section.split_whitespace());
        // An indented line continues the entry above it. The entries that are read here have no
        // such lines.
        } else if is_inside
            && !line.starts_with(['#', ';', ' ', '\t'])
            && let Some((name, value)) = line.split_once('=')
        {
            entries.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    entries
}
