//! The messages that are sent: text and HTML with six variables, about 5 KiB as it goes over the
//! wire, and the same content in the forms that people keep it in; and newsletters.

use std::path::Path;
use std::{fs, io};

/// The subject; `{{ … }}` means the same to mailbatch, to mailmerge and to the scripts under
/// `peers/`.
pub(crate) const SUBJECT: &str = "News for {{ name }}";

/// The sender.
pub(crate) const FROM: &str = "News <news@acme.example>";

/// The directory of the attached files.
const ATTACHMENTS: &str = "attachments";

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

/// In which form a message is given to mailbatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text and HTML apart, in the configuration.
    Apart,
    /// One `.html` file, from which the text part is made.
    Html,
    /// The same with a condition and a filter.
    Conditions,
    /// One `.md` file.
    Markdown,
    /// An `.html` file of about so many bytes as MJML makes it, with a link for every 580 of them
    /// and a condition.
    Newsletter(usize),
    /// Text and HTML apart, with a file for each row from the directory next to the workspace.
    Attached,
}

impl Form {
    /// The keys under `[message]` that name the body.
    pub(crate) fn keys(self) -> String {
        match self {
            Self::Apart => {
                format!("text = \"\"\"\n{}\"\"\"\nhtml = \"\"\"\n{}\"\"\"\n", text(), html())
            }
            Self::Attached => {
                format!(
                    "{}attach_dir = \"../{ATTACHMENTS}\"\nattachments = [{{ path = \"{{{{ id }}}}.pdf\" }}]\n",
                    Self::Apart.keys()
                )
            }
            _ => format!("file = \"{}\"\n", self.file_name()),
        }
    }

    fn file_name(self) -> &'static str {
        if self == Self::Markdown { "message.md" } else { "message.html" }
    }

    /// The file named in the keys, and its content.
    pub(crate) fn file(self) -> Option<(&'static str, Vec<u8>)> {
        let content = match self {
            Self::Apart | Self::Attached => return None,
            Self::Html => html(),
            Self::Conditions => conditions(),
            Self::Markdown => text(),
            Self::Newsletter(bytes) => newsletter(bytes),
        };
        Some((self.file_name(), content.into_bytes()))
    }
}

/// Writes a file of this many bytes for each row, unless a file is there: pseudo-random bytes, which
/// look like a compressed file.
pub(crate) fn write_attachments(dir: &Path, rows: u64, bytes: usize) -> io::Result<()> {
    let dir = dir.join(ATTACHMENTS);
    fs::create_dir_all(&dir)?;
    for row in 0..rows {
        let path = dir.join(format!("{row}.pdf"));
        if !path.exists() {
            fs::write(path, attachment(row, bytes))?;
        }
    }
    Ok(())
}

fn attachment(row: u64, bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ row;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

fn conditions() -> String {
    html().replace(
        "<p>Your plan is {{ plan }},",
        "{% if plan == 'basic' %}<p>There is more in the next plan.</p>{% endif %}\n\
         <p>Your plan is {{ plan | upper }},",
    )
}

/// A newsletter in nested tables with inline styles.
pub(crate) fn newsletter(bytes: usize) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><title>News</title>\
         <!--[if mso]><xml><o:OfficeDocumentSettings></o:OfficeDocumentSettings></xml><![endif]-->\n\
         <style type=\"text/css\">\n#outlook a { padding: 0; }\nbody { margin: 0; }\n\
         @media only screen and (min-width: 480px) { .mj-column-per-50 { width: 50% !important; } }\n\
         </style></head>\n<body style=\"word-spacing: normal\">\n\
         <div style=\"display:none;max-height:0;overflow:hidden\">What is new this month</div>\n\
         <h1>Hello {{ name }}</h1>\n{% if plan == 'basic' %}<p>There is more in the next plan of {{ company }}.</p>{% endif %}\n",
    );
    for (i, line) in filler(usize::MAX).enumerate() {
        if html.len() + 300 > bytes {
            break;
        }
        html.push_str(&format!(
            "<table align=\"center\" border=\"0\" cellpadding=\"0\" cellspacing=\"0\" role=\"presentation\" style=\"width:100%;\">\n\
             <tbody><tr><td style=\"direction:ltr;font-size:0px;padding:20px 0;text-align:center;\">\n\
             <div class=\"mj-column-per-50\" style=\"font-family:Helvetica, Arial, sans-serif;font-size:13px;\">\n\
             <a href=\"https://acme.example/news/{i}?utm_source=news\" style=\"color:#1155cc;text-decoration:none\">Part {i} of the catalogue</a>\n\
             <p style=\"margin:10px 0\">{line}</p></div></td></tr></tbody></table>\n"
        ));
    }
    html.push_str("<p>Your plan is {{ plan }}, your number is {{ id }}, in {{ city }}.</p>\n<p>This went to {{ email }}.</p>\n</body></html>\n");
    html
}
