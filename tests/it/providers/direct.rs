//! What goes to this machine goes there directly, and `options` cannot say what the adapter says.

use super::{handed_over, postmark, resend};
use crate::support::http::{Act, HttpServer};
use crate::support::ran::Ran;

#[test]
fn no_proxy_is_given_what_goes_to_this_machine() {
    for host in ["127.0.0.1", "localhost"] {
        let contract = &postmark::CONTRACT;
        let (server, _service) = contract.service(|_, _| None);
        let proxy = HttpServer::forbidden();
        let work = contract.workspace(&server.url().replace("127.0.0.1", host), "", 3);
        let mut command = work.command();
        command.args(["send", "list.csv"]).env("NO_PROXY", "elsewhere.example");
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, proxy.url()).env(name.to_lowercase(), proxy.url());
        }
        Ran::from(assert_cmd::Command::from_std(command)).ends(0);
        assert_eq!(
            handed_over(&server)
                .iter()
                .map(|request| (contract.mails)(request).len())
                .sum::<usize>(),
            3
        );
    }
}

#[test]
fn options_say_nothing_that_the_adapter_says_in_any_case() {
    for (contract, options) in [
        (
            &postmark::CONTRACT,
            &["FROM", "to", "htmlbody", "HEADERS", "reply_to", "message-stream", "metadata"]
                as &[&str],
        ),
        (&resend::CONTRACT, &["From", "TO", "Reply-To", "replyTo", "Headers", "Bcc", "Tags"]),
    ] {
        let server = HttpServer::forbidden();
        for option in options {
            let work =
                contract.workspace(&server.url(), &format!("options = {{ {option} = \"x\" }}"), 1);
            let ran = work
                .run(&["check", "list.csv"])
                .ends(2)
                .says(&format!("options.{option}"))
                .says("hint: ");
            assert!(
                ran.err.contains("mailbatch writes") || ran.err.contains("the field is called"),
                "{}",
                ran.err
            );
        }
    }
}

#[test]
fn a_wait_beyond_all_bounds_is_a_week() {
    let contract = &postmark::CONTRACT;
    let huge = "9".repeat(300);
    for wish in
        ["99999999999", "18446744073709551615", "1e300", &huge, "Fri, 31 Dec 9999 23:59:59 GMT"]
    {
        let wish = wish.to_owned();
        let (server, _service) = contract.service(move |_, _| {
            Some(Act::Answer((contract.throttled)().with("Retry-After", wish.clone())))
        });
        let work = contract.workspace(&server.url(), "", 3);
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(7 * 24);
        let day = until.strftime("%Y-%m-").to_string();
        work.run(&["send", "list.csv"]).ends(8).says(&format!("asks to be left alone until {day}"));
        assert_eq!(handed_over(&server).len(), 1);
    }
    // Nothing that is a wait: it is asked again as where none is named.
    for wish in ["-5", "NaN", "soon"] {
        let (server, _service) = contract.service(move |number, _| {
            (number == 0).then(|| Act::Answer((contract.throttled)().with("Retry-After", wish)))
        });
        let work = contract.workspace(&server.url(), "", 3);
        work.run(&["send", "list.csv"]).ends(0);
    }
}
