//! Reads the suppression exports of other services, each in its own format.
//!
//! A file that is not such an export is refused. A row is skipped and counted if it does not
//! concern all mail to an address. Entries about policy and reputation suppress no address.
//!
//! The formats, as read on 2026-11-21:
//!
//! - HubSpot:
//!   <https://knowledge.hubspot.com/contacts/what-do-the-columns-mean-in-csv-i-receive-when-i-export-unsubscribes-and-bounces>.
//! - Mailchimp: the files of unsubscribed and of cleaned contacts in an audience's export,
//!   <https://mailchimp.com/help/view-export-contacts/>.
//! - SendGrid: the CSV of each page under Suppressions. Bounces and blocks have the same columns
//!   and are distinguished by their status.
//! - SES: the output of `list-suppressed-destinations`, or the two columns without a header that an
//!   import job accepts,
//!   <https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html>.

use std::io::Read;

use jiff::Timestamp;

use super::entry::parse_entry;
use super::exchange::{foreign_time, plain_name};
use super::rows::{self, Flaw};
use crate::input::{Finding, ReadOptions};
use crate::ledger::LedgerSuppression;
use crate::model::error::{Error, Result};
use crate::model::outcome::Reason;

/// The service that wrote the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    HubSpot,
    Mailchimp,
    SendGrid,
    Ses,
}

impl Preset {
    fn as_str(self) -> &'static str {
        match self {
            Self::HubSpot => "hubspot",
            Self::Mailchimp => "mailchimp",
            Self::SendGrid => "sendgrid",
            Self::Ses => "ses",
        }
    }
}

/// The result of reading an export.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    pub entries: Vec<LedgerSuppression>,
    /// The number of rows that concern only some mail, or that do not suppress an address.
    pub left_out: u64,
    /// The findings about rows that the reader skipped or repaired.
    pub findings: Vec<Finding>,
}

/// Reads an export. If one row is invalid, nothing is imported, and the error has exit 4. `name` is
/// the name of the input in messages. `reading` contains the encoding and the delimiter, if known.
pub(crate) fn import_preset(
    reader: impl Read + Send + 'static,
    name: &str,
    reading: &ReadOptions,
    preset: Preset,
    now: Timestamp,
) -> Result<Exported> {
    let mut columns: Option<Columns> = None;
    let mut found = Exported::default();
    let findings = rows::each(reader, name, reading, |row| {
        let columns = match &columns {
            Some(columns) => columns,
            None => {
                let (read, is_header) = Columns::of(preset, row)?;
                let read = columns.insert(read);
                if is_header {
                    return Ok(Some(read.email));
                }
                read
            }
        };
        let entry = parse_entry(columns.email(row))
            .map_err(|what| (what, "correct the row, or remove it"))?;
        // Exports of other services contain addresses only, so a domain or hash entry is an error.
        if entry.starts_with('@') || entry.starts_with("sha256:") {
            return Err(("row contains no address".to_owned(), "correct the row, or remove it"));
        }
        let Some(reason) = columns.reason(preset, row)? else {
            found.left_out += 1;
            return Ok(None);
        };
        let created_at = columns.time(preset, row)?.unwrap_or(now);
        let source = format!("{} export", preset.as_str());
        found.entries.push(LedgerSuppression {
            entry,
            reason,
            scope: String::new(),
            source,
            created_at,
            expires_at: None,
            note: String::new(),
        });
        Ok(None)
    })?;
    found.findings = findings;
    if columns.is_none() {
        return Err(Error::refused(format!("{name} is empty"))
            .hint("name the file that the service exported"));
    }
    Ok(found)
}

/// The positions of an export's columns, by normalized name.
struct Columns {
    names: Vec<String>,
    email: usize,
}

impl Columns {
    /// Finds the columns, and whether the first row is a header. Users of HubSpot and Mailchimp can
    /// create columns, so unknown columns are ignored. For other services, an unknown column shows
    /// that another program wrote the file.
    fn of(preset: Preset, first: &[&str]) -> Result<(Self, bool), Flaw> {
        let names: Vec<String> = first.iter().map(|name| plain_name(name)).collect();
        if preset == Preset::Ses
            && let [email, "BOUNCE" | "COMPLAINT"] = first
            && parse_entry(email).is_ok()
        {
            return Ok((
                Self { names: vec!["emailaddress".into(), "reason".into()], email: 0 },
                false,
            ));
        }
        let (emails, needed, others): (&[&str], &[&str], Option<&[&str]>) = match preset {
            Preset::HubSpot => (&["email", "emailaddress", "recipient"], &HUBSPOT, None),
            Preset::Mailchimp => (&["emailaddress", "email"], &["unsubtime", "cleantime"], None),
            Preset::SendGrid => (&["email"], &["created"], Some(&["status", "reason", "ip"])),
            Preset::Ses => (
                &["emailaddress", "email"],
                &["reason", "suppressionreason"],
                Some(&["lastupdatetime", "dateadded"]),
            ),
        };
        let is = |known: &[&str], name: &String| known.contains(&name.as_str());
        let shown = || {
            first.iter().copied().filter(|name| !name.contains('@')).collect::<Vec<_>>().join(", ")
        };
        let refuse = |what: String| {
            Err((what, "export the file again without changing it, or import it without --preset"))
        };
        let Some(email) = names.iter().position(|name| is(emails, name)) else {
            return refuse(format!(
                "this is no export of {}: it has no column of addresses; the columns are: {}",
                preset.as_str(),
                shown()
            ));
        };
        if !names.iter().any(|name| is(needed, name)) {
            let expected = match preset {
                Preset::HubSpot => {
                    "Portal Bounce, Portal Unsubscribe, Portal Spam Report, Global Bounce or Unsubscribed from all email"
                }
                Preset::Mailchimp => {
                    "UNSUB_TIME or CLEAN_TIME; the file of subscribed contacts has neither"
                }
                Preset::SendGrid => "created",
                Preset::Ses => "Reason",
            };
            return refuse(format!(
                "this is no export of {}: none of its columns is {expected}; the columns are: {}",
                preset.as_str(),
                shown()
            ));
        }
        let unknown = |(_, name): &(usize, &String)| {
            others.is_some_and(|others| !is(emails, name) && !is(needed, name) && !is(others, name))
        };
        if let Some((place, _)) = names.iter().enumerate().find(unknown) {
            return refuse(format!(
                "an export of {1} has no column {0:?}",
                first[place],
                preset.as_str()
            ));
        }
        Ok((Self { names, email }, true))
    }

    fn email<'a>(&self, row: &[&'a str]) -> &'a str {
        row.get(self.email).copied().unwrap_or_default()
    }

    /// The first non-empty field in these columns.
    fn text<'a>(&self, row: &[&'a str], names: &[&str]) -> &'a str {
        let mut values = names
            .iter()
            .filter_map(|wanted| self.names.iter().position(|name| name == wanted))
            .filter_map(|place| row.get(place));
        values.find(|value| !value.is_empty()).copied().unwrap_or_default()
    }

    /// Whether one of these columns contains "yes" or a reason.
    fn says_yes(&self, row: &[&str], names: &[&str]) -> bool {
        names.iter().any(|name| {
            !matches!(
                self.text(row, &[name]).to_ascii_lowercase().as_str(),
                "" | "false" | "no" | "0" | "none"
            )
        })
    }

    /// The reason why the row's address is suppressed. `None` if the address is not suppressed, or
    /// only for some mail.
    fn reason(&self, preset: Preset, row: &[&str]) -> Result<Option<Reason>, Flaw> {
        let has = |name: &str| self.names.iter().any(|known| known == name);
        Ok(match preset {
            Preset::HubSpot if self.says_yes(row, &["portalspamreport"]) => Some(Reason::Complaint),
            Preset::HubSpot
                if self
                    .says_yes(row, &["portalbounce", "globalbounce", "emailhardbouncereason"]) =>
            {
                Some(Reason::HardBounce)
            }
            Preset::HubSpot
                if self.says_yes(
                    row,
                    &["portalunsubscribe", "globalunsubscribe", "unsubscribedfromallemail"],
                ) =>
            {
                Some(Reason::Unsubscribe)
            }
            Preset::HubSpot => None,
            Preset::Mailchimp
                if self.text(row, &["unsubreason"]).to_ascii_lowercase().contains("abuse") =>
            {
                Some(Reason::Complaint)
            }
            Preset::Mailchimp if !self.text(row, &["cleantime"]).is_empty() => {
                Some(Reason::HardBounce)
            }
            // Every recipient in this file has unsubscribed, even if the row does not contain a
            // reason.
            Preset::Mailchimp if has("unsubtime") => Some(Reason::Unsubscribe),
            Preset::Mailchimp => Some(Reason::HardBounce),
            Preset::SendGrid if has("ip") => Some(Reason::Complaint),
            Preset::SendGrid if has("status") => {
                let status = self.text(row, &["status"]);
                // A block is temporary, and a bounce for policy reasons concerns the sender, so
                // neither suppresses the address.
                (!status.starts_with('4') && !status.starts_with("5.7"))
                    .then_some(Reason::HardBounce)
            }
            Preset::SendGrid if has("reason") => Some(Reason::HardBounce),
            Preset::SendGrid => Some(Reason::Unsubscribe),
            Preset::Ses => {
                match self.text(row, &["reason", "suppressionreason"]).to_ascii_uppercase().as_str()
                {
                    "BOUNCE" => Some(Reason::HardBounce),
                    "COMPLAINT" => Some(Reason::Complaint),
                    _ => {
                        return Err((
                            "reason is neither BOUNCE nor COMPLAINT".to_owned(),
                            "correct the row, or remove it",
                        ));
                    }
                }
            }
        })
    }

    fn time(&self, preset: Preset, row: &[&str]) -> Result<Option<Timestamp>, Flaw> {
        let names: &[&str] = match preset {
            Preset::HubSpot => &[],
            Preset::Mailchimp => &["cleantime", "unsubtime"],
            Preset::SendGrid => &["created"],
            Preset::Ses => &["lastupdatetime", "dateadded"],
        };
        let text = self.text(row, names);
        // Removes the fraction of a second that SES writes.
        let whole = text
            .split_once('.')
            .filter(|(whole, _)| whole.bytes().all(|b| b.is_ascii_digit()))
            .map_or(text, |(whole, _)| whole);
        match whole {
            "" => Ok(None),
            text => foreign_time(text).map(Some).ok_or_else(|| {
                ("date is not known".to_owned(), "export the file again without changing it")
            }),
        }
    }
}

/// The columns of HubSpot that concern all mail to an address.
const HUBSPOT: [&str; 7] = [
    "portalbounce",
    "portalunsubscribe",
    "portalspamreport",
    "globalbounce",
    "globalunsubscribe",
    "unsubscribedfromallemail",
    "emailhardbouncereason",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::exit::Exit;

    fn read(preset: Preset, text: &str) -> Result<Exported> {
        import_preset(
            std::io::Cursor::new(text.to_owned()),
            "export.csv",
            &ReadOptions::default(),
            preset,
            Timestamp::UNIX_EPOCH,
        )
    }

    #[track_caller]
    fn reasons(preset: Preset, text: &str, wanted: &[(&str, &str)], left_out: u64) {
        let found = read(preset, text).expect("an export");
        let all: Vec<(&str, &str)> =
            found.entries.iter().map(|kept| (kept.entry.as_str(), kept.reason.as_str())).collect();
        assert_eq!((all.as_slice(), found.left_out), (wanted, left_out), "{text}");
    }

    #[test]
    fn hubspot_is_known_by_columns_and_opting_out_of_some_mail_is_left_out() {
        let text = "Email,Portal Bounce,Portal Unsubscribe,Portal Spam Report,Global Bounce,Marketing Information,Our News\n\
                    a@x.example,550 no such user,,,,,\nb@x.example,,TRUE,,,TRUE,\nC@X.example,TRUE,TRUE,TRUE,,,\nd@x.example,false,,,TRUE,,\n\
                    e@x.example,,FALSE,,,TRUE,TRUE\n";
        let wanted = [
            ("a@x.example", "hard_bounce"),
            ("b@x.example", "unsubscribe"),
            ("c@x.example", "complaint"),
            ("d@x.example", "hard_bounce"),
        ];
        reasons(Preset::HubSpot, text, &wanted, 1);
        reasons(
            Preset::HubSpot,
            "Record ID,Email,Unsubscribed from all email\n1,a@x.example,true\n2,b@x.example,\n",
            &[("a@x.example", "unsubscribe")],
            1,
        );
    }

    #[test]
    fn mailchimp_is_known_by_the_file() {
        let left = "Email Address,First Name,MEMBER_RATING,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID\n\
                    a@x.example,Ann,2,2021-03-04 05:06:07,Spring,1,NORMAL,,1,1\nb@x.example,Ben,2,2021-03-04 05:06:07,,,ABUSE,,1,1\n";
        reasons(
            Preset::Mailchimp,
            left,
            &[("a@x.example", "unsubscribe"), ("b@x.example", "complaint")],
            0,
        );
        assert_eq!(
            read(Preset::Mailchimp, left).unwrap().entries[0].created_at,
            "2021-03-04T05:06:07Z".parse().unwrap()
        );
        let cleaned = "\"Email Address\",CLEAN_TIME,CLEAN_CAMPAIGN_TITLE\na@x.example,\"2021-03-04 05:06:07\",Spring\n";
        reasons(Preset::Mailchimp, cleaned, &[("a@x.example", "hard_bounce")], 0);
    }

    #[test]
    fn sendgrid_is_known_by_columns_and_its_blocks_suppress_no_address() {
        let bounces = "status,reason,email,created\n5.1.1,550 no such user,a@x.example,1700000000\n5.7.1,blocked,b@x.example,1700000000\n4.0.0,later,c@x.example,1700000000\n";
        reasons(Preset::SendGrid, bounces, &[("a@x.example", "hard_bounce")], 2);
        reasons(
            Preset::SendGrid,
            "email,created\na@x.example,1700000000\n",
            &[("a@x.example", "unsubscribe")],
            0,
        );
        reasons(
            Preset::SendGrid,
            "ip,email,created\n10.0.0.1,a@x.example,1700000000\n",
            &[("a@x.example", "complaint")],
            0,
        );
        reasons(
            Preset::SendGrid,
            "reason,email,created\nMail domain mentioned in email address is unknown,a@x.example,1700000000\n",
            &[("a@x.example", "hard_bounce")],
            0,
        );
    }

    #[test]
    fn ses_has_two_reasons_with_and_without_a_header() {
        let wanted = [("a@x.example", "hard_bounce"), ("b@x.example", "complaint")];
        reasons(
            Preset::Ses,
            "EmailAddress,Reason,LastUpdateTime\na@x.example,BOUNCE,1700000000.25\nb@x.example,COMPLAINT,2023-11-14T22:13:20Z\n",
            &wanted,
            0,
        );
        reasons(Preset::Ses, "a@x.example,BOUNCE\nb@x.example, COMPLAINT\n", &wanted, 0);
    }

    #[test]
    fn what_is_not_that_export_is_refused_with_its_line_and_no_address() {
        for (preset, text, says) in [
            (Preset::HubSpot, "Email,Name\na@x.example,Ann\n", "Portal Bounce"),
            (Preset::HubSpot, "Name,Portal Bounce\nAnn,TRUE\n", "no column of addresses"),
            (
                Preset::Mailchimp,
                "Email Address,First Name,OPTIN_TIME\na@x.example,Ann,2021-03-04 05:06:07\n",
                "subscribed contacts has neither",
            ),
            (
                Preset::SendGrid,
                "email,created,shoe_size\na@x.example,1700000000,43\n",
                "\"shoe_size\"",
            ),
            (Preset::SendGrid, "a@x.example,1700000000\n", "export.csv:1"),
            (
                Preset::Ses,
                "EmailAddress,Reason\na@x.example,WHIM\n",
                "export.csv:2: reason is neither",
            ),
            (Preset::Ses, "EmailAddress,Reason\na at x,BOUNCE\n", "export.csv:2"),
            (Preset::Ses, "EmailAddress,Reason\n@x.example,BOUNCE\n", "no address"),
            (
                Preset::Ses,
                "EmailAddress,Reason,LastUpdateTime\na@x.example,BOUNCE,soon\n",
                "date is not known",
            ),
            (Preset::Ses, "", "is empty"),
        ] {
            let error = read(preset, text).map(|found| found.entries).expect_err(text);
            assert!(
                error.exit() == Exit::REFUSED
                    && error.to_string().contains(says)
                    && error.to_string().contains("hint:"),
                "{error}"
            );
            assert!(!error.to_string().contains("a@x.example"), "{error}");
        }
    }
}
