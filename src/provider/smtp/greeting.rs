//! Starts a connection: TLS if the scheme requires it first, then the greeting. It also detects a
//! port that needs another scheme than the configured one.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::addresses::Addresses;
use super::classify::judge_session;
use super::connection::{Connection, Stream};
use super::fault::Fault;
use super::reply::Answer;
use super::settings::{Encryption, Settings, address_literal};
use super::step::Step;
use super::tls::{self, Unencrypted};
use crate::model::outcome::Reason;
use crate::provider::{BoxFuture, Health, Refusal};

/// The longest wait for a greeting while the name has more addresses. At the last address, the time
/// limit of other replies applies.
const GREETING: Duration = Duration::from_secs(10);
/// The minimum greeting limit for this test: the first connection is closed, so that a server with
/// only one connection can answer the second.
const LONG_ENOUGH: Duration = Duration::from_secs(3);
/// The port on which a connection begins with TLS.
const PORT_OF_TLS: u16 = 465;
/// The longest wait for the answer to a TLS handshake on a second connection, if the first one gets
/// no greeting.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The longest such wait on the TLS port, where the handshake is tried sooner.
const HANDSHAKE_ON_ITS_PORT: Duration = Duration::from_secs(2);

/// The data that a session needs about its connection.
pub(super) struct Place {
    /// The client's name for EHLO.
    pub(super) helo: String,
    pub(super) is_loopback: bool,
    /// The text of the server's greeting.
    pub(super) greeting: String,
}

/// The reason why no session could be started at an address.
pub(super) enum Ungreeted {
    /// A failure that another address may not have.
    Passing(Health),
    /// The server accepts no further connection.
    Crowded(Health),
    /// The server is not an SMTP server, or its certificate is invalid: a setting is wrong.
    Final(Health),
}

/// Does the TLS handshake if the scheme is smtps, then reads the greeting.
pub(super) async fn greet(
    settings: &Settings,
    known: &Addresses,
    stream: TcpStream,
    peer: SocketAddr,
    is_last: bool,
) -> Result<(Connection, Place), Ungreeted> {
    let helo = settings
        .helo
        .clone()
        .or_else(|| stream.local_addr().ok().map(|own| address_literal(own.ip())));
    let is_final = |health: Health| {
        if matches!(health, Health::Stop(_)) {
            Ungreeted::Final(health)
        } else {
            Ungreeted::Passing(health)
        }
    };
    let stream = match settings.encryption {
        Encryption::Implicit => shake_hands(settings, stream)
            .await
            .map_err(|why| is_final(named_scheme(settings, why)))?,
        _ => Stream::Plain(stream),
    };
    let limit = settings.limits.answer(Step::Greeting);
    let limit = if is_last { limit } else { limit.min(GREETING) };
    let (connection, greeting) = first_words(settings, known, stream, peer, limit).await?;
    match greeting.code {
        220 => {
            let helo = helo.unwrap_or_else(|| "[127.0.0.1]".to_owned());
            let place = Place {
                helo,
                is_loopback: peer.ip().to_canonical().is_loopback(),
                greeting: greeting.lines.join(" "),
            };
            Ok((connection, place))
        }
        code if code >= 400 && is_crowded(&greeting) => {
            Err(Ungreeted::Crowded(judge_session(Step::Greeting, &greeting)))
        }
        code if code >= 400 => Err(Ungreeted::Passing(judge_session(Step::Greeting, &greeting))),
        _ => Err(Ungreeted::Final(
            Fault::Garbled(Step::Greeting, format!("it begins with {}", greeting.code)).health(),
        )),
    }
}

/// Does a TLS handshake within the time limit for connecting.
pub(super) async fn shake_hands(
    settings: &Settings,
    stream: TcpStream,
) -> Result<Stream, Unencrypted> {
    let limit = settings.limits.connect;
    match timeout(limit, settings.tls.upgrade(stream)).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream?))),
        Err(_) => Err(Unencrypted::Failed(Health::Failing(Refusal::new(
            Reason::Session,
            "",
            format!("the TLS handshake took longer than {limit:?}"),
        )))),
    }
}

/// Returns whether the server's text says that it has too many connections.
pub(super) fn is_crowded(answer: &Answer) -> bool {
    const WORDS: [&str; 6] = [
        "too many connections",
        "too many concurrent",
        "too many sessions",
        "concurrent connections",
        "connection limit",
        "maximum number of connections",
    ];
    let text = answer.whole_text().to_ascii_lowercase();
    WORDS.iter().any(|words| text.contains(words))
}

/// Reads the server's greeting. Returns the connection on which the greeting arrived.
async fn first_words(
    settings: &Settings,
    known: &Addresses,
    stream: Stream,
    peer: SocketAddr,
    limit: Duration,
) -> Result<(Connection, Answer), Ungreeted> {
    let begins_plain = matches!(stream, Stream::Plain(_));
    let mut connection = Connection::new(stream, settings.limits);
    let wants_tls = || {
        Ungreeted::Final(wrong_scheme(
            settings,
            "the server waits for a TLS handshake and sends no greeting before it",
            "smtps",
        ))
    };
    let passing = |fault: Fault| Ungreeted::Passing(fault.health());
    let handshake = {
        let mut greeting = std::pin::pin!(connection.greeting(limit));
        tokio::select! {
            biased;
            greeting = &mut greeting => Err(greeting),
            tried = tries_tls(settings, peer, limit), if begins_plain => match tried {
                Tried::Spoken => return Err(wants_tls()),
                // If this server has sent a greeting without TLS before, it is only slow now.
                Tried::Unanswered(handshake) if !known.have_greeted() && limit >= LONG_ENOUGH => Ok(handshake),
                Tried::Unanswered(_) | Tried::NotSpoken => Err(greeting.await),
            },
        }
    };
    match handshake {
        Err(greeting) => {
            if begins_plain && greeting.is_ok() {
                known.greeted();
            }
            Ok((connection, greeting.map_err(passing)?))
        }
        Ok(handshake) => {
            // A server that serves one connection at a time answers the second connection only
            // after the first is closed.
            drop(connection);
            if timeout(HANDSHAKE, handshake).await == Ok(true) {
                return Err(wants_tls());
            }
            known.greeted();
            let stream = timeout(settings.limits.connect, TcpStream::connect(peer)).await;
            let silent = || passing(Fault::Silent(Step::Greeting, limit));
            let stream = stream.ok().and_then(Result::ok).ok_or_else(silent)?;
            let mut connection = Connection::new(Stream::Plain(stream), settings.limits);
            let greeting = connection.greeting(limit).await.map_err(passing)?;
            Ok((connection, greeting))
        }
    }
}

/// The result of a TLS handshake on a second connection, tried because the first got no greeting.
enum Tried {
    Spoken,
    NotSpoken,
    /// There is no answer yet. The future resolves when the answer arrives.
    Unanswered(BoxFuture<'static, bool>),
}

/// Finds out whether a server that sends no greeting waits for TLS. The handshake uses a second
/// connection. It starts only after a while, because some servers delay their greeting on purpose
/// and distrust clients that send early.
async fn tries_tls(settings: &Settings, peer: SocketAddr, limit: Duration) -> Tried {
    let is_its_port = settings.port == PORT_OF_TLS;
    let patience = if is_its_port { Duration::from_secs(1) } else { Duration::from_secs(8) };
    // The trial must end before the wait for the greeting ends.
    tokio::time::sleep(patience.min(limit.mul_f64(0.6))).await;
    let tls = std::sync::Arc::clone(&settings.tls);
    let mut handshake: BoxFuture<'static, bool> = Box::pin(async move {
        match TcpStream::connect(peer).await {
            Ok(stream) => tls.is_spoken(stream).await,
            Err(_) => false,
        }
    });
    let longest = if is_its_port { HANDSHAKE_ON_ITS_PORT } else { HANDSHAKE };
    match timeout(longest.min(limit.mul_f64(0.3)), &mut handshake).await {
        Ok(true) => Tried::Spoken,
        Ok(false) => Tried::NotSpoken,
        Err(_) => Tried::Unanswered(handshake),
    }
}

/// Interprets a failed TLS handshake of a connection that begins with TLS. If the server's answer
/// was not TLS, another scheme is needed.
fn named_scheme(settings: &Settings, why: Unencrypted) -> Health {
    match why {
        Unencrypted::NotSpoken => wrong_scheme(settings, tls::NOT_SPOKEN, "smtp+starttls"),
        Unencrypted::Failed(health) => health,
    }
}

fn wrong_scheme(settings: &Settings, what: &str, scheme: &str) -> Health {
    let detail = format!(
        "{what}; write {scheme}://{}:{} in the provider's url, or use another port",
        settings.host, settings.port
    );
    Health::Stop(Refusal::new(Reason::Session, "", super::reply::shorten(&detail)))
}
