//! Logs in with AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN or XOAUTH2.
//!
//! If a reply of the server repeats the secret, the secret is removed before the reply is shown.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::connection::Connection;
use super::extensions::Extensions;
use super::fault::Fault;
use super::reply::Answer;
use super::step::Step;
use crate::provider::renewable::Renewable;
use crate::secret::Secret;

/// An authentication mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    Plain,
    Login,
    /// XOAUTH2, where the password is a bearer token.
    XOAuth2,
}

impl Mechanism {
    /// Every mechanism with its word in mailbatch.toml.
    pub(super) const WORDS: [(&'static str, Self); 3] =
        [("plain", Self::Plain), ("login", Self::Login), ("xoauth2", Self::XOAuth2)];

    /// Returns the name as a server announces it.
    pub(super) fn keyword(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::XOAuth2 => "XOAUTH2",
        }
    }

    /// Returns the mechanism to use: the configured one, else PLAIN, else LOGIN. XOAUTH2 must be
    /// configured, because a password does not show whether it is a token.
    pub(super) fn choose(asked: Option<Self>, offered: &Extensions) -> Option<Self> {
        let is_offered =
            |mechanism: &Self| offered.auth.iter().any(|word| word == mechanism.keyword());
        match asked {
            Some(mechanism) => Some(mechanism).filter(is_offered),
            None => [Self::Plain, Self::Login].into_iter().find(is_offered),
        }
    }
}

/// A user name with a password.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) user: String,
    /// The password or the token.
    pub(super) password: Renewable,
}

/// Returns whether a reply refuses the password, and not the mechanism or the command.
pub(super) fn refuses_password(answer: &Answer) -> bool {
    answer.class() == 5 && !matches!(answer.code, 500..=504 | 534 | 538)
}

/// Logs in. Returns the server's final reply with secrets removed.
pub(super) async fn authenticate(
    connection: &mut Connection,
    mechanism: Mechanism,
    user: &str,
    password: &Secret,
) -> Result<Answer, Fault> {
    let password = password.expose();
    let mut responses = match mechanism {
        Mechanism::Plain => {
            vec![BASE64_STANDARD.encode(format!("\0{user}\0{password}").as_bytes())]
        }
        Mechanism::Login => vec![
            BASE64_STANDARD.encode(user.as_bytes()),
            BASE64_STANDARD.encode(password.as_bytes()),
        ],
        Mechanism::XOAuth2 => vec![
            BASE64_STANDARD
                .encode(format!("user={user}\x01auth=Bearer {password}\x01\x01").as_bytes()),
        ],
    };
    let secrets: Vec<String> = responses.iter().cloned().chain([password.to_owned()]).collect();
    responses.reverse();
    let mut command = format!("AUTH {}", mechanism.keyword());
    // The initial response must fit into a command line of 512 bytes including CRLF (RFC 4954
    // section 4).
    if mechanism != Mechanism::Login
        && responses.last().is_some_and(|first| command.len() + 1 + first.len() <= 510)
    {
        command.push(' ');
        command.push_str(&responses.pop().unwrap_or_default());
    }
    let mut answer = exchange(connection, &command, &secrets).await?;
    let mut is_cancelled = false;
    while answer.code == 334 && !is_cancelled {
        // XOAUTH2 sends its error in a challenge, and the refusal only after an empty response. Any
        // other unexpected challenge also gets an empty response, once.
        let response = responses.pop();
        is_cancelled = response.is_none();
        answer = exchange(connection, &response.unwrap_or_default(), &secrets).await?;
    }
    match answer.class() {
        2 | 4 | 5 if answer.code != 421 => Ok(answer),
        _ if answer.code == 421 => Err(Fault::Closing(Step::Auth, answer)),
        _ => Err(Fault::Garbled(Step::Auth, answer.code_text())),
    }
}

async fn exchange(
    connection: &mut Connection,
    line: &str,
    secrets: &[String],
) -> Result<Answer, Fault> {
    let mut answer = connection.command(Step::Auth, line).await?;
    for text in &mut answer.lines {
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), "…");
            }
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_comes_before_login_and_xoauth2_must_be_asked_for() {
        let offering = |words: &[&str]| Extensions {
            auth: words.iter().map(|w| (*w).to_owned()).collect(),
            ..Extensions::default()
        };
        assert_eq!(Mechanism::choose(None, &offering(&["LOGIN", "PLAIN"])), Some(Mechanism::Plain));
        assert_eq!(
            Mechanism::choose(None, &offering(&["LOGIN", "XOAUTH2"])),
            Some(Mechanism::Login)
        );
        assert_eq!(Mechanism::choose(None, &offering(&["XOAUTH2"])), None);
        assert_eq!(
            Mechanism::choose(Some(Mechanism::XOAuth2), &offering(&["XOAUTH2"])),
            Some(Mechanism::XOAuth2)
        );
        assert_eq!(Mechanism::choose(Some(Mechanism::Plain), &offering(&["LOGIN"])), None);
    }
}
