//! Finds the queue id that a server gives an accepted message.

use super::reply::Answer;

/// Returns the queue id in a reply: `250 2.0.0 Ok: queued as 4XYZ` (Postfix), `250 OK
/// id=1abc-000-XY` (Exim), `250 2.0.0 4XYZ Message accepted for delivery` (Sendmail, OpenSMTPD),
/// `250 Ok 0100018c-…-000000` (Amazon SES). After a chunk, the id may be in the second line: `250-
/// 18 byte chunk, total 18` and `250 OK id=1abc-000-XY` (Exim).
pub(super) fn queue_id(answer: &Answer) -> Option<String> {
    answer.texts().find_map(|text| queue_id_in(&text))
}

fn queue_id_in(text: &str) -> Option<String> {
    let after =
        |marker: &str| text.split_once(marker).and_then(|(_, rest)| rest.split_whitespace().next());
    let words: Vec<&str> = text.split_whitespace().collect();
    let id = after("queued as ").or_else(|| after("id=")).or(match words[..] {
        [id, "Message", "accepted", "for", "delivery", ..] => Some(id),
        [ok, id] if ok.eq_ignore_ascii_case("ok") && id.len() >= 16 => Some(id),
        _ => None,
    })?;
    let id = id.trim_matches(|c: char| !c.is_alphanumeric());
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_ids_are_read_from_the_usual_servers() {
        for (text, expected) in [
            ("2.0.0 Ok: queued as 4XYZ", Some("4XYZ")),
            ("OK id=1abc-000-XY", Some("1abc-000-XY")),
            ("2.0.0 4XYZ Message accepted for delivery", Some("4XYZ")),
            ("Ok 0100018c0a1b2c3d-1-000000", Some("0100018c0a1b2c3d-1-000000")),
            ("2.0.0 Ok", None),
            ("Ok thanks", None),
            ("queued as", None),
        ] {
            assert_eq!(
                queue_id(&Answer { code: 250, lines: vec![text.into()] }).as_deref(),
                expected,
                "{text}"
            );
        }
        let lines = vec![" 18 byte chunk, total 18".into(), "OK id=1abc-000-XY".into()];
        assert_eq!(queue_id(&Answer { code: 250, lines }).as_deref(), Some("1abc-000-XY"));
    }
}
