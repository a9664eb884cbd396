//! A session from connecting to being ready for mail: greeting, EHLO, TLS, AUTH.
//!
//! The rules it keeps: nothing that was learned before TLS is believed after it, and credentials go in clear text to loopback only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::addresses::{self, Addresses};
use super::auth::{Mechanism, authenticate};
use super::behind::Trial;
use super::classify::judge_session;
use super::connection::{Connection, Stream};
use super::extensions::Extensions;
use super::pipelining::Mode;
use super::relay::{Relay, Relays};
use super::reply::Answer;
use super::settings::{Encryption, Settings, address_literal};
use super::step::{Fault, Step};
use super::tls;
use crate::outcome::Reason;
use crate::provider::{Health, Refusal};

/// Servers and what lies between forget idle connections, some of them silently; this is well below what they wait.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// How long a greeting is waited for at most while the name has more addresses; at the last one it is as long as for every answer.
const GREETING: Duration = Duration::from_secs(10);

/// A session that is ready for a transaction.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) extensions: Extensions,
    /// Transactions begun so far.
    pub(super) transactions: u32,
    /// Whether the server may hold half a transaction, which RSET must clear away before the next.
    pub(super) needs_reset: bool,
    /// Whether the next transaction's MAIL, RCPT and DATA have left with the end of the last message.
    pub(super) envelope_is_out: bool,
    /// MAIL without its SIZE, where it is still in force because nothing but the recipient was refused.
    pub(super) in_force: Option<String>,
    /// What is known about the server.
    pub(super) relay: Arc<Relay>,
    /// Whether MAIL, RCPT and DATA may share a write.
    pub(super) groups: bool,
    /// Whether an envelope behind the final dot that is not taken is held against nobody.
    pub(super) is_auto: bool,
    /// What stands behind the final dot is being tried on this connection.
    pub(super) trial: Option<Trial>,
    /// Whether the last envelope behind a final dot was answered as any other.
    pub(super) behind_went_well: bool,
    /// Whether the server has given a message a name of its own when it took it. It will do so for each.
    pub(super) names_messages: bool,
    pub(super) used_at: Instant,
}

impl Session {
    /// Opens a session at one of the relay's addresses. Where that fails it says how the provider fares.
    pub(super) async fn open(settings: &Settings, known: &Addresses, relays: &Relays) -> Result<Self, Health> {
        let mut left = look_up(settings, known).await?;
        loop {
            let (stream, peer) = connect(settings, known, &mut left).await?;
            match greet(settings, stream, peer, left.is_empty()).await {
                Ok((connection, place)) => return Self::prepare(settings, relays, connection, place).await,
                // As good as dead; another address may be another machine.
                Err(Ungreeted::Passing(health)) => {
                    known.avoid(peer);
                    if left.is_empty() {
                        return Err(health);
                    }
                    tracing::debug!(server = settings.host, address = %peer.ip(), "no greeting; the next address is tried");
                }
                Err(Ungreeted::Final(health)) => return Err(health),
            }
        }
    }

    async fn prepare(settings: &Settings, relays: &Relays, mut connection: Connection, place: Place) -> Result<Self, Health> {
        let limits = settings.limits;
        let Place { helo, is_loopback, greeting } = place;
        let helo = helo.as_str();
        let mut is_encrypted = connection.is_encrypted();
        let mut extensions = hello(&mut connection, helo).await?;

        if !is_encrypted && wants_starttls(settings, &extensions, is_loopback)? {
            let answer = connection.command(Step::StartTls, "STARTTLS").await.map_err(|fault| fault.health())?;
            if answer.code != 220 {
                return Err(refused(Step::StartTls, &answer));
            }
            let injected = "the server sent more before the TLS handshake than its answer to STARTTLS";
            let plain = connection.into_plain().ok_or_else(|| Health::Stop(Refusal::new(Reason::Session, "", injected)))?;
            connection = Connection::new(shake_hands(settings, plain).await?, limits);
            extensions = hello(&mut connection, helo).await?;
            is_encrypted = true;
        }
        if let Some(who) = &settings.credentials {
            if !is_encrypted && !is_loopback {
                let detail =
                    "credentials are not sent without TLS, which the server does not offer; take the user out of the url, or use another port";
                return Err(Health::Stop(Refusal::new(Reason::Auth, "", detail)));
            }
            let mechanism = Mechanism::choose(settings.mechanism, &extensions).ok_or_else(|| nothing_fits(settings.mechanism, &extensions))?;
            let answer = match authenticate(&mut connection, mechanism, who).await {
                Ok(answer) | Err(Fault::Closing(Step::Auth, answer)) => answer,
                Err(fault) => return Err(fault.health()),
            };
            if answer.class() != 2 {
                return Err(judge_session(Step::Auth, &answer));
            }
        }
        let relay = relays.meet(&settings.place(), &greeting, &extensions).await;
        let groups = extensions.pipelining && settings.pipelining != Mode::Off;
        Ok(Self {
            connection,
            extensions,
            transactions: 0,
            needs_reset: false,
            envelope_is_out: false,
            in_force: None,
            relay,
            groups,
            is_auto: settings.pipelining == Mode::Auto,
            trial: None,
            behind_went_well: false,
            names_messages: false,
            used_at: Instant::now(),
        })
    }

    /// Clears away what a refusal may have left, and shows whether the server is still there and answers what it is asked; false where the
    /// session cannot be used any more. 250 is yes whatever follows; 4yz and 5yz announce that the server closes.
    pub(super) async fn reset(&mut self) -> bool {
        self.in_force = None;
        let answer = self.connection.command(Step::Reset, "RSET").await;
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

    /// Whether the next transaction can be begun on it: still open, not idle for too long, below the message cap.
    pub(super) fn is_usable(&mut self, settings: &Settings) -> bool {
        self.transactions < settings.per_connection.get() && self.used_at.elapsed() < MAX_IDLE && !self.connection.has_been_disturbed()
    }
}

/// What a session has to know about where it runs.
struct Place {
    /// The name to give in EHLO.
    helo: String,
    is_loopback: bool,
    /// What the server said first.
    greeting: String,
}

/// Why an address has no session to offer.
enum Ungreeted {
    /// Another address may well fare better.
    Passing(Health),
    /// No SMTP server, or a certificate that does not verify: a setting is wrong.
    Final(Health),
}

/// TLS where it comes first, and the greeting.
async fn greet(settings: &Settings, stream: TcpStream, peer: SocketAddr, is_last: bool) -> Result<(Connection, Place), Ungreeted> {
    let helo = settings.helo.clone().or_else(|| stream.local_addr().ok().map(|own| address_literal(own.ip())));
    let is_final = |health: Health| if matches!(health, Health::Stop(_)) { Ungreeted::Final(health) } else { Ungreeted::Passing(health) };
    let stream = match settings.encryption {
        Encryption::Implicit => shake_hands(settings, stream).await.map_err(|health| is_final(named_scheme(settings, health)))?,
        _ => Stream::Plain(stream),
    };
    let begins_plain = matches!(stream, Stream::Plain(_));
    let mut connection = Connection::new(stream, settings.limits);
    let limit = if is_last { settings.limits.answer(Step::Greeting) } else { settings.limits.answer(Step::Greeting).min(GREETING) };
    let greeting = {
        let mut greeting = std::pin::pin!(connection.greeting(limit));
        tokio::select! {
            biased;
            greeting = &mut greeting => greeting,
            is_spoken = speaks_tls_first(settings, peer, limit), if begins_plain => {
                if is_spoken {
                    return Err(Ungreeted::Final(wrong_scheme(settings, "the server waits for a TLS handshake and says nothing before it", "smtps")));
                }
                greeting.await
            }
        }
    };
    let greeting = greeting.map_err(|fault| Ungreeted::Passing(fault.health()))?;
    match greeting.code {
        220 => {
            let helo = helo.unwrap_or_else(|| "[127.0.0.1]".to_owned());
            let place = Place { helo, is_loopback: peer.ip().to_canonical().is_loopback(), greeting: greeting.lines.join(" ") };
            Ok((connection, place))
        }
        code if code >= 400 => Err(Ungreeted::Passing(judge_session(Step::Greeting, &greeting))),
        _ => Err(Ungreeted::Final(Fault::Garbled(Step::Greeting, format!("it begins with {}", greeting.code)).health())),
    }
}

/// Whether a server that does not greet waits for TLS instead. It is tried over a connection of its own, and only after a while, for some
/// servers make every client wait for their greeting and distrust those that speak before it.
async fn speaks_tls_first(settings: &Settings, peer: SocketAddr, limit: Duration) -> bool {
    const PORT_OF_TLS: u16 = 465;
    let patience = if settings.port == PORT_OF_TLS { Duration::from_secs(1) } else { Duration::from_secs(8) };
    tokio::time::sleep(patience.min(limit.mul_f64(0.8))).await;
    let spoken = async {
        match TcpStream::connect(peer).await {
            Ok(stream) => settings.tls.is_spoken(stream).await,
            Err(_) => false,
        }
    };
    timeout(Duration::from_secs(5), spoken).await.unwrap_or(false)
}

/// What a handshake came to that began the session: where the server does not know what TLS is there, another scheme is meant.
fn named_scheme(settings: &Settings, health: Health) -> Health {
    match health {
        Health::Stop(refusal) if refusal.detail == tls::NO_TLS => wrong_scheme(settings, &refusal.detail, "smtp+starttls"),
        other => other,
    }
}

fn wrong_scheme(settings: &Settings, what: &str, scheme: &str) -> Health {
    let detail = format!("{what}; write {scheme}://{}:{} in its url, or use another port", settings.host, settings.port);
    Health::Stop(Refusal::new(Reason::Session, "", super::reply::shorten(&detail)))
}

fn unreachable(settings: &Settings, why: &str) -> Health {
    let place = format!("{}:{}", settings.host, settings.port);
    Health::Failing(Refusal::new(Reason::Session, "", super::reply::shorten(&format!("cannot connect to {place}{why}"))))
}

/// The relay's addresses in the order in which they are to be tried.
async fn look_up(settings: &Settings, known: &Addresses) -> Result<Vec<SocketAddr>, Health> {
    let limit = settings.limits.connect;
    match timeout(limit, lookup_host((settings.host.as_str(), settings.port))).await {
        Ok(Ok(found)) => Ok(known.order(found)),
        Ok(Err(error)) => Err(unreachable(settings, &format!(": {error}"))),
        Err(_) => Err(unreachable(settings, &format!(": the name was not looked up within {limit:?}"))),
    }
}

async fn connect(settings: &Settings, known: &Addresses, left: &mut Vec<SocketAddr>) -> Result<(TcpStream, SocketAddr), Health> {
    let limit = settings.limits.connect;
    let connected = known.connect(left, limit, async |address| {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    connected.await.map_err(|failed| unreachable(settings, &format!(": {}", addresses::in_words(&failed))))
}

async fn shake_hands(settings: &Settings, stream: TcpStream) -> Result<Stream, Health> {
    let limit = settings.limits.connect;
    match timeout(limit, settings.tls.upgrade(stream)).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream?))),
        Err(_) => Err(Health::Failing(Refusal::new(Reason::Session, "", format!("the TLS handshake took longer than {limit:?}")))),
    }
}

/// EHLO, and HELO where a server knows no better (RFC 5321 section 3.2).
async fn hello(connection: &mut Connection, name: &str) -> Result<Extensions, Health> {
    let answer = connection.command(Step::Hello, &format!("EHLO {name}")).await.map_err(|fault| fault.health())?;
    if answer.class() == 2 {
        return Ok(Extensions::read(&answer));
    }
    if matches!(answer.code, 500 | 501 | 502 | 504) {
        let answer = connection.command(Step::Hello, &format!("HELO {name}")).await.map_err(|fault| fault.health())?;
        return if answer.class() == 2 { Ok(Extensions::default()) } else { Err(refused(Step::Hello, &answer)) };
    }
    Err(refused(Step::Hello, &answer))
}

fn refused(step: Step, answer: &Answer) -> Health {
    match answer.class() {
        4 | 5 => judge_session(step, answer),
        _ => Fault::Garbled(step, format!("it begins with {}", answer.code)).health(),
    }
}

fn wants_starttls(settings: &Settings, offered: &Extensions, is_loopback: bool) -> Result<bool, Health> {
    let is_required = match settings.encryption {
        Encryption::Implicit => return Ok(false),
        Encryption::Optional => false,
        Encryption::Required => true,
        Encryption::UnlessLoopback if is_loopback => return Ok(offered.starttls && settings.credentials.is_some() && offered.auth.is_empty()),
        Encryption::UnlessLoopback => true,
    };
    if is_required && !offered.starttls {
        let detail = "TLS is required and the server does not offer STARTTLS; use another port, or tls = \"optional\"";
        return Err(Health::Stop(Refusal::new(Reason::Session, "", detail)));
    }
    Ok(offered.starttls)
}

fn nothing_fits(asked: Option<Mechanism>, offered: &Extensions) -> Health {
    let offer = if offered.auth.is_empty() { "no AUTH".to_owned() } else { format!("AUTH {}", offered.auth.join(" ")) };
    let wanted = asked.map_or("PLAIN or LOGIN", Mechanism::keyword);
    Health::Stop(Refusal::new(
        Reason::Auth,
        "",
        super::reply::shorten(&format!("the server offers {offer} where {wanted} is needed; set auth, or use another port")),
    ))
}
