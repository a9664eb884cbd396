//! SES with the credentials of a role: the container's agent and the instance's metadata, as AWS's
//! own tools ask them.

use std::time::{Duration, Instant};

use serde_json::json;

use super::ses::{self, is_signed};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::peers::{Service, peer};
use crate::support::ran::Ran;
use crate::support::{Workspace, free_port, lists};

const TOKEN: &str = "agent/hunter2";

/// What both services answer: the credentials of this number.
fn credentials(number: usize) -> Answer {
    let body = json!({
        "Code": "Success", "AccessKeyId": format!("ASIA{number}"), "SecretAccessKey": format!("role/hunter2/{number}"),
        "Token": format!("session/hunter2/{number}"), "Expiration": "2099-01-01T00:00:00Z", "RoleArn": "arn:aws:iam::1:role/mail",
    });
    Answer::json(200, body.to_string())
}

/// Panics unless a request is signed with the credentials of this number.
#[track_caller]
fn is_of(request: &Request, number: usize) {
    assert_eq!(request.header("x-amz-security-token"), format!("session/hunter2/{number}"));
    is_signed(request, &format!("ASIA{number}"), &format!("role/hunter2/{number}"));
}

/// A workspace without credentials of its own.
fn workspace(url: &str, rows: usize) -> Workspace {
    let work = ses::CONTRACT.workspace(url, "", rows);
    let config = work.read("mailbatch.toml");
    let own = |line: &&str| {
        !["access_key_id", "secret_access_key", "session_token"]
            .iter()
            .any(|key| line.starts_with(key))
    };
    work.config(&config.lines().filter(own).collect::<Vec<_>>().join("\n"));
    work
}

/// Runs with these variables; nothing that is a secret is seen.
fn run(work: &Workspace, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = work.mailbatch();
    command.envs(variables.iter().copied()).arg("-vv").args(arguments);
    let ran = Ran::from(command);
    assert!(
        !ran.out.contains("hunter2") && !ran.err.contains("hunter2"),
        "{}\n{}",
        ran.out,
        ran.err
    );
    ran
}

/// An agent of a container that answers `first` before it has credentials.
fn agent(first: Option<Answer>) -> HttpServer {
    HttpServer::start(move |number, request| {
        assert_eq!(
            (request.method.as_str(), request.path.as_str(), request.header("authorization")),
            ("GET", "/hunter2/role?id=1", TOKEN)
        );
        Act::Answer(match &first {
            Some(answer) if number == 0 => answer.clone(),
            _ => credentials(number),
        })
    })
}

fn taken(request: &Request) -> Act {
    let one = json!({ "MessageId": "x", "Status": "SUCCESS" });
    let answer = match request.json()["BulkEmailEntries"].as_array() {
        Some(entries) => json!({ "BulkEmailEntryResults": vec![one; entries.len()] }),
        None => one,
    };
    Act::Answer(Answer::json(200, answer.to_string()))
}

#[test]
fn a_containers_role_is_asked_for_and_asked_again_when_its_credentials_have_expired() {
    // The agent is just starting when it is asked for the first time, so its second answer is the
    // first with credentials.
    let agent = agent(Some(Answer::json(503, "hunter2")));
    let server = HttpServer::start(|number, request| {
        is_of(request, if number <= 1 { 1 } else { 2 });
        // The words hold what they should not.
        let words = json!({ "message": "session/hunter2/1 is expired" }).to_string();
        if number == 1 {
            Act::Answer(Answer::json(403, words).with("x-amzn-ErrorType", "ExpiredTokenException"))
        } else {
            taken(request)
        }
    });
    let work = workspace(&server.url(), 40);
    work.file("token", format!("{TOKEN}\n"));
    let uri = format!("{}/hunter2/role?id=1", agent.url());
    let file = work.join("token").display().to_string();
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "stale"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file),
    ];
    run(&work, &["send", "list.csv"], &variables).ends(0);
    assert_eq!(agent.requests().len(), 3, "refused, at the beginning, and once more");
    // Credentials that stay expired are asked for once more, and then no longer.
    let server = HttpServer::start(|_, _| {
        Act::Answer(Answer::json(403, "{}").with("x-amzn-ErrorType", "ExpiredTokenException"))
    });
    let fixed = HttpServer::start(|_, _| Act::Answer(credentials(1)));
    let work = workspace(&server.url(), 40);
    run(&work, &["send", "list.csv"], &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &fixed.url())])
        .ends(7)
        .says("ExpiredToken");
    assert_eq!((fixed.requests().len(), server.requests().len()), (2, 2));
}

#[test]
fn credentials_that_expire_again_and_again_are_renewed_as_long_as_something_is_taken_between() {
    let expired =
        || Act::Answer(Answer::json(403, "{}").with("x-amzn-ErrorType", "ExpiredTokenException"));
    let role = HttpServer::start(|number, _| Act::Answer(credentials(number)));
    let server = HttpServer::start(move |number, request| {
        // Each is good for two requests.
        is_of(request, number / 3);
        if number % 3 == 2 { expired() } else { taken(request) }
    });
    let work = workspace(&server.url(), 400);
    run(&work, &["send", "list.csv"], &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &role.url())])
        .ends(0);
    assert!(role.requests().len() > 2, "{}", role.requests().len());
    // A role with others each time, all of them expired, as a clock that is wrong makes them.
    for kind in ["ExpiredTokenException", "RequestExpired"] {
        let role = HttpServer::start(|number, _| Act::Answer(credentials(number)));
        let server = HttpServer::start(move |_, _| {
            Act::Answer(Answer::json(403, "{}").with("x-amzn-ErrorType", kind))
        });
        let work = workspace(&server.url(), 40);
        run(&work, &["send", "list.csv"], &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &role.url())])
            .ends(7)
            .says("Expired");
        assert_eq!((role.requests().len(), server.requests().len()), (2, 2), "{kind}");
        assert_eq!(work.report().with("held").len(), 40, "{kind}: nobody is blamed");
    }
}

#[test]
fn an_instances_role_is_asked_for_with_a_token() {
    let metadata = HttpServer::start(|_, request| {
        let role = "/latest/meta-data/iam/security-credentials/";
        Act::Answer(match (request.method.as_str(), request.path.as_str()) {
            ("PUT", "/latest/api/token") => {
                assert_eq!(request.header("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
                Answer::json(200, TOKEN)
            }
            ("GET", path) => {
                assert_eq!(request.header("x-aws-ec2-metadata-token"), TOKEN);
                if path == role {
                    Answer::json(200, "mail-role\n")
                } else {
                    assert_eq!(path, format!("{role}mail-role"));
                    credentials(7)
                }
            }
            other => panic!("{other:?}"),
        })
    });
    let server = HttpServer::start(|_, request| {
        is_of(request, 7);
        taken(request)
    });
    let work = workspace(&server.url(), 40);
    run(
        &work,
        &["send", "list.csv"],
        &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("{}/", metadata.url()))],
    )
    .ends(0);
    assert_eq!(metadata.requests().len(), 3, "once for the whole run");
}

#[test]
fn motos_instance_metadata_are_enough_for_motos_ses() {
    let aws = peer!(Service::moto());
    let work = workspace(&aws.url(), 5);
    work.config(
        &work.read("mailbatch.toml").replace("kind = \"ses\"", "kind = \"ses\"\nbulk = false"),
    );
    let ran =
        run(&work, &["send", "list.csv"], &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &aws.url())]);
    // The sender is not verified there, which it says only to whoever has credentials.
    ran.ends(7).says("authority to send from");
}

#[test]
fn what_was_looked_into_is_said_in_order_where_nobody_has_credentials() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let silent = HttpServer::start(|_, _| Act::Silence);
    let garbled =
        HttpServer::start(|_, _| Act::Answer(Answer::json(200, "{\"AccessKeyId\":\"hunter2\"}")));
    let html = HttpServer::start(|_, _| Act::Answer(Answer::html(404, "hunter2")));
    let redirect = HttpServer::start(|_, _| {
        Act::Answer(Answer::json(302, "").with("Location", "http://127.0.0.1:1/hunter2"))
    });
    let (instance, container) =
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    for (variable, url, why) in [
        (instance, nobody.clone(), "no connection"),
        (container, nobody, "no connection"),
        (instance, silent.url(), "no answer within a second"),
        (container, garbled.url(), "the answer has no Expiration"),
        (instance, html.url(), "it answers 404"),
        (container, redirect.url(), "it answers 302"),
    ] {
        let server = HttpServer::forbidden();
        let work = workspace(&server.url(), 5);
        let begun = Instant::now();
        let ran = run(&work, &["send", "list.csv"], &[(variable, &url)]).ends(7).says(why);
        let ran = ran
            .says("not in the environment (AWS_ACCESS_KEY_ID), not under [default] in")
            .says(if variable == instance {
                "; then the instance's metadata at http://127"
            } else {
                "; then the container's agent at http://127"
            });
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", ran.err);
        assert_eq!(work.report().counts(), [("held", 5)].into(), "nobody is blamed");
    }
}

#[test]
fn the_environment_and_the_files_come_before_any_role() {
    let forbidden = HttpServer::forbidden();
    let server = HttpServer::start(|_, request| {
        is_signed(request, "AKIAENV", "environment");
        taken(request)
    });
    let (work, url) = (workspace(&server.url(), 3), forbidden.url());
    let roles = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url),
    ];
    let pair = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "environment")];
    run(&work, &["send", "list.csv"], &[roles, pair].concat()).ends(0);
    work.file(
        ".aws/credentials",
        "[default]\naws_access_key_id = AKIAENV\naws_secret_access_key = environment\n",
    );
    work.file("list.csv", lists::csv(5)).config(&work.read("mailbatch.toml"));
    run(&work, &["send", "list.csv", "--campaign", "files"], &roles).ends(0);
}
