//! The peers themselves: each starts, takes a message over a socket without mailbatch, and gives it
//! back as it was.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::support::peers::{
    Aiosmtpd, Authority, OpenSmtpd, Postfix, PostfixOptions, SmtpSink, peer,
};
use crate::support::recorder::{Action, Recorder, Rule, Script, Step, most_in_any_window};
use crate::support::{Signal, Workspace, lists, signal, wait_for, workspace};

const MESSAGE: &str = "From: a@example.com\r\nTo: b@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.com>\r\n\r\nBody.\r\n..\r\n";

/// The credentials, and wrong ones, as AUTH PLAIN and AUTH LOGIN want them (base64).
const PLAIN: &str = "AG1haWxiYXRjaABjb3JyZWN0IGhvcnNlIGJhdHRlcnk=";
const PLAIN_WRONG: &str = "AG1haWxiYXRjaAB3cm9uZw==";
const LOGIN: [&str; 2] = ["bWFpbGJhdGNo", "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"];

/// A stream in plain text or under TLS.
trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A socket that speaks lines.
struct Client {
    stream: BufReader<Box<dyn Stream>>,
}

impl Client {
    /// Connects and reads the greeting.
    fn connect(port: u16) -> Self {
        let mut client = Self::silent(port);
        assert_eq!(client.reply()[..3], *"220");
        client
    }

    fn silent(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { stream: BufReader::new(Box::new(stream)) }
    }

    /// Connects, says STARTTLS, and greets again under TLS, trusting the authority alone; what was
    /// announced then.
    fn connect_tls(port: u16, authority: &Authority) -> (Self, String) {
        let mut client = Self::connect(port);
        client.say("EHLO client.test");
        assert!(client.say("STARTTLS").starts_with("220"));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&authority.ca).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ));
        let config = config
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let session =
            rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap())
                .unwrap();
        let mut client = Self {
            stream: BufReader::new(Box::new(rustls::StreamOwned::new(
                session,
                client.stream.into_inner(),
            ))),
        };
        let extensions = client.say("EHLO client.test");
        (client, extensions)
    }

    /// One whole reply; empty at the end of the stream.
    fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            if self.stream.read_line(&mut reply).unwrap_or(0) == 0
                || reply.as_bytes().get(start + 3) != Some(&b'-')
            {
                return reply;
            }
        }
    }

    fn write(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn say(&mut self, line: &str) -> String {
        self.write(&format!("{line}\r\n"));
        self.reply()
    }

    /// The code of the reply to RCPT or, if all were fine, to the final dot.
    fn send(&mut self, to: &str) -> String {
        self.say("MAIL FROM:<a@example.com>");
        let reply = self.say(&format!("RCPT TO:<{to}>"));
        if !reply.starts_with('2') {
            return reply;
        }
        self.say("DATA");
        self.say(&format!("{MESSAGE}."))
    }
}

fn with_lf(text: &str) -> String {
    text.replace("\r\n", "\n").replace("\n..\n", "\n.\n")
}

#[test]
fn smtp_sink_takes_a_message_and_keeps_its_envelope() {
    let sink = peer!(SmtpSink::start(&[]));
    let mut client = Client::connect(sink.port());
    assert!(client.say("EHLO client.test").contains("PIPELINING"));
    assert!(client.send("b@example.com").starts_with("250"));
    assert!(client.send("c@example.com").starts_with("250"));
    assert_eq!(sink.count(), 2);
    let mut stored = sink.stored();
    stored.sort_by(|a, b| a.recipients.cmp(&b.recipients));
    assert_eq!(stored[0].sender, "a@example.com");
    assert_eq!(stored[0].recipients, ["b@example.com"]);
    assert_eq!(stored[1].recipients, ["c@example.com"]);
    assert_eq!(String::from_utf8_lossy(&stored[0].raw).trim_end(), with_lf(MESSAGE).trim_end());
}

#[test]
fn smtp_sink_drops_after_the_message_when_told() {
    let sink = peer!(SmtpSink::start(&["-q", "."]));
    let mut client = Client::connect(sink.port());
    client.say("EHLO client.test");
    assert_eq!(client.send("b@example.com"), "");
}

#[test]
fn postfix_delivers_into_a_maildir_and_refuses_by_recipient() {
    let replies = vec![
        ("full@example.com", "452 4.2.2 Mailbox full"),
        ("gone@example.com", "550 5.1.1 No such user"),
    ];
    let postfix = peer!(Postfix::start(PostfixOptions { replies, ..PostfixOptions::default() }));
    let mut client = Client::connect(postfix.port());
    assert!(client.say("EHLO client.test").contains("PIPELINING"));
    assert!(client.send("b@example.com").starts_with("250"));
    assert!(client.send("full@example.com").starts_with("452 4.2.2"));
    assert!(client.say("RCPT TO:<gone@example.com>").starts_with("550 5.1.1"));
    assert!(client.say("RCPT TO:<x@elsewhere.example>").starts_with("250"), "loopback may relay");
    client.say("RSET");

    let delivered = postfix.wait_delivered(1);
    assert_eq!((delivered.len(), delivered[0].sender.as_str()), (1, "a@example.com"));
    assert_eq!(delivered[0].recipients, ["b@example.com"]);
    let message = mail_parser::MessageParser::default().parse(&delivered[0].raw).unwrap();
    assert_eq!(message.subject(), Some("Grüße"));
    assert_eq!(message.body_text(0).unwrap(), "Body.\n.\n");
}

#[test]
fn postfix_speaks_tls_and_knows_the_password() {
    let options = PostfixOptions { tls: true, auth: true, ..PostfixOptions::default() };
    let postfix = peer!(Postfix::start(options));
    let mut client = Client::connect(postfix.port());
    let extensions = client.say("EHLO client.test");
    assert!(extensions.contains("STARTTLS") && !extensions.contains("AUTH"), "{extensions}");

    let authority = postfix.authority().unwrap();
    let (mut client, extensions) = Client::connect_tls(postfix.port(), authority);
    assert!(extensions.contains("AUTH PLAIN LOGIN"), "{extensions}");
    client.say("MAIL FROM:<a@example.com>");
    assert!(
        client.say("RCPT TO:<b@example.com>").starts_with("554 5.7.1"),
        "nobody sends without a password"
    );
    client.say("RSET");
    assert!(client.say(&format!("AUTH PLAIN {PLAIN_WRONG}")).starts_with("535 5.7.8"));
    assert!(client.say(&format!("AUTH PLAIN {PLAIN}")).starts_with("235"));
    assert!(client.send("b@example.com").starts_with("250"));

    let (mut client, _) = Client::connect_tls(postfix.port(), authority);
    assert!(client.say("AUTH LOGIN").starts_with("334"));
    assert!(client.say(LOGIN[0]).starts_with("334"));
    assert!(client.say(LOGIN[1]).starts_with("235"));
    assert!(client.send("b@example.com").starts_with("250"));
    assert_eq!(postfix.wait_delivered(2).len(), 2);
}

#[test]
fn opensmtpd_refuses_a_client_that_pipelines() {
    let server = peer!(OpenSmtpd::start());
    let mut client = Client::connect(server.port());
    assert!(!client.say("EHLO client.test").contains("PIPELINING"));
    assert!(client.send("b@example.com").starts_with("250"));
    let stored = server.stored(1);
    assert_eq!(
        (stored[0].sender.as_str(), &stored[0].recipients[..]),
        ("a@example.com", &["b@example.com".to_owned()][..])
    );
    assert!(String::from_utf8_lossy(&stored[0].data).ends_with("\r\n\r\nBody.\r\n.\r\n"));

    client.write("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n");
    let replies: Vec<String> = (0..3).map(|_| client.reply()).collect();
    assert!(
        replies.iter().any(|reply| reply.starts_with("500")) && replies[2].is_empty(),
        "{replies:?}"
    );
}

#[test]
fn aiosmtpd_takes_a_message() {
    let server = peer!(Aiosmtpd::start());
    let mut client = Client::connect(server.port());
    assert!(!client.say("EHLO client.test").contains("PIPELINING"));
    assert!(client.send("b@example.com").starts_with("250"));
    assert!(wait_for(|| !server.stored().is_empty(), Duration::from_secs(10)), "{}", server.log());
    let stored = server.stored().remove(0);
    assert_eq!(
        (stored.sender.as_str(), &stored.recipients[..]),
        ("a@example.com", &["b@example.com".to_owned()][..])
    );
    assert_eq!(
        mail_parser::MessageParser::default().parse(&stored.raw).unwrap().subject(),
        Some("Grüße")
    );
}

#[test]
fn aiosmtpd_speaks_tls() {
    let server = peer!(Aiosmtpd::start_tls());
    let mut client = Client::connect(server.port());
    assert!(client.say("EHLO client.test").contains("STARTTLS"));
    assert!(client.say("MAIL FROM:<a@example.com>").starts_with("530"));
    let (mut client, _) = Client::connect_tls(server.port(), server.authority().unwrap());
    assert!(client.send("b@example.com").starts_with("250"));
    assert!(wait_for(|| server.stored().len() == 1, Duration::from_secs(10)), "{}", server.log());
}

#[test]
fn a_recorder_remembers_what_it_took_and_heard() {
    let recorder = Recorder::with(Script::default().must_be_called());
    let mut client = Client::connect(recorder.port());
    client.say("EHLO client.test");
    client.write("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n");
    assert!(
        client.reply().starts_with("250")
            && client.reply().starts_with("250")
            && client.reply().starts_with("354")
    );
    assert!(client.say(&format!("{MESSAGE}.")).starts_with("250"));
    let taken = recorder.taken();
    assert_eq!(
        (taken[0].message_id.as_deref(), recorder.recipients()),
        (Some("<1@example.com>"), vec!["b@example.com".to_owned()])
    );
    assert!(taken[0].data.ends_with(b"Body.\r\n.\r\n"));
    let pipelined: Vec<bool> = recorder.heard().iter().map(|heard| heard.pipelined).collect();
    assert_eq!(pipelined, [false, false, true, true]);
    assert!(client.say("QUIT").starts_with("221"));
    drop(Client::connect(recorder.port()));
    assert_eq!((recorder.connections(), recorder.most_at_once()), (2, 1));
}

#[test]
fn a_recorder_goes_wrong_where_its_script_says() {
    let script = Script::default()
        .without("PIPELINING")
        .rule(Rule::new(Step::Rcpt, Action::reply("450 4.2.0 later")).to("grey@").first(1))
        .rule(Rule::new(Step::Dot, Action::Drop).having_taken().nth(2))
        .rule(Rule::new(Step::Body, Action::Drop).to("half@"));
    let recorder = Recorder::with(script);
    let mut client = Client::connect(recorder.port());
    assert!(!client.say("EHLO client.test").contains("PIPELINING"));
    assert!(client.send("grey@example.com").starts_with("450"));
    assert!(client.send("grey@example.com").starts_with("250"));
    assert_eq!(client.send("lost@example.com"), "");
    let mut client = Client::connect(recorder.port());
    assert_eq!(client.send("half@example.com"), "");
    assert_eq!(recorder.recipients(), ["grey@example.com", "lost@example.com"]);

    recorder.follow(Script::default().on(Step::Any, Action::reply("354 go on")));
    let mut client = Client::silent(recorder.port());
    assert!(client.reply().starts_with("354"));
    assert!(client.say("EHLO client.test").starts_with("354"));

    recorder.follow(Script::default().per_connection(1));
    let mut client = Client::connect(recorder.port());
    assert!(client.send("one@example.com").starts_with("250"));
    assert!(client.say("MAIL FROM:<a@example.com>").starts_with("421"));
    assert_eq!(client.reply(), "");
}

#[test]
fn a_window_counts_its_start_and_not_its_end() {
    let start = std::time::Instant::now();
    let times = [0, 400, 999, 1000, 1399].map(|ms| start + Duration::from_millis(ms));
    assert_eq!(most_in_any_window(&times, Duration::from_secs(1)), 4);
    assert_eq!(most_in_any_window(&[], Duration::from_secs(1)), 0);
}

#[test]
fn a_workspace_runs_the_binary_and_holds_a_list() {
    let workspace: Workspace = workspace();
    workspace
        .sandbox_config("")
        .message("Hello {{ name }}", "Body.")
        .file("lists/list.csv", lists::csv(30));
    workspace.mailbatch().arg("--help").assert().success();
    assert_eq!(workspace.read("message.md"), "+++\nsubject = \"Hello {{ name }}\"\n+++\nBody.\n");
    let mut list = csv::Reader::from_path(workspace.join("lists/list.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = list.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 30);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!((&row[1], &row[2]), (lists::address(index).as_str(), lists::name(index)));
    }
}

#[test]
fn a_signal_reaches_the_process() {
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    signal(child.id(), Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), None);
}
