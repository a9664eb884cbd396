//! Which column holds the address: the one that is named, or the only one that can be meant.

use crate::error::{Error, Result};
use crate::recipient::Columns;

/// Headings that mean an e-mail address, letters and digits only: plain ones, and those of HubSpot, Salesforce, Mailchimp and Outlook exports.
const HEADINGS: [&str; 8] = ["email", "emailaddress", "mail", "contactemail", "contactemailaddress", "leademail", "subscriberemail", "emailadresse"];

/// Finds the place of the e-mail column: exactly `configured` if given, else the only heading that can be meant.
///
/// Errs with exit 4 and the list's columns where there is none or a choice.
pub fn guess_email_column(columns: &Columns, configured: Option<&str>, list_name: &str) -> Result<usize> {
    let names = columns.names();
    if let Some(wanted) = configured {
        return columns.position(wanted).ok_or_else(|| {
            let error = Error::refused(format!("{list_name}: has no column {wanted:?} (its columns: {})", listed(names)));
            match nearest(names, wanted) {
                Some(near) => error.hint(format!("did you mean {near:?}? --email COLUMN, or email under [list] in mailbatch.toml, names the column")),
                None => error.hint("--email COLUMN, or email under [list] in mailbatch.toml, names the column with the addresses"),
            }
        });
    }
    let candidates: Vec<usize> = (0..names.len()).filter(|&place| HEADINGS.contains(&normal(&names[place]).as_str())).collect();
    let message = match candidates[..] {
        [only] => return Ok(only),
        [] => format!("{list_name}: no column is called email (its columns: {})", listed(names)),
        _ => {
            let found = candidates.iter().map(|&place| names[place].clone()).collect::<Vec<_>>();
            format!("{list_name}: {} columns could hold the address: {} (all columns: {})", found.len(), listed(&found), listed(names))
        }
    };
    Err(Error::refused(message).hint("name it: --email COLUMN, or email = \"COLUMN\" under [list] in mailbatch.toml (list.email)"))
}

fn normal(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn nearest<'a>(names: &'a [String], wanted: &str) -> Option<&'a str> {
    let score = |name: &str| strsim::jaro_winkler(&normal(name), &normal(wanted));
    let near = names.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(near) > 0.8).then_some(near)
}

/// The names for a message, the first thirty of many.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 30;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names.iter().take(SHOWN).map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn guess(names: &[&str], configured: Option<&str>) -> Result<usize> {
        guess_email_column(&Columns::new(names.iter().map(|&name| name.to_owned()).collect()), configured, "l.csv")
    }

    #[test]
    fn the_only_heading_that_can_be_meant_is_taken() {
        for heading in
            ["email", "e-mail", "E-Mail", "Email Address", "EMAIL", "email_address", "mail", "Contact: Email", "Lead Email", "E-Mail-Adresse"]
        {
            assert_eq!(guess(&["id", heading, "name", "email_opt_in"], None).unwrap(), 1, "{heading}");
        }
    }

    #[test]
    fn no_column_and_two_columns_are_refused_with_the_columns_and_the_flag() {
        let error = guess(&["id", "name"], None).unwrap_err();
        assert_eq!(error.exit(), Exit::REFUSED);
        assert!(error.to_string().contains("(its columns: id, name)") && error.to_string().contains("--email COLUMN"), "{error}");
        let error = guess(&["email", "name", "Email Address"], None).unwrap_err();
        assert_eq!(error.exit(), Exit::REFUSED);
        assert!(error.to_string().contains("2 columns could hold the address: email, Email Address"), "{error}");
        assert!(guess(&[], None).unwrap_err().to_string().contains("(its columns: none)"));
    }

    #[test]
    fn a_configured_column_must_exist_exactly() {
        assert_eq!(guess(&["email", "work_email"], Some("work_email")).unwrap(), 1);
        let error = guess(&["email", "work_email"], Some("work_emial")).unwrap_err();
        assert!(error.to_string().contains("did you mean \"work_email\"?"), "{error}");
        assert!(!guess(&["id", "x"], Some("email")).unwrap_err().to_string().contains("did you mean"));
    }
}
