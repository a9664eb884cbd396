//! Reads Mailgun's lists, in which each page links to the next one.
//!
//! A link is followed only if it leads to the same list of the same service.

use serde::Deserialize;
use url::Url;

use super::Mailgun;
use crate::model::outcome::Reason;
use crate::provider::Refusal;
use crate::provider::account::Trouble;

#[derive(Default, Deserialize)]
pub(super) struct Paging {
    #[serde(default)]
    pub(super) next: String,
}

impl Mailgun {
    pub(super) fn list_path(&self, list: &str) -> String {
        format!("/v3/{}/{list}", self.domain)
    }

    /// Returns the path of a link, if the link leads below `list` at the same service.
    pub(super) fn path_below(&self, link: &str, list: &str) -> Result<String, Trouble> {
        let url = Url::parse(link).map_err(|_| elsewhere())?;
        let base = self.http.base();
        let is_here = (url.scheme(), url.host_str(), url.port_or_known_default())
            == (base.scheme(), base.host_str(), base.port_or_known_default());
        if !is_here
            || !url.path().get(..list.len()).is_some_and(|start| start.eq_ignore_ascii_case(list))
        {
            return Err(elsewhere());
        }
        Ok(url
            .query()
            .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())))
    }

    /// Returns the path of a link to the next page, if the link leads to the same list of the same
    /// service.
    pub(super) fn path_of(&self, link: &str, list: &str) -> Result<String, Trouble> {
        let list = self.list_path(list);
        let path = self.path_below(link, &list)?;
        match path.get(list.len()..) {
            Some("") => Ok(path),
            Some(rest) if rest.starts_with('?') => Ok(path),
            _ => Err(elsewhere()),
        }
    }
}

fn elsewhere() -> Trouble {
    Trouble::Refused(Refusal::new(
        Reason::Session,
        "",
        "the link to the next page leads elsewhere, so it is not followed",
    ))
}
