//! Represents the AWS credentials that sign a request.

use crate::secret::Secret;

/// The AWS credentials that sign a request.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Secret,
    /// Set only for temporary credentials.
    pub(super) session_token: Option<Secret>,
}

impl Credentials {
    /// Returns whether both credentials give the same signatures.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let token = |credentials: &Self| {
            credentials.session_token.as_ref().map(|token| token.expose().to_owned())
        };
        self.access_key_id == other.access_key_id
            && self.secret_access_key.expose() == other.secret_access_key.expose()
            && token(self) == token(other)
    }

    /// Returns the values that must never be shown.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.secret_access_key).chain(&self.session_token)
    }

    /// Builds credentials from the three values. The error says what is wrong with the values.
    pub(super) fn new([id, key, token]: [Option<Secret>; 3]) -> Result<Option<Self>, String> {
        let (id, key) = match (id, key) {
            (None, None) if token.is_none() => return Ok(None),
            (Some(id), Some(key)) => (id, key),
            (None, _) => return Err("there is no access key id, but other values are set".into()),
            (_, None) => {
                return Err("there is no secret access key, but other values are set".into());
            }
        };
        let is_bare = |secret: &Secret| {
            !secret.expose().is_empty()
                && secret.expose().bytes().all(|byte| matches!(byte, 33..=126))
        };
        if !is_bare(&key)
            || !token.as_ref().is_none_or(is_bare)
            || !id
                .expose()
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        {
            return Err("a value is empty, or contains a space, a line break or another character that no AWS key has".into());
        }
        Ok(Some(Self {
            access_key_id: id.expose().to_owned(),
            secret_access_key: key,
            session_token: token,
        }))
    }
}
