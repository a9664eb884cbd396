//! The message that everybody sends: text and HTML with six variables, about 5 KiB as it goes over
//! the wire.

/// The subject; `{{ … }}` means the same to mailbatch, to mailmerge and to the scripts under
/// `peers/`.
pub(crate) const SUBJECT: &str = "News for {{ name }}";

/// The sender.
pub(crate) const FROM: &str = "News <news@acme.example>";

const FILLER: [&str; 4] = [
    "This month the workshop moved into a larger hall beside the river.",
    "Orders placed before noon now leave on the same day of the week.",
    "The new catalogue lists every part by number and by photograph.",
    "Two evening courses are open to beginners, and both are free.",
];

fn filler(lines: usize) -> impl Iterator<Item = &'static str> {
    FILLER.iter().copied().cycle().take(lines)
}

/// The plain text.
pub(crate) fn text() -> String {
    let mut text = String::from(
        "Hello {{ name }},\n\nthank you and everybody at {{ company }} in {{ city }} for staying.\n\n",
    );
    for line in filler(19) {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(
        "\nYour plan is {{ plan }}, your number is {{ id }}.\nThis went to {{ email }}.\n",
    );
    text
}

/// The HTML.
pub(crate) fn html() -> String {
    let mut html = String::from(
        "<!doctype html>\n<html><body>\n<h1>Hello {{ name }}</h1>\n\
         <p>Thank you and everybody at {{ company }} in {{ city }} for staying.</p>\n",
    );
    for line in filler(35) {
        html.push_str("<p>");
        html.push_str(line);
        html.push_str("</p>\n");
    }
    html.push_str("<p>Your plan is {{ plan }}, your number is {{ id }}.</p>\n<p>This went to {{ email }}.</p>\n</body></html>\n");
    html
}
