//! What a request is signed with.

use crate::secret::Secret;

/// What a request is signed with.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Secret,
    /// Only temporary credentials have one.
    pub(super) session_token: Option<Secret>,
}

impl Credentials {
    /// Whether they sign alike.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let token = |credentials: &Self| {
            credentials.session_token.as_ref().map(|token| token.expose().to_owned())
        };
        self.access_key_id == other.access_key_id
            && self.secret_access_key.expose() == other.secret_access_key.expose()
            && token(self) == token(other)
    }

    /// What must never be seen.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.secret_access_key).chain(&self.session_token)
    }

    /// Of the three values; fails with what is wrong about them.
    pub(super) fn new([id, key, token]: [Option<Secret>; 3]) -> Result<Option<Self>, String> {
        let (id, key) = match (id, key) {
            (None, None) if token.is_none() => return Ok(None),
            (Some(id), Some(key)) => (id, key),
            (None, _) => return Err("there is no access key id beside the rest".into()),
            (_, None) => return Err("there is no secret access key beside the rest".into()),
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
            return Err("a value is empty, or holds a space, a line break or another character that no AWS key has".into());
        }
        Ok(Some(Self {
            access_key_id: id.expose().to_owned(),
            secret_access_key: key,
            session_token: token,
        }))
    }
}
