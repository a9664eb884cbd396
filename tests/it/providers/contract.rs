//! What the suite knows of each HTTP provider, and a service that checks the contract strictly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::mailersio;
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::{Workspace, lists, workspace};

/// The key that must never be seen.
pub(super) const KEY: &str = "sk_hunter2_9f8e7d";

/// One provider's API, by literal requests and answers.
pub(super) struct Contract {
    pub(super) kind: &'static str,
    /// Where mail is handed over.
    pub(super) path: &'static str,
    /// The header that carries the key, and what stands before it.
    pub(super) auth: (&'static str, &'static str),
    /// The most recipients of one request.
    pub(super) per_request: usize,
    /// The header that carries the idempotency key, where the service knows any.
    pub(super) key_header: Option<&'static str>,
    /// The messages of a request.
    pub(super) mails: fn(&Request) -> Vec<Mail>,
    /// What the service answers to these messages: taken, taken in part, or refused as a whole.
    pub(super) answer: fn(&[Mail]) -> Answer,
    /// What is wrong with a request before anybody looks at its messages, if anything is.
    pub(super) breach: fn(&Request) -> Option<String>,
    /// What the service answers to such a request.
    pub(super) refused: fn(&str) -> Answer,
    /// The most octets of a request's body.
    pub(super) max_bytes: usize,
    /// Whether it says at hand-over, or with the results, whom it suppresses; else it takes them
    /// like everybody.
    pub(super) tells_suppressed: bool,
    /// Whether a refusal is remembered under the idempotency key, and marked as a replay when it
    /// comes again.
    pub(super) remembers_refusals: bool,
    pub(super) unauthorized: fn() -> Answer,
    pub(super) throttled: fn() -> Answer,
    pub(super) failed: fn() -> Answer,
    /// The status with which mail is taken.
    pub(super) status_taken: u16,
}

/// One message as the service was given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mail {
    /// A bare address, or one after a display name.
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    pub(super) headers: BTreeMap<String, String>,
    /// The correlation id.
    pub(super) id: String,
}

impl Mail {
    pub(super) fn address(&self) -> &str {
        self.to.rsplit_once('<').map_or(self.to.as_str(), |(_, rest)| rest.trim_end_matches('>'))
    }

    /// Whom every service of the suite refuses.
    pub(super) fn is_bad(&self) -> bool {
        self.address().starts_with("bad")
    }

    /// Whom every service of the suite suppresses.
    pub(super) fn is_suppressed(&self) -> bool {
        self.address().starts_with("stop")
    }
}

/// A JSON text; empty for anything else.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What the service has taken: the model that reports are held against.
#[derive(Default)]
pub(super) struct Service {
    pub(super) taken: Vec<Mail>,
    /// Every request that was taken, with those whom the service refused.
    submitted: Vec<Vec<Mail>>,
    /// The octets and the answer of each idempotency key.
    keys: BTreeMap<String, (Vec<u8>, Answer)>,
    /// How often a key came again.
    pub(super) replays: usize,
    /// What broke the contract.
    pub(super) breaches: Vec<String>,
}

/// What becomes of the unsubscribe headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsubscribe {
    /// Ours arrive.
    Ours,
    /// The service sets its own on marketing mail and refuses ours.
    Theirs,
    /// Nobody's: there is no marketing mail.
    Nobodys,
}

impl Contract {
    /// Who sets the unsubscribe headers of marketing mail.
    pub(super) fn unsubscribe(&self) -> Unsubscribe {
        match self.kind {
            "bird" => Unsubscribe::Theirs,
            "emitlo" => Unsubscribe::Nobodys,
            _ => Unsubscribe::Ours,
        }
    }

    /// Takes a request as the service would, replays included, and refuses as it would what breaks
    /// the contract.
    pub(super) fn take(&self, service: &Mutex<Service>, request: &Request) -> Answer {
        let mut service = service.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((what, answer)) = self.refusal(request) {
            service.breaches.push(what);
            return answer;
        }
        let mails = (self.mails)(request);
        let key = self.key_header.map(|name| request.header(name).to_owned());
        if let Some((octets, answer)) = key.as_ref().and_then(|key| service.keys.get(key)) {
            assert_eq!(*octets, request.body, "a key is never used for another body");
            let answer = answer.clone().with("Idempotency-Replay", "true");
            service.replays += 1;
            return answer;
        }
        let answer = (self.answer)(&mails);
        let is_taken = answer.status == self.status_taken;
        if let Some(key) = key.filter(|_| is_taken || self.remembers_refusals) {
            service.keys.insert(key, (request.body.clone(), answer.clone()));
        }
        if is_taken {
            service.submitted.push(mails.clone());
            service.taken.extend(
                mails.into_iter().filter(|mail| {
                    !(mail.is_bad() || self.tells_suppressed && mail.is_suppressed())
                }),
            );
        }
        answer
    }

    /// What breaks the contract, and what the service answers to it.
    fn refusal(&self, request: &Request) -> Option<(String, Answer)> {
        let (header, before) = self.auth;
        // The name `api` and the key, in base64.
        let key = if before == "Basic " { "YXBpOnNrX2h1bnRlcjJfOWY4ZTdk" } else { KEY };
        if request.header(header) != format!("{before}{key}") {
            return Some(("no credentials".into(), (self.unauthorized)()));
        }
        if request.body.len() > self.max_bytes {
            let what = format!("{} octets", request.body.len());
            return Some((what.clone(), Answer { status: 413, ..(self.refused)(&what) }));
        }
        // What cannot share a request goes elsewhere.
        let is_path =
            request.path == self.path || self.kind == "ses" && request.path == super::ses::ALONE;
        let what = if request.method != "POST" || !is_path {
            format!("{} {}", request.method, request.path)
        } else if !request.header("user-agent").starts_with("mailbatch/") {
            "no user agent".into()
        } else if self
            .key_header
            .is_some_and(|name| !(1..=256).contains(&request.header(name).len()))
        {
            "no idempotency key".into()
        } else {
            (self.breach)(request)?
        };
        let answer = (self.refused)(&what);
        Some((what, answer))
    }

    /// A service that takes everything unless `fault` has something else in mind for the hand-over
    /// with this number. `fault` is given what the service would have said, after it has taken what
    /// there was to take, where it asks for it.
    pub(super) fn service(
        &'static self,
        fault: impl Fn(usize, &dyn Fn() -> Answer) -> Option<Act> + Send + Sync + 'static,
    ) -> (HttpServer, Arc<Mutex<Service>>) {
        let service = Arc::new(Mutex::new(Service::default()));
        let shared = Arc::clone(&service);
        let handed_over = AtomicUsize::new(0);
        let server = HttpServer::start(move |_, request| {
            // Only the asynchronous service is asked how it went.
            if self.kind == mailersio::CONTRACT.kind && request.method == "GET" {
                assert_eq!(request.header(self.auth.0), format!("{}{KEY}", self.auth.1));
                let service = shared.lock().expect("the service goes on");
                return Act::Answer(mailersio::progress(request, &service.submitted));
            }
            let number = handed_over.fetch_add(1, Ordering::AcqRel);
            let take = || self.take(&shared, request);
            fault(number, &take).unwrap_or_else(|| Act::Answer(take()))
        });
        (server, service)
    }

    /// A service that answers what `refused` says to every request with more than `most` messages,
    /// and takes all others.
    pub(super) fn limited(
        &'static self,
        most: usize,
        refused: impl Fn() -> Answer + Send + Sync + 'static,
    ) -> (HttpServer, Arc<Mutex<Service>>) {
        let service = Arc::new(Mutex::new(Service::default()));
        let shared = Arc::clone(&service);
        let server = HttpServer::start(move |_, request| {
            let is_too_many = (self.mails)(request).len() > most;
            Act::Answer(if is_too_many { refused() } else { self.take(&shared, request) })
        });
        (server, service)
    }

    /// The ids that the service may have given to a message: its own, or that of its request where
    /// there is only one.
    pub(super) fn ids(&self, server: &HttpServer, mail: &Mail) -> Vec<String> {
        let of_all: fn(&[Mail]) -> String = match self.kind {
            "mailgun" => super::mailgun::id,
            "sendgrid" => super::sendgrid::id,
            _ => return vec![format!("id-{}", mail.id)],
        };
        let requests = server
            .requests()
            .into_iter()
            .map(|request| (self.mails)(&request))
            .filter(|mails| mails.contains(mail));
        requests.map(|mails| of_all(&mails)).collect()
    }

    /// The lines of the configuration that point to the key.
    fn credentials(&self) -> &'static str {
        match self.kind {
            "ses" => {
                "region = \"eu-west-1\"\naccess_key_id = \"AKIAEXAMPLE\"\nsecret_access_key = { file = \"key\" }\nsession_token = { file = \"key\" }"
            }
            _ => "api_key = { file = \"key\" }",
        }
    }

    /// A workspace that sends through `url`, one request after the other, to `rows` recipients.
    pub(super) fn workspace(&self, url: &str, more: &str, rows: usize) -> Workspace {
        self.workspace_with(url, 1, more, rows)
    }

    /// The same with so many requests at once.
    pub(super) fn workspace_with(
        &self,
        url: &str,
        in_flight: u64,
        more: &str,
        rows: usize,
    ) -> Workspace {
        let own = if self.kind == "mailgun" { super::mailgun::DOMAIN } else { "" };
        let work = workspace();
        let kind =
            if self.unsubscribe() == Unsubscribe::Nobodys { "transactional" } else { "marketing" };
        work.config(&format!(
            "[message]\nfile = \"message.md\"\nfrom = \"Acme, Inc. <news@acme.example>\"\nkind = \"{kind}\"\nto_name = \"{{{{ name }}}}\"\n\
             unsubscribe_url = \"https://acme.example/u/{{{{ email | urlencode }}}}\"\n\n\
             [providers.api]\nkind = \"{}\"\n{}\nbase_url = \"{url}\"\nin_flight = {in_flight}\n\
              request_rate = \"1000/s\"\n\
             timeouts = {{ read = \"2s\", total = \"3s\" }}\nretry = {{ for = \"20s\", base = \"20ms\", max = \"2s\" }}\n{own}\n{more}\n",
            self.kind,
            self.credentials()
        ));
        work.secret("key", KEY)
            .message("Hello {{ name }}", "Dear {{ name }}")
            .file("list.csv", lists::csv(rows));
        work
    }
}

impl Workspace {
    /// Writes a file that only its owner can read.
    pub(crate) fn secret(&self, name: &str, content: &str) -> &Self {
        use std::os::unix::fs::PermissionsExt;
        self.file(name, content);
        std::fs::set_permissions(self.join(name), std::fs::Permissions::from_mode(0o600))
            .expect("it is ours");
        self
    }
}

impl Service {
    /// The addresses it has taken mail for, sorted, as often as it has.
    pub(super) fn addresses(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.taken.iter().map(|mail| mail.address().to_owned()).collect();
        all.sort();
        all
    }

    /// Panics where somebody was mailed twice, or the contract was broken.
    #[track_caller]
    pub(super) fn nobody_twice(&self) {
        assert!(self.breaches.is_empty(), "{:?}", self.breaches);
        let all = self.addresses();
        let once: BTreeSet<&String> = all.iter().collect();
        assert_eq!(all.len(), once.len(), "somebody was mailed twice: {all:?}");
    }
}
