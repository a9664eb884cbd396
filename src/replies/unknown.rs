//! Detects in any wording that an address does not exist: a word for a mailbox is near a word for
//! absence.
//!
//! Servers use more wordings than a list can contain, such as "no mail box available for this user"
//! or "this mailbox is not present here". Both words must be in the same sentence. If a word for
//! the sender is between them, the sentence is about the sender.

/// The maximum number of words between a word for a mailbox and a word for absence.
const NEAR: usize = 6;

/// Words for the recipient or its mailbox.
const NOUNS: [&str; 25] = [
    "user",
    "users",
    "person",
    "username",
    "userid",
    "user-id",
    "recipient",
    "recipients",
    "mailbox",
    "mailboxes",
    "mail-box",
    "inbox",
    "account",
    "accounts",
    "address",
    "addresses",
    "addressee",
    "adressee",
    "addressees",
    "alias",
    "local-part",
    "localpart",
    "utente",
    "usuario",
    "destinatario",
];

/// Words for absence that follow a word of [`NOUNS`].
const AFTER: [&str; 55] = [
    " unknown ",
    " invalid ",
    " nonexistent ",
    " non-existent ",
    " non existent ",
    " inexistent ",
    " not exist ",
    " not exists ",
    " doesn't exist ",
    " doesnt exist ",
    " don't exist ",
    " dont exist ",
    " didn't exist ",
    " not existing ",
    " not found ",
    " not be found ",
    " wasn't found ",
    " couldn't be found ",
    " can't be found ",
    " not known ",
    " isn't known ",
    " not valid ",
    " isn't valid ",
    " not a valid ",
    " isn't a valid ",
    " not recognized ",
    " not recognised ",
    " unrecognized ",
    " unrecognised ",
    " not listed ",
    " not present ",
    " not registered ",
    " not defined ",
    " not correct ",
    " incorrect ",
    " no longer ",
    " not an active ",
    " not a known ",
    " has been deleted ",
    " was deleted ",
    " been removed ",
    " was removed ",
    " been cancelled ",
    " was cancelled ",
    " was closed ",
    " been closed ",
    " been discontinued ",
    " been terminated ",
    " unavaiable ",
    " not hosted ",
    " not handled ",
    " not our ",
    " not here ",
    " badrecipientto ",
    " reserved by rfc ",
];

/// Words for absence that precede a word of [`NOUNS`].
const BEFORE: [&str; 21] = [
    " no such ",
    " unknown ",
    " invalid ",
    " nonexistent ",
    " non-existent ",
    " undefined ",
    " unrecognized ",
    " unrecognised ",
    " incorrect ",
    " no valid ",
    " not a valid ",
    " not a known ",
    " cannot find ",
    " can't find ",
    " could not find ",
    " couldn't find ",
    " unable to find ",
    " can't accept ",
    " not recognize ",
    " not recognise ",
    " nessun ",
];

/// Words that make a sentence one about the sender or a host.
const OTHERS: [&str; 20] = [
    "sender",
    "sender's",
    "senders",
    "sending",
    "from",
    "return",
    "reply",
    "reply-to",
    "envelope",
    "originator",
    "ip",
    "relay",
    "helo",
    "ehlo",
    "host",
    "your",
    "client",
    "header",
    "login",
    "authentication",
];

/// Whether a text normalized by [`super::normal()`] says that an address does not exist.
pub(crate) fn says_absent(text: &str) -> bool {
    let text = text.replace("mail box", "mailbox").replace("local part", "localpart");
    text.split(['.', ';', '!', '?']).filter(|sentence| !is_about_many(sentence)).any(|sentence| {
        let words: Vec<&str> = sentence
            .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '\''))
            .map(|word| word.trim_matches(['-', '\'']))
            .filter(|word| !word.is_empty())
            .collect();
        (0..words.len()).any(|at| NOUNS.contains(&words[at]) && is_absent(&words, at))
    })
}

/// Whether a sentence is about the number of this sender's unknown recipients, and not about this
/// recipient.
pub(super) fn is_about_many(sentence: &str) -> bool {
    // Phrases about delivery attempts for this message, which say nothing about other recipients.
    const TRIES: [&str; 6] = [
        "delivery attempts",
        "attempts to deliver",
        "attempts to send",
        "attempts:",
        "attempts made",
        "failed attempts",
    ];
    let is_of_delivery = TRIES.iter().any(|words| sentence.contains(words));
    ["too many", "excessive", "number of", "percentage", "ratio of", "high rate"]
        .iter()
        .any(|words| sentence.contains(words))
        || (sentence.contains("attempts") && !is_of_delivery)
}

fn is_absent(words: &[&str], at: usize) -> bool {
    let before = &words[at.saturating_sub(NEAR)..at];
    if before.iter().rev().take(2).any(|word| OTHERS.contains(word)) {
        return false;
    }
    let after = &words[at + 1..words.len().min(at + 1 + NEAR)];
    let after = after.split(|word| OTHERS.contains(word)).next().unwrap_or_default();
    let spaced = |words: &[&str]| format!(" {} ", words.join(" "));
    let near = spaced(&before[before.len().saturating_sub(4)..]);
    let follows = spaced(after);
    // In "no mailbox" the word for absence directly precedes the noun.
    before.last() == Some(&"no")
        || BEFORE.iter().any(|word| near.contains(word))
        || AFTER.iter().any(|word| follows.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_in_words_that_no_list_has() {
        for text in [
            "550 no mail box available for this user",
            "mailbox not present on this server",
            "this user is not one that we know: user is not registered here",
            "550 address is not an active address at this host",
            "the account you wrote to has been terminated",
            "cannot find that recipient",
            "the addressee is, sadly, unknown",
            "unrecognised account",
        ] {
            assert!(says_absent(text), "{text}");
        }
    }

    #[test]
    fn sentences_about_the_sender_or_a_machine_say_nothing_about_the_person() {
        for text in [
            "sender address does not exist",
            "your ip address is not registered",
            "host not found",
            "your account is unknown",
            "user is over quota. the domain was not found",
            "the recipient refuses mail from unknown hosts",
            "too many unknown recipients from this host",
            "blocked after attempts to reach invalid users",
            "",
        ] {
            assert!(!says_absent(text), "{text}");
        }
    }
}
