//! Finds statements about a recipient or a delivery in many languages, by words of `languages.txt`
//! that are near each other.
//!
//! Only words of one sentence and one language are combined. If a word for the sender is near, the
//! statement is about the sender. Sentences that begin with "if" are ignored.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Meaning;
use super::normal::unaccented;
use super::sentence::sentences;

/// The maximum distance in bytes between two words to combine.
const NEAR: usize = 100;

/// The maximum number of known words to examine in one sentence.
const MOST: usize = 200;

/// The meaning of a known word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Recipient,
    Sender,
    Other,
    Gone,
    Full,
    Closed,
    Deleted,
    Idle,
    Refused,
    Mail,
    Deliver,
    Failed,
    Undelivered,
    NotYet,
    If,
}

#[derive(Debug)]
struct Stem {
    text: String,
    language: usize,
    kind: Kind,
    /// Whether the stem may also occur within a word.
    is_inner: bool,
    /// Whether the word must end with the stem.
    is_whole: bool,
}

/// A known word in a sentence.
#[derive(Clone, Copy, Debug)]
struct Hit {
    start: usize,
    end: usize,
    language: usize,
    kind: Kind,
}

/// The stems of `languages.txt`, grouped by their first two bytes.
static STEMS: LazyLock<HashMap<[u8; 2], Vec<Stem>>> = LazyLock::new(|| {
    let mut stems: HashMap<[u8; 2], Vec<Stem>> = HashMap::new();
    for stem in stems_of(include_str!("languages.txt")) {
        if let [first, second, ..] = stem.text.as_bytes() {
            stems.entry([*first, *second]).or_default().push(stem);
        }
    }
    stems
});

/// The position of English in `languages.txt`. English words are used only for labels and
/// deliveries. [`super::text_reason`] reads English statements about a mailbox.
const ENGLISH: usize = 1;

fn stems_of(text: &str) -> Vec<Stem> {
    let mut stems = Vec::new();
    let mut language = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        language += usize::from(line.starts_with('['));
        let Some((kind, words)) =
            line.split_once(": ").and_then(|(name, words)| Some((kind_of(name)?, words)))
        else {
            continue;
        };
        stems.extend(words.split(", ").map(|word| {
            let text = word.trim_start_matches('*').trim_end_matches('_');
            Stem {
                text: unaccented(text),
                language,
                kind,
                is_inner: word.starts_with('*'),
                is_whole: word.ends_with('_'),
            }
        }));
    }
    stems
}

fn kind_of(name: &str) -> Option<Kind> {
    Some(match name {
        "recipient" => Kind::Recipient,
        "sender" => Kind::Sender,
        "other" => Kind::Other,
        "gone" => Kind::Gone,
        "full" => Kind::Full,
        "closed" => Kind::Closed,
        "deleted" => Kind::Deleted,
        "idle" => Kind::Idle,
        "refused" => Kind::Refused,
        "mail" => Kind::Mail,
        "deliver" => Kind::Deliver,
        "failed" => Kind::Failed,
        "undelivered" => Kind::Undelivered,
        "not-yet" => Kind::NotYet,
        "if" => Kind::If,
        _ => return None,
    })
}

/// Whether a letter belongs to a script without spaces between words, or to one that joins suffixes
/// to words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// Finds the known words in a sentence normalized by [`super::normal()`]. If one word contains
/// another of the same language, the longer one counts.
fn hits(sentence: &str) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    let mut before = ' ';
    for (start, c) in sentence.char_indices() {
        let begins = is_unspaced(c) || !before.is_alphanumeric();
        before = c;
        let Some(first) = sentence.as_bytes().get(start..start + 2) else { break };
        let Some(stems) = STEMS.get(first) else { continue };
        for stem in stems
            .iter()
            .filter(|stem| (begins || stem.is_inner) && sentence[start..].starts_with(&stem.text))
        {
            let end = start + stem.text.len();
            if !(stem.is_whole && sentence[end..].starts_with(char::is_alphanumeric)) {
                hits.push(Hit { start, end, language: stem.language, kind: stem.kind });
            }
        }
        if hits.len() >= MOST {
            break;
        }
    }
    let is_within = |hit: &Hit, other: &Hit| {
        other.language == hit.language
            && other.start <= hit.start
            && hit.end <= other.end
            && other.end - other.start > hit.end - hit.start
    };
    let all = hits.clone();
    hits.retain(|hit| !all.iter().any(|other| is_within(hit, other)));
    hits
}

fn is_near(one: &Hit, other: &Hit) -> bool {
    one.start.max(other.start).saturating_sub(one.end.min(other.end)) <= NEAR
}

/// Finds the known words of each sentence, except in sentences that begin with "if".
fn said(text: &str) -> impl Iterator<Item = Vec<Hit>> {
    sentences(text).into_iter().map(|range| hits(text[range].trim_start())).filter(|hits| {
        let is_imagined = hits.iter().any(|hit| hit.kind == Kind::If && hit.start == 0);
        !hits.is_empty() && !is_imagined
    })
}

/// Returns the statement of a text, normalized by [`super::normal()`], about the recipient's
/// mailbox or the sender.
pub(super) fn of_mailbox(text: &str) -> Option<Meaning> {
    let mut of_sender = false;
    for hits in said(text) {
        let is_of_sender =
            |state: &Hit| hits.iter().any(|hit| hit.kind == Kind::Sender && is_near(hit, state));
        let about_mail = |state: &Hit| {
            hits.iter().any(|hit| hit.kind == Kind::Mail && hit.language == state.language)
        };
        let says = |wanted: Kind| {
            let mut states = hits.iter().filter(|state| {
                state.kind == wanted && state.language != ENGLISH && !is_of_sender(state)
            });
            states.any(|state| {
                let mut people = hits
                    .iter()
                    .filter(|hit| hit.kind == Kind::Recipient && hit.language == state.language);
                people.any(|hit| is_near(hit, state))
                    && !(wanted == Kind::Deleted && about_mail(state))
            })
        };
        // Temporary states come first. "Full or does not exist" does not prove that the mailbox
        // does not exist.
        for (kind, means) in [
            (Kind::Full, Meaning::Full),
            (Kind::Closed, Meaning::Disabled),
            (Kind::Gone, Meaning::Gone),
            (Kind::Deleted, Meaning::Gone),
        ] {
            if says(kind) {
                return Some(means);
            }
        }
        let is_state =
            |kind: Kind| matches!(kind, Kind::Gone | Kind::Closed | Kind::Refused | Kind::Deleted);
        of_sender |= hits
            .iter()
            .any(|state| is_state(state.kind) && state.language != ENGLISH && is_of_sender(state));
    }
    of_sender.then_some(Meaning::Sender)
}

/// Returns the meaning of single words, such as "refused", that are not near a word for a mailbox.
pub(super) fn in_single_words(text: &str) -> Option<Meaning> {
    let has = |kinds: &[Kind]| {
        said(text)
            .any(|hits| hits.iter().any(|hit| hit.language != ENGLISH && kinds.contains(&hit.kind)))
    };
    match () {
        () if has(&[Kind::Refused, Kind::Closed]) => Some(Meaning::Policy),
        () if has(&[Kind::Full]) => Some(Meaning::Full),
        () => None,
    }
}

/// Whether a text in any language, normalized by [`super::normal()`], says that a message was not
/// delivered.
pub(crate) fn says_undelivered(text: &str) -> bool {
    said(text).any(|hits| hits.iter().any(|hit| is_denied_delivery(hit, &hits, Kind::Failed)))
}

/// Whether a text normalized by [`super::normal()`] says that a message was not delivered yet.
pub(crate) fn says_not_yet(text: &str) -> bool {
    said(text).any(|hits| hits.iter().any(|hit| is_denied_delivery(hit, &hits, Kind::NotYet)))
}

/// Whether a word reports a failed delivery: it means a refusal, or a delivery with a word of kind
/// `denial` near it. The sentence must also contain a word for a message or a mailbox.
fn is_denied_delivery(hit: &Hit, hits: &[Hit], denial: Kind) -> bool {
    let of_language = |kinds: &[Kind]| {
        hits.iter()
            .filter(|other| other.language == hit.language && kinds.contains(&other.kind))
            .copied()
            .collect::<Vec<_>>()
    };
    let is_denied = match hit.kind {
        Kind::Undelivered | Kind::Refused => denial == Kind::Failed,
        Kind::Deliver => of_language(&[denial]).iter().any(|other| is_near(other, hit)),
        _ => false,
    };
    let wanted: &[Kind] =
        if hit.kind == Kind::Refused { &[Kind::Mail] } else { &[Kind::Mail, Kind::Recipient] };
    is_denied && !of_language(wanted).is_empty()
}

/// Whether a short text, normalized by [`super::normal()`], labels the recipient of a message and
/// not its sender or a contact.
pub(crate) fn labels_recipient(label: &str) -> bool {
    let hits = hits(label);
    hits.iter().any(|hit| hit.kind == Kind::Recipient)
        && !hits.iter().any(|hit| matches!(hit.kind, Kind::Sender | Kind::Other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replies::normal;

    #[test]
    fn every_language_has_a_source_and_words_of_each_kind_that_is_needed() {
        let text = include_str!("languages.txt");
        let count = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(text.lines().find(|line| line.starts_with('[')), Some("[en]"));
        for name in
            ["source: ", "recipient: ", "sender: ", "refused: ", "mail: ", "deliver: ", "failed: "]
        {
            assert_eq!(count(name), count("["), "{name}");
        }
        for name in ["gone: ", "full: ", "closed: "] {
            assert_eq!(count(name) + 1, count("["), "{name}");
        }
        for stem in stems_of(text) {
            assert!(
                stem.text.len() > 1
                    && stem.text == stem.text.trim().to_lowercase()
                    && !stem.text.contains(['*', '_', ',']),
                "{stem:?}"
            );
        }
    }

    fn read(text: &str) -> Option<Meaning> {
        of_mailbox(&normal(text))
    }

    #[test]
    fn a_mailbox_is_gone_full_or_closed_in_any_language() {
        for (text, means) in [
            ("550 Dieser Empfänger ist hier nicht bekannt", Meaning::Gone),
            ("550 Benutzer hat das Speichervolumen ueberschritten", Meaning::Full),
            ("550 Das Konto des Empfängers wurde gesperrt", Meaning::Disabled),
            ("550 Le destinataire est inconnu", Meaning::Gone),
            ("550 Ce compte est bloqué", Meaning::Disabled),
            ("552 La boîte aux lettres du destinataire a dépassé son quota", Meaning::Full),
            ("el buzón de destino no existe en este servidor", Meaning::Gone),
            ("la casella di destinazione risulta inesistente", Meaning::Gone),
            ("A caixa postal do destinatário não existe neste servidor", Meaning::Gone),
            ("De mailbox van de ontvanger zit vol", Meaning::Full),
            ("550 Konto zostało zablokowane", Meaning::Disabled),
            ("550 Schránka je přeplněna", Meaning::Full),
            ("Mottagaren är okänd", Meaning::Gone),
            ("modtagerens postkasse er fyldt op", Meaning::Full),
            ("Alıcının posta kutusu dolu", Meaning::Full),
            ("почтовый ящик с таким именем не зарегистрирован", Meaning::Gone),
            ("受信者のメールボックスの容量が上限に達しています", Meaning::Full),
            ("该邮箱账号不存在", Meaning::Gone),
            ("존재하지 않는 사용자입니다", Meaning::Gone),
        ] {
            assert_eq!(read(text), Some(means), "{text}");
        }
    }

    #[test]
    fn what_is_said_of_the_sender_or_of_a_message_is_not_said_of_the_recipient() {
        for text in [
            "554 Absenderadresse ist gesperrt",
            "554 Ihre Adresse ist unbekannt",
            "550 La dirección del remitente no existe",
            "554 Mittente sconosciuto, indirizzo non valido",
            "550 Адрес отправителя не существует",
            "550 L'adresse de l'expéditeur est inconnue",
            "550 Avsändarens adress finns inte",
            "550 发件人地址不存在",
            "550 差出人のアドレスが存在しません",
        ] {
            assert_eq!(read(text), Some(Meaning::Sender), "{text}");
        }
        for text in [
            "Falls die Adresse unbekannt ist, fragen Sie nach",
            "Beim Empfänger trat ein unbekannter Fehler auf",
            "Das Mail an den Empfänger wurde gelöscht",
            "Aan de volgende geadresseerde",
            "수신자에게 전달할 수 없습니다",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_message_that_was_not_delivered_is_said_so_in_any_language() {
        for text in [
            "Ihre Nachricht wurde nicht ausgeliefert",
            "Votre courriel n'a pas pu être délivré",
            "No hemos podido entregar su mensaje",
            "Uw bericht kon niet worden afgeleverd",
            "Nie udało się dostarczyć wiadomości",
            "メールを配送することができませんでした",
            "您发送的邮件未能投递成功",
            "Le message que vous avez envoyé a été rejeté",
            "메일을 전송하지 못했습니다",
            "Ваше письмо не может быть доставлено",
        ] {
            assert!(says_undelivered(&normal(text)), "{text}");
        }
        for text in [
            "Your message was delivered",
            "Delivery notification for your mail",
            "Ihre Nachricht wurde zugestellt",
            "La carta",
        ] {
            assert!(!says_undelivered(&normal(text)), "{text}");
        }
        assert!(says_not_yet(&normal("Ihre Nachricht konnte noch nicht ausgeliefert werden")));
        assert!(
            labels_recipient("empfanger")
                && labels_recipient("收件人")
                && !labels_recipient("sender address")
        );
    }

    #[test]
    fn hostile_texts_are_read_too() {
        let long = "empfanger unbekannt ".repeat(5_000);
        for text in ["", "e", "é", "ß", "\u{301}", &long, &"用户".repeat(9_000)] {
            of_mailbox(&normal(text));
            in_single_words(&normal(text));
            says_undelivered(&normal(text));
        }
    }
}
