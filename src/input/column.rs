//! Finds the column of the addresses: the configured column, or the only possible one.

use crate::model::error::{Error, Result};
use crate::model::recipient::Columns;

/// Column headings that mean an e-mail address, reduced to letters and digits. They are common
/// headings in several languages, and those of HubSpot, Salesforce, Mailchimp and Outlook exports.
const HEADINGS: [&str; 64] = [
    "email",
    "emails",
    "emailaddress",
    "mail",
    "mailaddress",
    "contactemail",
    "contactemailaddress",
    "leademail",
    "subscriberemail",
    "emailadresse",
    "mailadresse",
    "adressemail",
    "adresseemail",
    "adressedecourriel",
    "adressedemessagerie",
    "adressedemessagerieélectronique",
    "courriel",
    "adresseélectronique",
    "adresseelectronique",
    "correo",
    "correoelectrónico",
    "correoelectronico",
    "direccióndecorreoelectrónico",
    "direcciondecorreoelectronico",
    "emaildirección",
    "indirizzoemail",
    "indirizzodipostaelettronica",
    "postaelettronica",
    "indirizzopostaelettronica",
    "endereçodeemail",
    "enderecodeemail",
    "emailadres",
    "adresemail",
    "adresaemail",
    "epost",
    "epostadress",
    "epostadresse",
    "eposta",
    "epostaadresi",
    "sähköposti",
    "sähköpostiosoite",
    "электроннаяпочта",
    "メールアドレス",
    "电子邮件",
    "电子邮箱",
    "邮箱",
    "邮件地址",
    "電子郵件",
    "電子信箱",
    "電子メール",
    "이메일",
    "이메일주소",
    "전자메일주소",
    "电子邮件地址",
    "電子郵件地址",
    "電子メールアドレス",
    "адресэлпочты",
    "адресэлектроннойпочты",
    "адресаелектронноїпошти",
    "emailcím",
    "emailováadresa",
    "διεύθυνσηηλεκτρονικούταχυδρομείου",
    "عنوانالبريدالإلكتروني",
    "البريدالإلكتروني",
];

/// Column headings that count only if none of [`HEADINGS`] occurs. They come from exports with
/// several address columns (Google Contacts, Outlook), and from payment and survey services.
const LESSER_HEADINGS: [&str; 12] = [
    "email1value",
    "emailaddress1",
    "email1",
    "email1address",
    "primaryemail",
    "customeremail",
    "customeremailaddress",
    "recipientemail",
    "billingemail",
    "personemail",
    "useremail",
    "memberemail",
];

/// Returns whether a heading can mean an e-mail address.
pub(crate) fn is_email_heading(cell: &str) -> bool {
    // This function is called for many cells, and most of them are too long to be such a heading.
    cell.len() <= 60 && cell.chars().any(char::is_alphabetic) && {
        let normal = normal(cell);
        HEADINGS.contains(&normal.as_str()) || LESSER_HEADINGS.contains(&normal.as_str())
    }
}

/// Parts of headings about e-mail, in several languages.
const WORDS: [&str; 19] = [
    "mail",
    "courriel",
    "correo",
    "posta",
    "epost",
    "почт",
    "пошта",
    "имейл",
    "メール",
    "邮",
    "郵",
    "이메일",
    "بريد",
    "ایمیل",
    "ईमेल",
    "אימייל",
    "דואל",
    "อีเมล",
    "ηλεκτρονικ",
];

/// Returns whether a heading mentions e-mail, so that its column may contain addresses.
pub(crate) fn is_about_mail(name: &str) -> bool {
    let normal = normal(name);
    is_email_heading(name) || WORDS.iter().any(|word| normal.contains(word))
}

/// Returns whether a heading does not mean an address. The column was then chosen by its values.
pub(super) fn is_by_content(name: &str) -> bool {
    !is_email_heading(name)
}

/// Returns the index of the address column. It is the first of these columns that exists:
///
/// - the column called `configured`, which is the only choice if this name is given
/// - the only column whose heading means an address
/// - the column `by_content`, the only one that contains addresses, if its heading mentions e-mail
///   (`Person - Email - Work`)
///
/// Exit 4, with the list's columns, if no column or several columns are possible.
pub(crate) fn guess_email_column(
    columns: &Columns,
    configured: Option<&str>,
    by_content: Option<usize>,
    list_name: &str,
) -> Result<usize> {
    let names = columns.names();
    if let Some(wanted) = configured {
        if let Some((first, second)) = columns.repeated(wanted) {
            return Err(twice(list_name, wanted, first, second));
        }
        return columns.position(wanted).ok_or_else(|| {
            let error = Error::refused(format!("{list_name}: has no column {wanted:?} (its columns: {})", listed(names)));
            match nearest_name(names.iter().map(String::as_str), wanted) {
                _ if wanted.contains('@') => error.hint(
                    "--email-column COLUMN (here also spelled --email) names a column; `mailbatch preview LIST --email ADDRESS` shows one recipient",
                ),
                Some(near) => error.hint(format!("did you mean {near:?}? --email-column, or email under [list] in mailbatch.toml, names the column")),
                None => error.hint("--email-column COLUMN, or email under [list] in mailbatch.toml, names the column with the addresses"),
            }
        });
    }
    let of = |headings: &[&str]| -> Vec<usize> {
        (0..names.len())
            .filter(|&place| headings.contains(&normal(&names[place]).as_str()))
            .collect()
    };
    let mut candidates = of(&HEADINGS);
    if candidates.is_empty() {
        candidates = of(&LESSER_HEADINGS);
    }
    // A column name with an `@` is a recipient's address: the list has no header.
    let by_content =
        by_content.and_then(|at| Some((at, names.get(at).filter(|name| !name.contains('@'))?)));
    let message = match (&candidates[..], by_content.map(|(at, name)| (at, name.as_str()))) {
        ([only], _) => return Ok(*only),
        ([], Some((at, name))) if is_about_mail(name) => return Ok(at),
        ([], Some((at, ""))) => {
            let what = format!(
                "{list_name}: no column is called email; the addresses are in column {}, which has no name",
                at + 1
            );
            return Err(Error::refused(what).hint(
                "if the list has no header, add a first line that names the columns, such as email,first_name",
            ));
        }
        ([], Some((_, name))) => {
            format!(
                "{list_name}: no column is called email; only {name:?} holds addresses (its columns: {})",
                listed(names)
            )
        }
        ([], None) => {
            format!("{list_name}: no column is called email (its columns: {})", listed(names))
        }
        _ => {
            let found = candidates.iter().map(|&place| names[place].clone()).collect::<Vec<_>>();
            format!(
                "{list_name}: {} columns could hold the address: {} (all columns: {})",
                found.len(),
                listed(&found),
                listed(names)
            )
        }
    };
    Err(Error::refused(message).hint("name it: --email-column COLUMN, or email = \"COLUMN\" under [list] in mailbatch.toml (list.email)"))
}

/// Returns the error for the use of a column whose name occurs twice. `first` and `second` are
/// indices from 0.
pub(super) fn twice(list: &str, name: &str, first: usize, second: usize) -> Error {
    Error::refused(format!(
        "{list}: column {name:?} stands twice, as columns {} and {}",
        first + 1,
        second + 1
    ))
    .hint("rename one of them in the header")
}

/// Returns a name in lowercase, without blanks and punctuation.
pub(super) fn normal(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns the name most similar to `wanted`, if any is similar enough.
pub(crate) fn nearest_name<'a>(
    names: impl IntoIterator<Item = &'a str>,
    wanted: &str,
) -> Option<&'a str> {
    let score = |name: &str| strsim::jaro_winkler(&normal(name), &normal(wanted));
    let near = names.into_iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(near) > 0.8).then_some(near)
}

/// Returns the names for a message, at most the first thirty.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 30;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| match name {
            _ if name.is_empty() => "(no name)".to_owned(),
            // If the list has no header, this is a recipient's address.
            _ if name.contains('@') => "(an address)".to_owned(),
            _ => name.escape_debug().to_string(),
        })
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::exit::Exit;

    fn guess(names: &[&str], configured: Option<&str>) -> Result<usize> {
        guess_email_column(
            &Columns::new(names.iter().map(|&name| name.to_owned()).collect()),
            configured,
            None,
            "l.csv",
        )
    }

    #[test]
    fn the_only_heading_that_can_be_meant_is_taken() {
        let plain = [
            "email",
            "e-mail",
            "E-Mail",
            "Email Address",
            "EMAIL",
            "email_address",
            "mail",
            "Contact: Email",
            "Lead Email",
            "E-Mail-Adresse",
        ];
        let outlook = [
            "电子邮件地址",
            "電子メール アドレス",
            "E-mail cím",
            "Адрес эл. почты",
            "Adres e-mail",
            "البريد الإلكتروني",
        ];
        for heading in plain.into_iter().chain(outlook) {
            assert_eq!(
                guess(&["id", heading, "name", "email_opt_in"], None).unwrap(),
                1,
                "{heading}"
            );
        }
    }

    #[test]
    fn no_column_and_two_columns_are_refused_with_the_columns_and_the_flag() {
        let error = guess(&["id", "name"], None).unwrap_err();
        assert_eq!(error.exit(), Exit::REFUSED);
        assert!(
            error.to_string().contains("(its columns: id, name)")
                && error.to_string().contains("--email-column COLUMN"),
            "{error}"
        );
        let error = guess(&["email", "name", "Email Address"], None).unwrap_err();
        assert_eq!(error.exit(), Exit::REFUSED);
        assert!(
            error.to_string().contains("2 columns could hold the address: email, Email Address"),
            "{error}"
        );
        assert!(guess(&[], None).unwrap_err().to_string().contains("(its columns: none)"));
    }

    #[test]
    fn the_only_column_with_addresses_is_taken_if_its_heading_is_about_mail() {
        let by = |names: &[&str], at| {
            guess_email_column(
                &Columns::new(names.iter().map(|&name| name.to_owned()).collect()),
                None,
                at,
                "l.csv",
            )
        };
        for heading in [
            "Person - Email - Work",
            "Billing Email Address",
            "Reporter Email",
            "E-mailová adresa",
            "您的邮箱",
            "البريد",
            "ईमेल पता",
        ] {
            assert_eq!(by(&["id", heading, "Shipping Email"], Some(1)).unwrap(), 1, "{heading}");
        }
        assert_eq!(
            by(&["email", "Person - Email - Work"], Some(1)).unwrap(),
            0,
            "a heading goes before"
        );
        let error = by(&["id", "owner"], Some(1)).unwrap_err().to_string();
        assert!(
            error.contains("only \"owner\" holds addresses") && error.contains("--email-column"),
            "{error}"
        );
        let error = by(&["id", ""], Some(1)).unwrap_err().to_string();
        assert!(
            error.contains("the addresses are in column 2, which has no name")
                && error.contains("if the list has no header"),
            "{error}"
        );
    }

    #[test]
    fn a_configured_column_must_exist_exactly() {
        assert_eq!(guess(&["email", "work_email"], Some("work_email")).unwrap(), 1);
        let error = guess(&["email", "work_email"], Some("work_emial")).unwrap_err();
        assert!(error.to_string().contains("did you mean \"work_email\"?"), "{error}");
        assert!(
            !guess(&["id", "x"], Some("email")).unwrap_err().to_string().contains("did you mean")
        );
    }
}
