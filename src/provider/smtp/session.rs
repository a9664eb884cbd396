//! A session from connecting to being ready for mail: greeting, EHLO, TLS, AUTH.
//!
//! The rules it keeps: nothing that was learned before TLS is believed after it, and credentials go
//! in clear text to loopback only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::addresses::{self, Addresses};
use super::auth::{Mechanism, authenticate, refuses_password};
use super::classify::judge_session;
use super::connection::Connection;
use super::extensions::Extensions;
use super::fault::Fault;
use super::greeting::{Place, Ungreeted, greet, shake_hands};
use super::logins::Logins;
use super::pipelining::Mode;
use super::relay::{Relay, Relays};
use super::reply::Answer;
use super::settings::{Encryption, Settings};
use super::step::Step;
use super::trial::Trial;
use crate::model::outcome::Reason;
use crate::provider::renewable::Current;
use crate::provider::{Health, Refusal};

/// Servers and what lies between forget idle connections, some of them silently; this is well below
/// what they wait.
const MAX_IDLE: Duration = Duration::from_secs(30);
/// How many logins are tried for one session: with the password, and with one fetched in its place,
/// unless another connection has found that expired too.
const LOGINS: u32 = 3;

/// A session that is ready for a transaction.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) extensions: Extensions,
    /// Transactions begun so far.
    pub(super) transactions: u32,
    /// Messages that were taken over it, one at a time.
    pub(super) taken: u32,
    /// Whether the server may hold half a transaction, which RSET must clear away before the next.
    pub(super) needs_reset: bool,
    /// Whether the next transaction's MAIL, RCPT and DATA have left with the end of the last
    /// message.
    pub(super) envelope_is_out: bool,
    /// MAIL without its SIZE, where it is still in force because nothing but the recipient was
    /// refused.
    pub(super) in_force: Option<String>,
    /// RSETs that have cleared away nothing but a refusal, which servers count.
    pub(super) spare_resets: u32,
    /// What is known about the server.
    pub(super) relay: Arc<Relay>,
    /// Whether MAIL, RCPT and DATA may share a write.
    pub(super) groups: bool,
    /// Whether an envelope behind the final dot that the server does not take counts against no
    /// recipient.
    pub(super) is_auto: bool,
    /// The trial of an envelope behind the final dot, while it is on this connection.
    pub(super) trial: Option<Trial>,
    /// Whether the server took the message before the envelope that is out.
    pub(super) dot_went_well: bool,
    /// Whether the last envelope behind a final dot was answered as any other, and the message
    /// before it was taken.
    pub(super) behind_went_well: bool,
    /// Whether the server has given a message a name of its own when it took it. It will do so for
    /// each.
    pub(super) names_messages: bool,
    pub(super) used_at: Instant,
}

/// Why there is no session.
pub(super) enum Unopened {
    /// The server serves as many connections as it wants to.
    Crowded(Health),
    Other(Health),
}

impl From<Health> for Unopened {
    fn from(health: Health) -> Self {
        Self::Other(health)
    }
}

/// What the sessions of a relay have in common.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) settings: &'a Settings,
    pub(super) known: &'a Addresses,
    pub(super) relays: &'a Relays,
    pub(super) logins: &'a Logins,
}

impl Session {
    /// Opens a session at one of the relay's addresses, for a claim that began then; once more
    /// where the password was refused and another has been fetched in its place. Where that fails
    /// it says how the provider does.
    pub(super) async fn open(
        surroundings: Surroundings<'_>,
        begun_at: Instant,
    ) -> Result<Self, Unopened> {
        let Surroundings { settings, logins, .. } = surroundings;
        if let Some(who) = &settings.credentials
            && let Some(health) = logins.verdict(&who.password)
        {
            return Err(health.into());
        }
        for _ in 0..LOGINS {
            if let Some(session) = Self::attempt(surroundings, begun_at).await? {
                return Ok(session);
            }
        }
        // Each was good on another connection meanwhile; what has not been begun is given back.
        Err(Health::Fine.into())
    }

    /// `None` where the next attempt has another password.
    async fn attempt(
        surroundings: Surroundings<'_>,
        begun_at: Instant,
    ) -> Result<Option<Self>, Unopened> {
        let Surroundings { settings, known, .. } = surroundings;
        let mut left = look_up(settings, known).await?;
        loop {
            let (stream, peer) = connect(settings, known, &mut left).await?;
            match greet(settings, known, stream, peer, left.is_empty()).await {
                Ok((connection, place)) => {
                    return Ok(Self::prepare(surroundings, connection, place, begun_at).await?);
                }
                // As good as dead; another address may be another machine.
                Err(Ungreeted::Passing(health)) => {
                    known.avoid(peer);
                    if left.is_empty() {
                        return Err(health.into());
                    }
                    tracing::debug!(server = settings.host, address = %peer.ip(), "no greeting; the next address is tried");
                }
                Err(Ungreeted::Crowded(health)) => return Err(Unopened::Crowded(health)),
                Err(Ungreeted::Final(health)) => return Err(health.into()),
            }
        }
    }

    async fn prepare(
        surroundings: Surroundings<'_>,
        mut connection: Connection,
        place: Place,
        begun_at: Instant,
    ) -> Result<Option<Self>, Health> {
        let Surroundings { settings, relays, logins, .. } = surroundings;
        let limits = settings.limits;
        let Place { helo, is_loopback, greeting } = place;
        let helo = helo.as_str();
        let mut is_encrypted = connection.is_encrypted();
        let mut extensions = hello(&mut connection, helo).await?;

        if !is_encrypted && wants_starttls(settings, &extensions, is_loopback)? {
            let answer = connection
                .command(Step::StartTls, "STARTTLS")
                .await
                .map_err(|fault| fault.health())?;
            if answer.code != 220 {
                return Err(refused(Step::StartTls, &answer));
            }
            let injected =
                "the server sent more before the TLS handshake than its answer to STARTTLS";
            let plain = connection
                .into_plain()
                .ok_or_else(|| Health::Stop(Refusal::new(Reason::Session, "", injected)))?;
            connection =
                Connection::new(shake_hands(settings, plain).await.map_err(Health::from)?, limits);
            extensions = hello(&mut connection, helo).await?;
            is_encrypted = true;
        }
        if let Some(who) = &settings.credentials {
            if !is_encrypted && !is_loopback {
                let detail = "credentials are not sent without TLS, which the server does not offer; take the user out of the url, or use another port";
                return Err(Health::Stop(Refusal::new(Reason::Auth, "", detail)));
            }
            let mechanism = Mechanism::choose(settings.mechanism, &extensions)
                .ok_or_else(|| nothing_fits(settings.mechanism, &extensions))?;
            let Ok(turn) = logins.turn(begun_at).await else { return Err(Health::Fine) };
            let Current { secret, number } = who.password.current();
            let said = authenticate(&mut connection, mechanism, &who.user, &secret).await;
            let answer = match said {
                Ok(answer) | Err(Fault::Closing(Step::Auth, answer)) => answer,
                Err(fault) => return Err(fault.health()),
            };
            // Who waits for the turn waits for the other password too.
            if refuses_password(&answer) && who.password.renew(number).await {
                drop(turn);
                connection.quit().await;
                return Ok(None);
            }
            if answer.class() == 2 {
                who.password.worked(number);
            }
            logins.ended(answer.class() == 2);
            drop(turn);
            if answer.class() != 2 {
                let health = judge_session(Step::Auth, &answer);
                logins.stopped(&health);
                return Err(health);
            }
        }
        let relay = relays.meet(&settings.place(), &greeting, &extensions).await;
        let groups = extensions.pipelining && settings.pipelining != Mode::Off;
        Ok(Some(Self {
            connection,
            extensions,
            transactions: 0,
            taken: 0,
            needs_reset: false,
            envelope_is_out: false,
            in_force: None,
            spare_resets: 0,
            relay,
            groups,
            is_auto: settings.pipelining == Mode::Auto,
            trial: None,
            dot_went_well: false,
            behind_went_well: false,
            names_messages: false,
            used_at: Instant::now(),
        }))
    }

    /// Clears away what a refusal may have left, and shows whether the server is still there and
    /// answers what it is asked; false where the session cannot be used any more. 250 is yes
    /// whatever follows; 4yz and 5yz announce that the server closes.
    pub(super) async fn reset(&mut self) -> bool {
        self.in_force = None;
        self.spare_resets += 1;
        let answer = self.connection.command(Step::Reset, "RSET").await;
        if answer.as_ref().is_ok_and(|answer| answer.code >= 400) {
            self.relay.counts_resets.store(true, Ordering::Relaxed);
        }
        let is_garbled = match &answer {
            Ok(answer) => !matches!(answer.code, 250 | 400..),
            Err(fault) => matches!(fault, Fault::Garbled(..)),
        };
        if is_garbled {
            self.relay.break_chunks();
        }
        self.needs_reset = !answer.is_ok_and(|answer| answer.code == 250);
        !self.needs_reset
    }

    /// Whether the next transaction can be begun on it: still open, not idle for too long, below
    /// the message cap.
    pub(super) fn is_usable(&mut self, settings: &Settings) -> bool {
        self.transactions < settings.per_connection.get()
            && self.used_at.elapsed() < MAX_IDLE
            && !self.connection.has_been_disturbed()
    }
}

fn unreachable(settings: &Settings, why: &str) -> Health {
    let place = format!("{}:{}", settings.host, settings.port);
    Health::Failing(Refusal::new(
        Reason::Session,
        "",
        super::reply::shorten(&format!("cannot connect to {place}{why}")),
    ))
}

/// The relay's addresses in the order in which they are to be tried.
async fn look_up(settings: &Settings, known: &Addresses) -> Result<Vec<SocketAddr>, Health> {
    let limit = settings.limits.connect;
    match timeout(limit, lookup_host((settings.host.as_str(), settings.port))).await {
        Ok(Ok(found)) => Ok(known.order(found)),
        Ok(Err(error)) => Err(unreachable(settings, &format!(": {error}"))),
        Err(_) => {
            Err(unreachable(settings, &format!(": the name was not looked up within {limit:?}")))
        }
    }
}

async fn connect(
    settings: &Settings,
    known: &Addresses,
    left: &mut Vec<SocketAddr>,
) -> Result<(TcpStream, SocketAddr), Health> {
    let limit = settings.limits.connect;
    let connected = known.connect(left, limit, async |address| {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    connected
        .await
        .map_err(|failed| unreachable(settings, &format!(": {}", addresses::in_words(&failed))))
}

/// EHLO, and HELO where a server knows no better (RFC 5321 section 3.2).
async fn hello(connection: &mut Connection, name: &str) -> Result<Extensions, Health> {
    let answer = connection
        .command(Step::Hello, &format!("EHLO {name}"))
        .await
        .map_err(|fault| fault.health())?;
    if answer.class() == 2 {
        return Ok(Extensions::read(&answer));
    }
    if matches!(answer.code, 500 | 501 | 502 | 504) {
        let answer = connection
            .command(Step::Hello, &format!("HELO {name}"))
            .await
            .map_err(|fault| fault.health())?;
        return if answer.class() == 2 {
            Ok(Extensions::default())
        } else {
            Err(refused(Step::Hello, &answer))
        };
    }
    Err(refused(Step::Hello, &answer))
}

fn refused(step: Step, answer: &Answer) -> Health {
    match answer.class() {
        4 | 5 => judge_session(step, answer),
        _ => Fault::Garbled(step, format!("it begins with {}", answer.code)).health(),
    }
}

fn wants_starttls(
    settings: &Settings,
    offered: &Extensions,
    is_loopback: bool,
) -> Result<bool, Health> {
    let is_required = match settings.encryption {
        Encryption::Implicit => return Ok(false),
        Encryption::Optional => false,
        Encryption::Required => true,
        Encryption::UnlessLoopback if is_loopback => {
            return Ok(offered.starttls
                && settings.credentials.is_some()
                && offered.auth.is_empty());
        }
        Encryption::UnlessLoopback => true,
    };
    if is_required && !offered.starttls {
        let detail = "TLS is required and the server does not offer STARTTLS; use another port, or tls = \"optional\"";
        return Err(Health::Stop(Refusal::new(Reason::Session, "", detail)));
    }
    Ok(offered.starttls)
}

fn nothing_fits(asked: Option<Mechanism>, offered: &Extensions) -> Health {
    let offer = if offered.auth.is_empty() {
        "no AUTH".to_owned()
    } else {
        format!("AUTH {}", offered.auth.join(" "))
    };
    let wanted = asked.map_or("PLAIN or LOGIN", Mechanism::keyword);
    Health::Stop(Refusal::new(
        Reason::Auth,
        "",
        super::reply::shorten(&format!(
            "the server offers {offer} where {wanted} is needed; set auth, or use another port"
        )),
    ))
}
