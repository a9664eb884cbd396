//! Tests of expiring keys: which ones are sent, and how often they are fetched.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::provider::keys::Keys;
use crate::provider::testing::expiring;

/// The connections of an API whose key is fetched from these words in turn. Also returns the number
/// of fetches.
fn expiring_http(port: u16, words: &str) -> (Http, Arc<AtomicUsize>) {
    let keys =
        format!("base_url = \"http://127.0.0.1:{port}\"\napi_key = {{ command = \"{words}\" }}");
    let (settings, count) = expiring(&keys, Path::new("/nowhere"));
    (Http::with_bearer(&Keys::of(&settings), "https://api.example").unwrap(), count)
}

const EXPIRED: &str = "HTTP/1.1 401 No\r\ncontent-length: 10\r\n\r\nbad: key-1";

#[tokio::test]
async fn a_key_that_is_refused_is_fetched_anew_and_the_request_goes_once_more() {
    let server = Server::start(&[TAKEN, EXPIRED, TAKEN, EXPIRED, TAKEN]).await;
    let (http, count) = expiring_http(server.port, "key-1 key-2 key-3");
    let wire = Recorder::default();
    let mut replies = Vec::new();
    for name in ["a", "b", "c"] {
        replies.push(http.hand_over(&members(&[name]), &wire, &letters(true)).await);
    }
    for reply in &replies {
        assert_eq!((words(reply), &reply.health), (vec!["1 accepted".to_owned()], &Health::Fine));
    }
    let sent = ["key-1", "key-1", "key-2", "key-2", "key-3"].map(|key| format!("bearer {key}"));
    assert_eq!((server.authorized(), count.load(Ordering::SeqCst)), (sent.to_vec(), 3));
    assert_eq!(server.bodies(), ["a", "b", "b", "c", "c"]);
    // The refusal is recorded before the request is repeated.
    let events = ["slot 1", "crossing 1", "answered 1", "crossing 1", "answered 1"];
    assert_eq!(wire.events()[3..8], events);
}

#[tokio::test]
async fn a_fetched_key_that_is_refused_too_or_the_same_again_stops() {
    for (keys, sent) in [
        ("key-1 key-2 key-3", &["bearer key-1", "bearer key-2"][..]),
        ("key-1 key-1", &["bearer key-1"]),
        ("key-1", &["bearer key-1"]),
    ] {
        let server = Server::start(&[EXPIRED]).await;
        let (http, count) = expiring_http(server.port, keys);
        let reply = http.hand_over(&members(&["a"]), &Recorder::default(), &letters(true)).await;
        assert_eq!(
            (server.authorized(), count.load(Ordering::SeqCst)),
            (sent.iter().map(|sent| (*sent).to_owned()).collect(), 2),
            "{keys}"
        );
        let Health::Stop(refusal) = &reply.health else { panic!("{:?}", reply.health) };
        assert_eq!((refusal.reason, refusal.detail.as_str()), (Reason::Auth, "bad: …"));
    }
}

/// A key fetched later may belong to another account, which does not know the first request.
#[tokio::test]
async fn a_request_in_doubt_is_never_repeated_under_another_key() {
    let server = Server::start(&[LOST, EXPIRED, TAKEN]).await;
    let (http, count) = expiring_http(server.port, "key-1 key-2");
    let reply = http.hand_over(&members(&["a"]), &Recorder::default(), &letters(true)).await;
    assert_eq!(words(&reply), ["1 unknown"]);
    assert_eq!(
        (server.authorized(), count.load(Ordering::SeqCst)),
        (vec!["bearer key-1".to_owned(); 2], 1)
    );
    // Another claim has fetched a new key meanwhile.
    let server = Server::start(&[EXPIRED, TAKEN, LOST, TAKEN]).await;
    let (http, _) = expiring_http(server.port, "key-1 key-2 key-3");
    let wire = Recorder::default();
    assert_eq!(
        words(&http.hand_over(&members(&["a"]), &wire, &letters(true)).await),
        ["1 accepted"]
    );
    let replay = Claim { is_replay: true, ..members(&["b"]) };
    assert_eq!(words(&http.hand_over(&replay, &wire, &letters(true)).await), ["1 unknown"]);
    assert_eq!(server.bodies(), ["a", "a"]);
}

#[tokio::test]
async fn a_question_and_the_account_know_a_fetched_key_too() {
    let server = Server::start(&[EXPIRED, TAKEN]).await;
    let (http, _) = expiring_http(server.port, "key-1 key-2");
    let account = http.account();
    let answer = http.ask(&letters(true), &Request::get("/messages")).await.unwrap();
    assert_eq!((answer.status, answer.clean("key-1 key-2")), (StatusCode::OK, "… …".to_owned()));
    assert_eq!(server.authorized(), ["bearer key-1", "bearer key-2"]);
    assert_eq!(http.account(), account, "the account is the same");
}
