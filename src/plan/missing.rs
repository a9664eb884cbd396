//! Builds the hint for a row that cannot be rendered because the message uses an undefined name.
//! The hint lists the columns, and suggests the one that may be meant.

use crate::input::context::alias;
use crate::input::nearest_name;

/// The hint if the list has the column, but the row has no value in it.
const FILL_IN: &str =
    "fill in the column, or give the message a default: {{ name | default('friend') }}";
/// The hint if a row's attachment cannot be read.
const PUT_FILE: &str = "put the file at this path below attach_dir, or correct the column; a row without a path has no attachment";
/// The hints for keys whose rendered value is not valid, by the name of the key's template.
const INVALID: [(&str, &str); 5] = [
    (
        "reply_to",
        "`reply_to` must render to mailboxes separated by commas, such as Acme <help@acme.example>, or to nothing: correct its template or the column",
    ),
    (
        "feedback_id",
        "`feedback_id` must render to CAMPAIGN:CUSTOMER:TYPE:SENDER, whose first three parts may be empty: correct its template or the column",
    ),
    (
        "unsubscribe_url",
        "`unsubscribe_url` must render to an https, http or mailto URL: correct its template or the column",
    ),
    (
        "unsubscribe_mailto",
        "`unsubscribe_mailto` must render to one address: correct its template or the column",
    ),
    (
        "body file",
        "`body` must render to the name of a file in its folder: add the file, or correct the column",
    ),
];
/// The maximum number of column names in a hint.
const SHOWN: usize = 20;

/// The name that is undefined according to a rendering error; `None` for other errors.
fn undefined_in(what: &str) -> Option<&str> {
    let (before, _) = what.split_once("` is undefined")?;
    before.rsplit_once('`').map(|(_, name)| name)
}

/// The column that a name refers to: `items` for `items[0].title`, `First Name` for `row["First
/// Name"]`.
fn column_of(name: &str) -> &str {
    let root = name.split(['.', '[', ' ', '|']).next().unwrap_or(name);
    if root != "row" {
        return root;
    }
    let rest = &name[root.len()..];
    let quoted = rest.split(['"', '\'']).nth(1).or_else(|| rest.strip_prefix('.'));
    quoted.unwrap_or(root)
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// How a message refers to a column, for example `{{ name }}` or `{{ row["First Name"] }}`.
fn as_written(column: &str, all: &[&str]) -> String {
    let short = alias(column);
    match () {
        () if is_identifier(column) => format!("{{{{ {column} }}}}"),
        () if is_identifier(&short)
            && all.iter().filter(|other| alias(other) == short).count() == 1 =>
        {
            format!("{{{{ {short} }}}}")
        }
        () => format!("{{{{ row[\"{}\"] }}}}", column.replace('\\', r"\\").replace('"', r#"\""#)),
    }
}

/// The hint for a row that cannot be rendered. `what` is the text of the error; `columns` are the
/// columns of all lists.
pub(crate) fn fix<'a>(what: &str, columns: impl IntoIterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = Vec::new();
    for column in columns.into_iter().filter(|column| !column.is_empty()) {
        if !all.contains(&column) {
            all.push(column);
        }
    }
    let Some(name) = undefined_in(what).map(column_of) else {
        if what.starts_with("path of attachment") {
            return PUT_FILE.to_owned();
        }
        let template = what.split([',', ':']).next().unwrap_or(what);
        let found = INVALID.iter().find(|(name, _)| *name == template);
        return found.map_or(FILL_IN, |(_, fix)| fix).to_owned();
    };
    if all.is_empty() || all.iter().any(|column| *column == name || alias(column) == name) {
        return FILL_IN.to_owned();
    }
    let near = nearest_name(all.iter().copied(), name);
    let meant =
        near.map(|near| format!("did you mean {}? ", as_written(near, &all))).unwrap_or_default();
    let more =
        if all.len() > SHOWN { format!(" and {} more", all.len() - SHOWN) } else { String::new() };
    let listed: Vec<String> =
        all.iter().take(SHOWN).map(|column| as_written(column, &all)).collect();
    format!(
        "{meant}the columns are {}{more}; or give the message a default: {{{{ name | default('friend') }}}}",
        listed.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_column_is_named_as_it_is_written() {
        let fix = |name: &str, columns: &[&str]| {
            fix(&format!("subject, line 3: `{name}` is undefined"), columns.iter().copied())
        };
        let columns = ["email", "name", "Preis (€)", "Größe"];
        assert_eq!(
            fix("Preis", &columns),
            "did you mean {{ preis }}? the columns are {{ email }}, {{ name }}, {{ preis }}, {{ row[\"Größe\"] }}; or give the message a \
             default: {{ name | default('friend') }}"
        );
        assert!(fix("naem", &columns).starts_with("did you mean {{ name }}? "));
        assert!(
            fix("row[\"Grösse\"]", &columns).starts_with("did you mean {{ row[\"Größe\"] }}? ")
        );
        assert!(fix("row.nmae", &columns).starts_with("did you mean {{ name }}? "));
        assert!(fix("zzz", &columns).starts_with("the columns are {{ email }}"));
        assert!(
            fix("x", &["Name", "name "]).contains("{{ Name }}, {{ row[\"name \"] }}"),
            "{}",
            fix("x", &["Name", "name "])
        );
    }

    #[test]
    fn a_column_that_is_there_is_to_be_filled_in() {
        for (what, columns) in [
            ("body, line 1: `name` is undefined", vec!["email", "name"]),
            ("body, line 1: `name.first` is undefined", vec!["name"]),
            ("body, line 1: `first_name` is undefined", vec!["First Name"]),
            ("body: invalid operation", vec!["email"]),
            ("body: `name` is undefined", vec![]),
        ] {
            assert_eq!(fix(what, columns.iter().copied()), FILL_IN, "{what}");
        }
        for (what, says) in [
            ("reply_to: address has no @", "`reply_to` must render to mailboxes"),
            ("feedback_id, line 3: must have four fields", "`feedback_id` must render to CAMPAIGN"),
            ("unsubscribe_mailto: address has no @", "`unsubscribe_mailto` must"),
            ("unsubscribe_url: is not an https, http or mailto URL", "`unsubscribe_url` must"),
            ("body file: `{{ x }}.html` gives \"y.html\", which", "`body` must render to"),
        ] {
            assert!(fix(what, ["email"]).starts_with(says), "{what}");
        }
        assert_eq!(fix("reply_to: `rep` is undefined", ["rep"]), FILL_IN);
        let many: Vec<String> = (0..30).map(|n| format!("c{n}")).collect();
        assert!(
            fix("`zz` is undefined", many.iter().map(String::as_str))
                .contains("{{ c19 }} and 10 more;")
        );
    }
}
