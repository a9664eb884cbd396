//! Amazon SNS: the endpoint fetches its certificates and visits its confirmations, and goes nowhere
//! else, whatever an envelope says.
//!
//! SNS is a server of our own behind a proxy, which the binary is led to by its environment, with
//! certificates of an authority of our own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};

use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};

use super::{ask, base64, port_of};
use crate::support::running::{LONG, Running};
use crate::support::{Workspace, wait_for, workspace};

pub(super) const HOST: &str = "sns.eu-west-1.amazonaws.com";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ses-events";
/// The key of the certificate at `/signer.pem`, and another one.
pub(super) const SIGNER: &str = include_str!("../../fixtures/webhooks/signer.pem");
pub(super) const STRANGER: &str = include_str!("../../fixtures/webhooks/stranger.pem");

/// Status, a header line or nothing, and the body.
pub(super) type Page = (u16, String, Vec<u8>);
/// What a path is answered with.
type Pages = dyn Fn(usize, &str) -> Page + Send + Sync;

/// Amazon behind a proxy, and what it was asked.
pub(super) struct Amazon {
    port: u16,
    ca: String,
    /// `host:port` of each connection that the proxy was to make, and the paths that were asked
    /// for.
    hosts: Arc<Mutex<Vec<String>>>,
    paths: Arc<Mutex<Vec<String>>>,
}

impl Amazon {
    /// Answers in TLS under the name `host`, whoever is asked for.
    pub(super) fn start(
        host: &str,
        pages: impl Fn(usize, &str) -> Page + Send + Sync + 'static,
    ) -> Self {
        let (ca, config) = (amazons().0.clone(), tls(host, &amazons().1));
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let (hosts, paths) =
            (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (asked_hosts, asked_paths, pages) =
            (Arc::clone(&hosts), Arc::clone(&paths), Arc::new(pages));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (hosts, paths, config, pages) = (
                    Arc::clone(&asked_hosts),
                    Arc::clone(&asked_paths),
                    Arc::clone(&config),
                    Arc::clone(&pages),
                );
                // A client that does not like the certificate breaks off.
                std::thread::spawn(move || {
                    serve(stream, &hosts, &paths, config, pages.as_ref()).unwrap_or_default()
                });
            }
        });
        Self { port, ca, hosts, paths }
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.paths.lock().expect("nothing panics under it").clone()
    }

    /// Nobody but SNS was asked for.
    #[track_caller]
    fn was_alone(&self) {
        let hosts = self.hosts.lock().expect("nothing panics under it");
        assert!(hosts.iter().all(|host| host == &format!("{HOST}:443")), "{hosts:?}");
    }
}

fn serve(
    mut stream: TcpStream,
    hosts: &Mutex<Vec<String>>,
    paths: &Mutex<Vec<String>>,
    config: Arc<rustls::ServerConfig>,
    pages: &Pages,
) -> std::io::Result<()> {
    let mut head = BufReader::new(stream.try_clone()?);
    let (mut line, mut rest) = (String::new(), String::new());
    head.read_line(&mut line)?;
    while head.read_line(&mut rest)? > 2 {
        rest.clear();
    }
    // Whatever is asked for in plain text is not SNS, and is seen here.
    hosts
        .lock()
        .expect("nothing panics under it")
        .push(line.split(' ').nth(1).unwrap_or_default().to_owned());
    if let Some(path) = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()) {
        return answer(stream, path, paths, pages);
    }
    stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let tls = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut tls = rustls::StreamOwned::new(tls, stream);
    let (mut asked, mut octet) = (Vec::new(), [0]);
    while !asked.ends_with(b"\r\n\r\n") {
        tls.read_exact(&mut octet)?;
        asked.push(octet[0]);
    }
    let path = String::from_utf8_lossy(&asked).split(' ').nth(1).unwrap_or_default().to_owned();
    answer(&mut tls, &path, paths, pages)?;
    tls.conn.send_close_notify();
    tls.flush()
}

fn answer(
    mut stream: impl Write,
    path: &str,
    paths: &Mutex<Vec<String>>,
    pages: &Pages,
) -> std::io::Result<()> {
    let number = {
        let mut paths = paths.lock().expect("nothing panics under it");
        paths.push(path.to_owned());
        paths.len() - 1
    };
    let (status, header, body) = pages(number, path);
    let head = format!(
        "HTTP/1.1 {status} Reason\r\nContent-Length: {}\r\nConnection: close\r\n{header}\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat())
}

/// A root by this name, as one of Amazon's is: its certificate, and what it issues with.
fn root(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("no name is a wrong name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::OrganizationName, "Amazon");
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("ring makes keys");
    let certificate = params.self_signed(&key).expect("the authority signs itself").pem();
    (certificate, Issuer::new(params, key))
}

/// The authority of all of Amazon's certificates here, which the endpoint finds in the trust store
/// of the machine.
fn amazons() -> &'static (String, Issuer<'static, KeyPair>) {
    static ROOT: OnceLock<(String, Issuer<'static, KeyPair>)> = OnceLock::new();
    ROOT.get_or_init(|| root("Amazon Root CA 9"))
}

/// A server that has a certificate of this authority for `host`.
fn tls(host: &str, issuer: &Issuer<'static, KeyPair>) -> Arc<rustls::ServerConfig> {
    let key = KeyPair::generate().expect("ring makes keys");
    let certificate = CertificateParams::new([host.to_owned()])
        .expect("a name")
        .signed_by(&key, issuer)
        .expect("the authority signs");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("ring has both")
    .with_no_client_auth()
    .with_single_cert(
        vec![CertificateDer::from(certificate)],
        PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
    )
    .expect("they belong together");
    Arc::new(config)
}

/// A certificate for the key in `SIGNER`.
fn certificate(name: &str, years: (i32, i32)) -> String {
    let key = KeyPair::from_pem(SIGNER).expect("an RSA key");
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    (params.not_before, params.not_after) =
        (rcgen::date_time_ymd(years.0, 1, 1), rcgen::date_time_ymd(years.1, 1, 1));
    params.signed_by(&key, &amazons().1).expect("the authority signs").pem()
}

/// A certificate for the key in `SIGNER` that no root of Amazon's has issued.
fn unsigned(by: Option<(String, Issuer<'static, KeyPair>)>) -> String {
    let key = KeyPair::from_pem(SIGNER).expect("an RSA key");
    let params = CertificateParams::new(["sns.amazonaws.com".to_owned()]).expect("a name");
    match by {
        None => params.self_signed(&key).expect("it signs itself").pem(),
        Some((root, issuer)) => {
            params.signed_by(&key, &issuer).expect("the authority signs").pem() + &root
        }
    }
}

fn good() -> String {
    certificate("sns.amazonaws.com", (2020, 2090))
}

/// What a path of SNS is answered with where all is well.
pub(super) fn well(path: &str) -> Page {
    match path.split('?').next() {
        Some("/signer.pem") => (200, String::new(), good().into_bytes()),
        Some("/") => (200, String::new(), b"<ConfirmSubscriptionResponse/>".to_vec()),
        _ => (404, String::new(), Vec::new()),
    }
}

/// An envelope of this type, not signed.
pub(super) fn envelope(kind: &str, id: &str, message: &str) -> Value {
    let mut envelope = json!({
        "Type": kind, "MessageId": id, "TopicArn": TOPIC, "Message": message, "Timestamp": Timestamp::now().to_string(),
        "SignatureVersion": "2", "SigningCertURL": format!("https://{HOST}/signer.pem"),
    });
    if kind != "Notification" {
        envelope["Token"] = json!("t0ken");
        envelope["SubscribeURL"] =
            json!(format!("https://{HOST}/?Action=ConfirmSubscription&Token=t0ken"));
    }
    envelope
}

/// The same, signed by a key as SNS signs.
pub(super) fn signed(mut envelope: Value, key: &str) -> Value {
    const FIELDS: [&str; 8] = [
        "Message",
        "MessageId",
        "SubscribeURL",
        "Subject",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ];
    let text: String = FIELDS
        .iter()
        .filter_map(|name| envelope[*name].as_str().map(|value| format!("{name}\n{value}\n")))
        .collect::<Vec<_>>()
        .concat();
    let der = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).expect("PKCS #8 in PEM");
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key");
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .expect("ring signs");
    envelope["Signature"] = json!(base64(&signature));
    envelope
}

pub(super) fn bounce(id: &str, email: &str) -> String {
    json!({
        "eventType": "Bounce", "mail": { "messageId": id, "timestamp": "2026-11-01T00:00:00Z", "destination": [email] },
        "bounce": { "bounceType": "Permanent", "bounceSubType": "General", "timestamp": Timestamp::now().to_string(),
            "bouncedRecipients": [{ "emailAddress": email, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 unknown" }] }
    })
    .to_string()
}

/// An endpoint for SES whose way into the world leads to this Amazon.
pub(super) fn listening(amazon: &Amazon) -> (Workspace, Running, u16) {
    let work = workspace();
    work.message("Hello", "Body.").file("suppressions.csv", "email,reason\n").file("ca.pem", &amazon.ca).config(&format!(
        "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"transactional\"\n\n\
         [suppression]\nfiles = [\"suppressions.csv\"]\n\n[listen]\naddr = \"127.0.0.1:0\"\n\n\
         [providers.ses]\nkind = \"ses\"\nregion = \"eu-west-1\"\nwebhook_topic = \"{TOPIC}\"\n"
    ));
    let mut command = work.command();
    command
        .args(["-v", "listen"])
        .env("SSL_CERT_FILE", work.join("ca.pem"))
        .env("HTTPS_PROXY", format!("http://127.0.0.1:{}", amazon.port));
    command.env("HTTP_PROXY", format!("http://127.0.0.1:{}", amazon.port));
    let running = work.start_with(command);
    let port = port_of(&running);
    (work, running, port)
}

/// Sends an envelope; the status.
pub(super) fn tell(port: u16, envelope: &Value) -> u16 {
    ask(
        port,
        "POST",
        "/events/ses",
        &[("content-type", "text/plain; charset=utf-8".to_owned())],
        envelope.to_string().as_bytes(),
    )
    .0
}

pub(super) fn types(work: &Workspace) -> Vec<String> {
    super::lines(work, &["events", "list", "--json"])
        .iter()
        .map(|event| event["type"].as_str().expect("a type").to_owned())
        .collect()
}

#[test]
fn a_subscription_is_confirmed_once_it_verifies_and_then_events_come_in_with_one_fetch_of_the_certificate()
 {
    let amazon = Amazon::start(HOST, |_, path| well(path));
    let (work, _running, port) = listening(&amazon);
    assert_eq!(
        tell(
            port,
            &signed(
                envelope(
                    "SubscriptionConfirmation",
                    "s1",
                    "You have chosen to subscribe to the topic"
                ),
                SIGNER
            )
        ),
        204
    );
    assert_eq!(amazon.paths(), ["/signer.pem", "/?Action=ConfirmSubscription&Token=t0ken"]);
    // A new subscription is greeted with a sentence.
    let greeting = "Successfully validated SNS topic for Amazon SES event publishing.";
    assert_eq!(tell(port, &signed(envelope("Notification", "n1", greeting), SIGNER)), 204);
    for (id, email) in
        [("n2", "gone@example.com"), ("n3", "lost@example.com"), ("n2", "gone@example.com")]
    {
        let mut told = envelope("Notification", id, &bounce(id, email));
        told["Subject"] = json!("Amazon SES Email Event Notification");
        assert_eq!(tell(port, &signed(told, SIGNER)), 204);
    }
    // Whether the token is signed when a subscription ends is told both ways.
    assert_eq!(
        tell(
            port,
            &signed(
                envelope("UnsubscribeConfirmation", "u1", "You have chosen to deactivate"),
                SIGNER
            )
        ),
        204
    );
    let mut without = envelope("UnsubscribeConfirmation", "u2", "You have chosen to deactivate");
    without.as_object_mut().expect("an object").remove("Token");
    let mut without = signed(without, SIGNER);
    without["Token"] = json!("t0ken");
    assert_eq!(tell(port, &without), 204);
    assert_eq!(
        types(&work),
        ["unknown", "bounced", "bounced"],
        "what SNS says by itself is no event, and nothing counts twice"
    );
    assert_eq!(
        amazon.paths().len(),
        2,
        "nobody subscribes again to what was left, and a certificate is kept: {:?}",
        amazon.paths()
    );
    amazon.was_alone();
}

#[test]
fn what_does_not_verify_is_refused_and_confirms_nothing() {
    let amazon = Amazon::start(HOST, |_, path| match path {
        "/expired.pem" => {
            (200, String::new(), certificate("sns.amazonaws.com", (2020, 2024)).into_bytes())
        }
        "/future.pem" => {
            (200, String::new(), certificate("sns.amazonaws.com", (2080, 2090)).into_bytes())
        }
        "/other.pem" => {
            (200, String::new(), certificate("sns.evil.example", (2020, 2090)).into_bytes())
        }
        "/region.pem" => (
            200,
            String::new(),
            certificate("sns-signing.us-east-1.amazonaws.com", (2020, 2090)).into_bytes(),
        ),
        "/self.pem" => (200, String::new(), unsigned(None).into_bytes()),
        // It brings its root along, and the root calls itself Amazon.
        "/public.pem" => {
            (200, String::new(), unsigned(Some(root("Amazon Root CA 1"))).into_bytes())
        }
        path => well(path),
    });
    let (work, _running, port) = listening(&amazon);
    let subscription = || envelope("SubscriptionConfirmation", "s1", "subscribe?");
    let with = |name: &str, value: &str| {
        let mut changed = subscription();
        changed[name] = json!(value);
        signed(changed, SIGNER)
    };
    let sns = |path: &str| format!("https://{HOST}/{path}");
    let mut refused = vec![
        ("another key", signed(subscription(), STRANGER)),
        ("no signature", subscription()),
        ("another topic", with("TopicArn", "arn:aws:sns:eu-west-1:999999999999:ses-events")),
        (
            "too old",
            with("Timestamp", &(Timestamp::now() - SignedDuration::from_hours(2)).to_string()),
        ),
        (
            "too new",
            with("Timestamp", &(Timestamp::now() + SignedDuration::from_hours(1)).to_string()),
        ),
        ("no time", with("Timestamp", "yesterday")),
        ("another version", with("SignatureVersion", "3")),
        ("an expired certificate", with("SigningCertURL", &sns("expired.pem"))),
        ("a certificate of the future", with("SigningCertURL", &sns("future.pem"))),
        ("another name's certificate", with("SigningCertURL", &sns("other.pem"))),
        ("a certificate of another region", with("SigningCertURL", &sns("region.pem"))),
        ("a certificate that signed itself", with("SigningCertURL", &sns("self.pem"))),
        ("a certificate of a public authority", with("SigningCertURL", &sns("public.pem"))),
    ];
    let mut altered = signed(subscription(), SIGNER);
    altered["Message"] = json!("subscribe!");
    refused.push(("an altered message", altered));
    let mut moved = signed(subscription(), SIGNER);
    moved["SubscribeURL"] = json!(sns("?Action=ConfirmSubscription&Token=other"));
    refused.push(("an altered address", moved));
    let foreign = [
        "http://sns.eu-west-1.amazonaws.com/signer.pem",
        "https://sns.us-east-1.amazonaws.com/signer.pem",
        "https://sns.eu-west-1.amazonaws.com.cn/signer.pem",
        "https://sns.eu-west-1.amazonaws.com./signer.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/signer.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/signer.pem",
        "https://user@sns.eu-west-1.amazonaws.com/signer.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/signer.pem",
        "https://sns.eu-west-1.evil.example/signer.pem",
        "https://snsXeu-west-1.amazonaws.com/signer.pem",
        "https://bucket.s3.amazonaws.com/signer.pem",
        "https://127.0.0.1/signer.pem",
        "file:///etc/passwd.pem",
        "",
    ];
    for url in foreign {
        refused.push(("a certificate from elsewhere", with("SigningCertURL", url)));
        // Signed by SNS for somebody else's topic of the same name, it would still lead nowhere
        // else.
        refused.push(("a confirmation elsewhere", with("SubscribeURL", url)));
    }
    for other in [
        "",
        "?Action=DeleteTopic&TopicArn=arn:aws:sns:eu-west-1:123456789012:ses-events",
        "?Action=ConfirmSubscription&Action=DeleteTopic&Token=t0ken",
        "?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:123456789012:other&Token=t0ken",
        "other?Action=ConfirmSubscription&Token=t0ken",
    ] {
        refused.push((
            "an address that confirms nothing of the topic",
            with("SubscribeURL", &sns(other)),
        ));
    }
    // A file under many addresses would drive the others out of those that are kept.
    for path in [
        "signer.txt",
        "signer.pem?x=1",
        "signer.pem#x",
        "signer.pem?",
        "x/signer.pem",
        "/signer.pem",
        "sign%65r.pem",
        "signer.pem;x.pem",
    ] {
        refused.push(("no certificate", with("SigningCertURL", &sns(path))));
    }
    for (why, envelope) in refused {
        assert_eq!(tell(port, &envelope), 401, "{why}: {envelope}");
    }
    for body in ["", "{}", "[]", "null", "{\"Type\":\"Notification\"}", "{\"Type\":\"Other\"}"] {
        assert_eq!(ask(port, "POST", "/events/ses", &[], body.as_bytes()).0, 401, "{body}");
    }
    assert!(
        !amazon.paths().iter().any(|path| path.contains("ConfirmSubscription")),
        "{:?}",
        amazon.paths()
    );
    assert!(amazon.paths().iter().all(|path| {
        [
            "/signer.pem",
            "/expired.pem",
            "/future.pem",
            "/other.pem",
            "/region.pem",
            "/self.pem",
            "/public.pem",
        ]
        .contains(&path.as_str())
    }));
    assert!(types(&work).is_empty());
    amazon.was_alone();
}

#[test]
fn what_stands_beside_the_signed_fields_of_an_envelope_is_not_read() {
    let amazon = Amazon::start(HOST, |_, path| well(path));
    let (work, _running, port) = listening(&amazon);
    // Whoever holds an envelope of the topic can add to it what nobody has signed.
    let forged: Value = serde_json::from_str(&bounce("x", "victim@example.com")).expect("an event");
    let greeting = "Successfully validated SNS topic for Amazon SES event publishing.";
    for (id, message) in [("n1", greeting), ("n2", &bounce("n2", "gone@example.com"))] {
        let mut told = signed(envelope("Notification", id, message), SIGNER);
        told.as_object_mut()
            .expect("an object")
            .extend(forged.as_object().expect("an object").clone());
        assert_eq!(tell(port, &told), 204);
    }
    let who: Vec<Value> = super::lines(&work, &["events", "list", "--json"])
        .into_iter()
        .map(|event| event["recipient"].clone())
        .collect();
    assert!(
        who.contains(&json!("gone@example.com")) && !who.contains(&json!("victim@example.com")),
        "{who:?}"
    );
    // The ledger has it before the answer; the file follows.
    assert!(
        wait_for(|| work.read("suppressions.csv").contains("gone@"), LONG),
        "{}",
        work.read("suppressions.csv")
    );
    assert!(!work.read("suppressions.csv").contains("victim@"));
    // Nor does an event without an envelope come from anybody.
    assert_eq!(tell(port, &forged), 401);
}

#[test]
fn a_certificate_that_cannot_be_had_is_asked_for_again_and_no_redirect_is_followed() {
    let answers: [fn() -> Page; 6] = [
        || (500, String::new(), Vec::new()),
        || (302, "Location: https://evil.example/signer.pem\r\n".into(), good().into_bytes()),
        || (200, String::new(), b"<html>Maintenance</html>".to_vec()),
        || (200, String::new(), vec![b'x'; 1 << 20]),
        || (204, String::new(), Vec::new()),
        || well("/signer.pem"),
    ];
    let amazon = Amazon::start(HOST, move |number, path| match path {
        "/signer.pem" => answers[number.min(5)](),
        _ if number == 6 => (302, "Location: https://evil.example/\r\n".into(), Vec::new()),
        _ if number == 7 => (403, String::new(), Vec::new()),
        path => well(path),
    });
    let (work, _running, port) = listening(&amazon);
    let told = signed(envelope("Notification", "n1", &bounce("n1", "gone@example.com")), SIGNER);
    for _ in 0..5 {
        assert_eq!(tell(port, &told), 502, "SNS delivers it again: {:?}", amazon.paths());
    }
    assert_eq!(tell(port, &told), 204, "{:?}", amazon.paths());
    let subscription = signed(envelope("SubscriptionConfirmation", "s1", "subscribe?"), SIGNER);
    assert_eq!(
        [tell(port, &subscription), tell(port, &subscription), tell(port, &subscription)],
        [502, 502, 204],
        "{:?}",
        amazon.paths()
    );
    assert_eq!(types(&work), ["bounced"]);
    amazon.was_alone();
}

#[test]
fn a_server_that_only_says_it_is_sns_is_not_believed() {
    let told = || signed(envelope("Notification", "n1", &bounce("n1", "gone@example.com")), SIGNER);
    // It has a certificate of a trusted authority, for another name.
    let amazon = Amazon::start("evil.example", |_, path| well(path));
    let (_work, _running, port) = listening(&amazon);
    assert_eq!(tell(port, &told()), 502);
    assert!(amazon.paths().is_empty());
    // It has the right name, from an authority that nobody trusts.
    let amazon =
        Amazon { ca: root("Amazon Root CA 8").0, ..Amazon::start(HOST, |_, path| well(path)) };
    let (work, _running, port) = listening(&amazon);
    assert_eq!(tell(port, &told()), 502);
    assert!(amazon.paths().is_empty() && types(&work).is_empty());
}

#[test]
fn an_issuer_that_is_not_known_is_fetched_from_amazons_authority_and_regions_of_their_own_sign_under_their_own_name()
 {
    // An authority below a root of Amazon's, whose certificate SNS does not serve; the one that it
    // serves says where that is.
    let above = &amazons().1;
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("no name is a wrong name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Amazon RSA 2048 M99");
    let key = KeyPair::generate().expect("ring makes keys");
    let between = params.signed_by(&key, above).expect("the root signs").der().to_vec();
    let below = Issuer::new(params, key);
    let leaf = |url: &str| {
        // AuthorityInfoAccessSyntax with caIssuers, RFC 5280 section 4.2.2.1.
        let uri = [&[0x86, u8::try_from(url.len()).expect("short")], url.as_bytes()].concat();
        let access = [&[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2], &uri[..]].concat();
        let one = [&[0x30, u8::try_from(access.len()).expect("short")], &access[..]].concat();
        let all = [&[0x30, u8::try_from(one.len()).expect("short")], &one[..]].concat();
        let mut params = CertificateParams::new(["sns-signing.eu-west-1.amazonaws.com".to_owned()])
            .expect("a name");
        params
            .custom_extensions
            .push(rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], all));
        params
            .signed_by(&KeyPair::from_pem(SIGNER).expect("an RSA key"), &below)
            .expect("the authority signs")
            .pem()
    };
    let (near, far) = (
        leaf("http://crt.r2m99.amazontrust.com/r2m99.cer"),
        leaf("http://crt.evil.example/r2m99.cer"),
    );
    let amazon = Amazon::start(HOST, move |_, path| match path {
        "/signer.pem" => (200, String::new(), near.clone().into_bytes()),
        "/far.pem" => (200, String::new(), far.clone().into_bytes()),
        "http://crt.r2m99.amazontrust.com/r2m99.cer" => (200, String::new(), between.clone()),
        _ => (404, String::new(), Vec::new()),
    });
    let (work, _running, port) = listening(&amazon);
    let mut told = envelope("Notification", "n0", &bounce("n0", "never@example.com"));
    told["SigningCertURL"] = json!(format!("https://{HOST}/far.pem"));
    assert_eq!(tell(port, &signed(told, SIGNER)), 401, "an issuer is fetched from nowhere else");
    for id in ["n1", "n2"] {
        assert_eq!(
            tell(
                port,
                &signed(envelope("Notification", id, &bounce(id, "gone@example.com")), SIGNER)
            ),
            204
        );
    }
    assert_eq!(
        amazon.paths(),
        ["/far.pem", "/signer.pem", "http://crt.r2m99.amazontrust.com/r2m99.cer"]
    );
    assert_eq!(types(&work), ["bounced", "bounced"]);
}

#[test]
fn a_certificate_is_fetched_once_for_all_who_wait_and_nobody_else_waits_for_it() {
    let gate = Arc::new(Mutex::new(()));
    let held = gate.lock().expect("nothing panics under it");
    let (inner, slow) = (Arc::clone(&gate), good());
    let amazon = Amazon::start(HOST, move |_, path| {
        if path == "/slow.pem" {
            drop(inner.lock());
        }
        (200, String::new(), slow.clone().into_bytes())
    });
    let (work, _running, port) = listening(&amazon);
    let told = |id: &str, file: &str| {
        let mut told = envelope("Notification", id, &bounce(id, "gone@example.com"));
        told["SigningCertURL"] = json!(format!("https://{HOST}/{file}"));
        signed(told, SIGNER)
    };
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..20)
            .map(|n| {
                let told = told(&format!("s{n}"), "slow.pem");
                scope.spawn(move || tell(port, &told))
            })
            .collect();
        assert!(wait_for(|| amazon.paths().contains(&"/slow.pem".to_owned()), LONG));
        // Others with another certificate, and those who need none, are answered meanwhile.
        assert_eq!(tell(port, &told("q1", "signer.pem")), 204);
        assert_eq!(ask(port, "GET", "/healthz", &[], b"").0, 200);
        // A forged one that needs the same certificate spoils nothing for them.
        let mut forged = envelope("Notification", "f1", "x");
        forged["SigningCertURL"] = json!(format!("https://{HOST}/slow.pem"));
        forged["Timestamp"] = json!("2001-01-01T00:00:00Z");
        let forger = scope.spawn(move || tell(port, &forged));
        drop(held);
        assert_eq!(forger.join().expect("it is answered"), 401);
        for waiting in waiting {
            assert_eq!(waiting.join().expect("it is answered"), 204);
        }
    });
    assert_eq!(
        amazon.paths().iter().filter(|path| *path == "/slow.pem").count(),
        1,
        "{:?}",
        amazon.paths()
    );
    assert_eq!(types(&work).len(), 21);
}
