//! Removes from a refusal the words of the reporting server and repeated reply codes, which say
//! nothing about the reason.
//!
//! If only a reply code remains, it is trusted. Other text without a known phrase is an unknown
//! reason.

/// Phrases of the reporting server around a reply. They say nothing about the recipient.
const FRAMES: [&str; 17] = [
    "smtp error from remote mail server after rcpt to:<>:",
    "smtp error from remote mail server",
    "smtp error from remote server",
    "does not like recipient.",
    "giving up on",
    "(in reply to rcpt to command)",
    "in reply to rcpt to command",
    "in response to rcpt to command",
    "in reply to rcpt to",
    "in response to rcpt to",
    "after rcpt to:<>:",
    "after rcpt to:<>",
    "after rcpt to",
    "error following rcpt command",
    ">>> rcpt to:<>",
    ">>> rcpt to: <>",
    ">>> rcpt to",
];

/// Words that any refusal may contain (RFC 5321 section 4.2.3).
const EMPTY: [&str; 18] = [
    "requested",
    "mail",
    "action",
    "not",
    "taken",
    "aborted",
    "undeliverable",
    "unavailable",
    "recipient",
    "mailbox",
    "user",
    "address",
    "account",
    "smtp",
    "or",
    "for",
    "to",
    "the",
];

/// Removes the reporting server's phrases and the name of the replying host from a text. A host
/// name may contain any word. The text was normalized by [`crate::replies::normal()`].
pub(super) fn without_frame(said: &str) -> String {
    let bare = FRAMES.iter().fold(said.to_owned(), |said, frame| {
        if said.contains(frame) { said.replace(frame, " ") } else { said }
    });
    let host = bare
        .split_once("host ")
        .and_then(|(before, rest)| Some((before, rest.split_once(" said:")?)));
    match host.filter(|(_, (host, _))| !host.contains(' ')) {
        Some((before, (_, reply))) => format!("{before}said:{reply}"),
        None => bare,
    }
}

/// Removes repeated reply codes from a multi-line reply such as `550-Not taken 550 Try again`.
pub(super) fn without_repeated(said: &str, code: &str) -> String {
    let Some(first) = said.find(code).filter(|_| code.len() == 3) else { return said.to_owned() };
    let (before, rest) = said.split_at(first + code.len());
    let rest = rest.replace(&format!(" {code}-"), " ");
    format!("{before}{}", rest.replace(&format!(" {code} "), " "))
}

/// Removes Sendmail's own explanation of the code from the text around a reply: `550 5.7.1
/// <ann@example.com>... User unknown`.
pub(super) fn without_own_words(around: String, said: &str) -> String {
    const OWN: [&str; 2] = ["... user unknown", "... invalid address"];
    if said.is_empty() || !around.contains("<<< ") {
        return around;
    }
    OWN.iter().fold(around, |around, own| around.replace(own, "..."))
}

/// Whether a refusal gives no reason: it has no text, or only words of [`EMPTY`].
pub(super) fn gives_none(said: &str, code: &str) -> bool {
    let reply = said.split_once(code).filter(|_| !code.is_empty()).map_or(said, |(_, reply)| reply);
    // Host names, paths and numbers are ignored.
    let words = reply
        .split_whitespace()
        .filter(|word| !(word.trim_end_matches(['.', ',', ':', ';']).contains(['.', '/', '='])));
    words
        .flat_map(|word| word.split(|c: char| !c.is_alphabetic()))
        .filter(|word| word.chars().count() > 1)
        .all(|word| EMPTY.contains(&word))
}

/// Restores a complete multi-line reply from a Sendmail transcript. Sendmail reports only the first
/// line, such as `550-Not taken`.
pub(super) fn whole(said: &str, code: &str, around: &str) -> Option<String> {
    let is_first = said.contains(&format!("{code}-")) && !said.contains(&format!("{code} "));
    if code.len() != 3 || !is_first {
        return None;
    }
    let mark = "<<< ";
    let mut whole = said.to_owned();
    for line in around.split(mark).skip(1).filter(|line| line.starts_with(code)) {
        // If the code occurs again in the line, Sendmail's own sentence begins there.
        let line = line.split(['\n', '>']).next().unwrap_or(line);
        let end = line[code.len()..]
            .find(&format!(" {code} "))
            .map_or(line.len(), |end| end + code.len());
        whole.push(' ');
        whole.push_str(line[..end].trim_end());
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_code_is_told_from_one_with_words() {
        for said in [
            "550",
            "550 <>",
            "smtp; 550 5.1.1",
            "host mx.example.net said: 550 action not taken",
            "550 mx1.example.net 4711",
        ] {
            assert!(gives_none(said, "550"), "{said}");
        }
        for said in ["550 go away", "550 teilnehmer", "550 error", "550 no thanks", "x yz"] {
            assert!(!gives_none(said, "550"), "{said}");
        }
    }

    #[test]
    fn the_lines_of_a_reply_are_put_together_and_its_code_is_read_once() {
        let around = "... while talking to mx.example.net.: >>> RCPT To:<> <<< 550-Not taken <<< 550 Try again 550 5.1.1 <>... User unknown";
        assert_eq!(
            whole("SMTP; 550-Not taken", "550", around).as_deref(),
            Some("SMTP; 550-Not taken 550-Not taken 550 Try again")
        );
        assert_eq!(whole("SMTP; 550 Not taken", "550", around), None);
        assert_eq!(
            without_repeated("smtp; 550-not taken 550-for us 550 try again", "550"),
            "smtp; 550-not taken for us try again"
        );
        assert_eq!(
            without_frame(
                "<>: host spam.example.net[192.0.2.1] said: 550 no (in reply to rcpt to command)"
            ),
            "<>: said: 550 no  "
        );
    }
}
