//! What the suite knows of each HTTP provider, and a service that checks the contract strictly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::mailersio;
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::{Workspace, lists, workspace};

/// The key that must never be seen.
pub(super) const KEY: &str = "sk_hunter2_9f8e7d";

/// Tells whose address the service refuses.
pub(super) type IsBad<'a> = &'a dyn Fn(&Mail) -> bool;

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
    /// What the service answers where these are bad addresses: taken in part, or refused as a whole.
    pub(super) answer: fn(&[Mail], IsBad<'_>) -> Answer,
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
}

/// Whom every service of the suite refuses.
fn is_bad(mail: &Mail) -> bool {
    mail.address().starts_with("bad")
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

    /// Takes a request as the service would, replays included. Panics, which closes the connection, where the contract is broken.
    fn take(&self, service: &Mutex<Service>, request: &Request) -> Answer {
        let mails = (self.mails)(request);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", self.path));
        let (header, before) = self.auth;
        // The name `api` and the key, in base64.
        let key = if before == "Basic " { "YXBpOnNrX2h1bnRlcjJfOWY4ZTdk" } else { KEY };
        assert_eq!(request.header(header), format!("{before}{key}"));
        assert!(request.header("user-agent").starts_with("mailbatch/"), "{request:?}");
        assert!((1..=self.per_request).contains(&mails.len()), "{} in one request", mails.len());
        let mut service = service.lock().expect("the service goes on");
        let key = self.key_header.map(|name| request.header(name).to_owned());
        if let Some(key) = &key {
            assert!((1..=256).contains(&key.len()), "key {key:?}");
            if let Some((octets, answer)) = service.keys.get(key) {
                assert_eq!(*octets, request.body, "a key is never used for another body");
                return answer.clone();
            }
        }
        let answer = (self.answer)(&mails, &is_bad);
        if answer.status == self.status_taken {
            service.submitted.push(mails.clone());
            service.taken.extend(mails.into_iter().filter(|mail| !is_bad(mail)));
            if let Some(key) = key {
                service.keys.insert(key, (request.body.clone(), answer.clone()));
            }
        }
        answer
    }

    /// A service that takes everything unless `fault` has something else in mind for the hand-over with this number. `fault` is given what
    /// the service would have said, after it has taken what there was to take, where it asks for it.
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
                return Act::Answer(mailersio::progress(request, &service.submitted, &is_bad));
            }
            let number = handed_over.fetch_add(1, Ordering::AcqRel);
            let take = || self.take(&shared, request);
            fault(number, &take).unwrap_or_else(|| Act::Answer(take()))
        });
        (server, service)
    }

    /// The ids that the service may have given to a message: its own, or that of its request where there is only one.
    pub(super) fn ids(&self, server: &HttpServer, mail: &Mail) -> Vec<String> {
        if self.kind != super::mailgun::CONTRACT.kind {
            return vec![format!("id-{}", mail.id)];
        }
        let requests = server.requests().into_iter().map(|request| (self.mails)(&request)).filter(|mails| mails.contains(mail));
        requests.map(|mails| super::mailgun::id(&mails)).collect()
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
        let own = if self.kind == "mailgun" { super::mailgun::DOMAIN } else { "" };
        let work = workspace();
        let kind = if self.unsubscribe() == Unsubscribe::Nobodys { "transactional" } else { "marketing" };
        work.config(&format!(
            "[message]\nfile = \"message.md\"\nfrom = \"Acme, Inc. <news@acme.example>\"\nkind = \"{kind}\"\nto_name = \"{{{{ name }}}}\"\n\
             unsubscribe_url = \"https://acme.example/u/{{{{ email | urlencode }}}}\"\n\n\
             [providers.api]\nkind = \"{}\"\n{}\nbase_url = \"{url}\"\nin_flight = 1\n\
             timeouts = {{ read = \"2s\", total = \"3s\" }}\nretry = {{ for = \"20s\", base = \"20ms\", max = \"2s\" }}\n{own}\n{more}\n",
            self.kind,
            self.credentials()
        ));
        work.secret("key", KEY).message("Hello {{ name }}", "Dear {{ name }}").file("list.csv", lists::csv(rows));
        work
    }
}

impl Workspace {
    /// Writes a file that only its owner can read.
    pub(crate) fn secret(&self, name: &str, content: &str) -> &Self {
        use std::os::unix::fs::PermissionsExt;
        self.file(name, content);
        std::fs::set_permissions(self.join(name), std::fs::Permissions::from_mode(0o600)).expect("it is ours");
        self
    }
}

impl Service {
    /// The addresses it has taken mail for, sorted, as often as it has.
    pub(super) fn addresses(&self) -> Vec<String> {
        let mut all: Vec<String> = self.taken.iter().map(|mail| mail.address().to_owned()).collect();
        all.sort();
        all
    }

    /// Panics where somebody was mailed twice.
    #[track_caller]
    pub(super) fn nobody_twice(&self) {
        let all = self.addresses();
        let once: BTreeSet<&String> = all.iter().collect();
        assert_eq!(all.len(), once.len(), "somebody was mailed twice: {all:?}");
    }
}
