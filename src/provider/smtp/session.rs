//! Opens a session that is ready for mail: greeting, EHLO, TLS, AUTH.
//!
//! Information from before TLS is not used after it. Credentials are sent without TLS only to
//! loopback.

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

/// The longest idle time after which a session is reused. It is well below the time after which
/// servers, firewalls and NAT drop idle connections, some of them silently.
const MAX_IDLE: Duration = Duration::from_secs(30);
/// The maximum number of logins for one session: one with the password and one with a replacement,
/// and one more if another connection has found that the replacement expired too.
const LOGINS: u32 = 3;

/// A session that is ready for a transaction.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) extensions: Extensions,
    /// The number of transactions started.
    pub(super) transactions: u32,
    /// The number of messages accepted one at a time over this session.
    pub(super) taken: u32,
    /// Whether the server may hold an unfinished transaction, which RSET must clear before the next
    /// one.
    pub(super) needs_reset: bool,
    /// Whether the next transaction's MAIL, RCPT and DATA were sent with the end of the last
    /// message.
    pub(super) envelope_is_out: bool,
    /// The MAIL command, without SIZE, that is still valid because the server refused only the
    /// recipient.
    pub(super) in_force: Option<String>,
    /// The number of RSETs that followed only a refusal. Servers count such commands.
    pub(super) spare_resets: u32,
    /// The facts known about the server.
    pub(super) relay: Arc<Relay>,
    /// Whether MAIL, RCPT and DATA may share a write.
    pub(super) groups: bool,
    /// Whether an envelope right after the final dot is only a trial. If the server does not accept
    /// it, no recipient is charged.
    pub(super) is_auto: bool,
    /// The trial that sends an envelope right after a final dot, if this connection runs the trial.
    pub(super) trial: Option<Trial>,
    /// Whether the server accepted the message before an envelope that was sent early.
    pub(super) dot_went_well: bool,
    /// Whether the last envelope that was sent right after a final dot got normal replies and the
    /// message before it was accepted.
    pub(super) behind_went_well: bool,
    /// Whether the server has returned a queue id for a message. It then returns one for every
    /// message.
    pub(super) names_messages: bool,
    pub(super) used_at: Instant,
}

/// The reason why no session could be opened.
pub(super) enum Unopened {
    /// The server accepts no further connection.
    Crowded(Health),
    Other(Health),
}

impl From<Health> for Unopened {
    fn from(health: Health) -> Self {
        Self::Other(health)
    }
}

/// The state that all sessions of a relay share.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) settings: &'a Settings,
    pub(super) known: &'a Addresses,
    pub(super) relays: &'a Relays,
    pub(super) logins: &'a Logins,
}

impl Session {
    /// Opens a session at one of the relay's addresses. `begun_at` is the start of the claim. If
    /// the server refuses the password and a replacement was fetched, it tries again. The error
    /// contains the provider's health.
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
        // Every login was refused, but each time the password was replaced. The failure is not
        // final, so the jobs that were not started are given back.
        Err(Health::Fine.into())
    }

    /// Tries once to open a session. Returns `None` if the next attempt has another password.
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
                // The address counts as failed. Another address may belong to another machine.
                Err(Ungreeted::Passing(health)) => {
                    known.avoid(peer);
                    if left.is_empty() {
                        return Err(health.into());
                    }
                    tracing::debug!(server = settings.host, address = %peer.ip(), "no session could be started at this address; the next address is tried");
                }
                Err(Ungreeted::Crowded(health)) => return Err(Unopened::Crowded(health)),
                Err(Ungreeted::Final(health)) => return Err(health.into()),
            }
        }
    }

    /// Does EHLO, STARTTLS and AUTH on a connection with a greeting. The function is long because
    /// the steps must follow each other and share the connection.
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
            let injected = "the server sent extra data before the TLS handshake";
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
                let detail = "credentials are not sent without TLS, which the server does not offer; remove the user from the url, or use another port";
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
            // The turn to log in is kept while another password is fetched, so waiting logins use
            // the new password.
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

    /// Sends RSET to clear what a refusal may have left on the server, and to check that the server
    /// still answers in order. Returns false if the session cannot be used any more. Any 250 is a
    /// success. A 4yz or 5yz reply means that the server will close the connection.
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

    /// Returns whether the next transaction can start on this session: it is open, was not idle for
    /// too long, and is below the message limit.
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

/// Looks up the relay's addresses. Returns them in the order in which to try them.
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

/// Sends EHLO, or HELO if the server does not know EHLO (RFC 5321 section 3.2).
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
        let detail = "TLS is required, but the server does not offer STARTTLS; use another port, or set tls = \"optional\"";
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
