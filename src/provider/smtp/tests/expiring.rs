//! Tests of expiring passwords: which ones are tried, and how often they are fetched.

use super::*;
use crate::provider::testing::expiring;

const OFFER: &[Act] =
    &[Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250-PIPELINING\r\n250 AUTH PLAIN XOAUTH2")];
/// AUTH PLAIN for `ann` with the passwords `one`, `two` and `three`.
const ONE: Act = Hear("AUTH PLAIN AGFubgBvbmU=");
const TWO: Act = Hear("AUTH PLAIN AGFubgB0d28=");
const THREE: Act = Hear("AUTH PLAIN AGFubgB0aHJlZQ==");
const PASSED: Act = Say("235 2.7.0 ok");
const REFUSED: Act = Say("535 5.7.8 expired");
const QUIT: Act = Hear("QUIT");

/// Sends to as many recipients as there are scripts, one connection per script, with passwords in
/// this order. Also returns how often a password was fetched.
async fn run_expiring(
    passwords: &str,
    keys: &str,
    scripts: &[&[&[Act]]],
    people: usize,
) -> (Reply, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = play(listener, scripts.iter().map(|parts| parts.concat()).collect(), None);
    let keys = format!(
        "url = \"smtp://ann@127.0.0.1:{port}\"\npassword = {{ command = \"{passwords}\" }}\n{keys}"
    );
    let (settings, count) = expiring(&keys, Path::new("/nowhere/state"));
    let provider = connect(&settings).unwrap();
    let names = ["a@x.example", "b@x.example", "c@x.example"];
    let whole = async {
        let reply = provider.send(&claim(jobs(&names[..people])), &Recorder::default()).await;
        provider.close().await;
        server.await.unwrap();
        reply
    };
    let reply = tokio::time::timeout(Duration::from_secs(20), whole).await.expect("it hangs");
    assert!(!format!("{reply:?}").contains("two"));
    (reply, count.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_refused_password_is_fetched_anew_and_the_old_one_is_not_tried_again() {
    let (reply, fetched) = run_expiring(
        "one two",
        "",
        &[&[OFFER, &[ONE, REFUSED, QUIT]], &[OFFER, &[TWO, PASSED], TAKEN, &[QUIT]]],
        1,
    )
    .await;
    assert_eq!((words(&reply), fetched), (vec!["1 accepted".to_owned()], 2));
    assert_eq!(reply.health, Health::Fine);
}

#[tokio::test]
async fn a_token_of_xoauth2_whose_error_is_a_challenge_is_fetched_anew() {
    // These encode user=ann^Aauth=Bearer one^A^A, and the same with two.
    let old = [
        Hear("AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgb25lAQE="),
        Say("334 eyJzdGF0dXMiOiI0MDEifQ=="),
        Hear(""),
        REFUSED,
        QUIT,
    ];
    let new = [Hear("AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdHdvAQE="), PASSED];
    let (reply, fetched) = run_expiring(
        "one two",
        "auth = \"xoauth2\"",
        &[&[OFFER, &old], &[OFFER, &new, TAKEN, &[QUIT]]],
        1,
    )
    .await;
    assert_eq!((words(&reply), fetched), (vec!["1 accepted".to_owned()], 2));
}

#[tokio::test]
async fn each_password_that_has_worked_may_expire() {
    let (reply, fetched) = run_expiring(
        "one two three",
        "per_connection = 1",
        &[
            &[OFFER, &[ONE, PASSED], TAKEN, &[QUIT]],
            &[OFFER, &[ONE, REFUSED, QUIT]],
            &[OFFER, &[TWO, PASSED], TAKEN, &[QUIT]],
            &[OFFER, &[TWO, REFUSED, QUIT]],
            &[OFFER, &[THREE, PASSED], TAKEN, &[QUIT]],
        ],
        3,
    )
    .await;
    assert_eq!(words(&reply), ["1 accepted", "2 accepted", "3 accepted"]);
    assert_eq!(fetched, 3);
}

#[tokio::test]
async fn a_new_one_that_is_refused_too_and_the_same_again_stop_the_provider() {
    let refused = &[OFFER, &[ONE, REFUSED]][..];
    let refused_twice = [&[OFFER, &[ONE, REFUSED, QUIT]][..], &[OFFER, &[TWO, REFUSED]]];
    let cases = [
        ("one two three", &refused_twice[..], 2),
        ("one one", &[refused], 2),
        ("one", &[refused], 2),
    ];
    for (passwords, scripts, expected) in cases {
        let (reply, fetched) = run_expiring(passwords, "", scripts, 1).await;
        let (reason, detail) = stopped(&reply.health);
        assert_eq!((reason, fetched), (Reason::Auth, expected), "{passwords}");
        assert!(detail.contains("expired") && reply.items.is_empty(), "{detail}");
    }
}

#[tokio::test]
async fn what_is_not_about_the_password_fetches_none() {
    for answer in ["454 4.7.0 later", "504 no such mechanism", "534 5.7.9 too weak"] {
        let refused = [ONE, Say(answer)];
        let (reply, fetched) = run_expiring("one two", "", &[&[OFFER, &refused]], 1).await;
        assert!(reply.items.is_empty() && reply.health != Health::Fine, "{answer}");
        assert_eq!(fetched, 1, "{answer}");
    }
}
