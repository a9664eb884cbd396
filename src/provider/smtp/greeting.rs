//! The first words of a connection: TLS where it comes first, and the greeting; and whether the
//! port wants another scheme than the configured.

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

/// How long a greeting is waited for at most while the name has more addresses; at the last one it
/// is as long as for every answer.
const GREETING: Duration = Duration::from_secs(10);
/// A server is only given time to turn to a second connection where a greeting is waited for as
/// long as this.
const LONG_ENOUGH: Duration = Duration::from_secs(3);
/// The port on which TLS comes first.
const PORT_OF_TLS: u16 = 465;
/// How long the answer to a handshake is waited for that is tried beside a connection without a
/// greeting.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// And on the port of TLS.
const HANDSHAKE_ON_ITS_PORT: Duration = Duration::from_secs(2);

/// What a session has to know about where it runs.
pub(super) struct Place {
    /// The name to give in EHLO.
    pub(super) helo: String,
    pub(super) is_loopback: bool,
    /// What the server said first.
    pub(super) greeting: String,
}

/// Why an address has no session to offer.
pub(super) enum Ungreeted {
    /// Another address may well fare better.
    Passing(Health),
    /// The server has no room for one more connection.
    Crowded(Health),
    /// No SMTP server, or a certificate that does not verify: a setting is wrong.
    Final(Health),
}

/// TLS where it comes first, and the greeting.
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

/// A TLS handshake, within the time for connecting.
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

/// Whether a server says that it serves as many connections as it wants to.
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

/// The connection and the first that the server says on it.
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
            "the server waits for a TLS handshake and says nothing before it",
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
                // Where a greeting came before, this one is only slow.
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
            // A server of one connection at a time looks at the second one only when the first has
            // gone.
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

/// What a TLS handshake beside a silent connection came to.
enum Tried {
    Spoken,
    NotSpoken,
    /// No answer yet; this resolves when there is one.
    Unanswered(BoxFuture<'static, bool>),
}

/// Finds out whether a server that does not greet waits for TLS instead. It is tried over a
/// connection of its own, and only after a while, for some servers make every client wait for their
/// greeting and distrust those that speak before it.
async fn tries_tls(settings: &Settings, peer: SocketAddr, limit: Duration) -> Tried {
    let is_its_port = settings.port == PORT_OF_TLS;
    let patience = if is_its_port { Duration::from_secs(1) } else { Duration::from_secs(8) };
    // All of it has to be over before the greeting is given up.
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

/// What a handshake came to that began the session: where the server does not know what TLS is
/// there, another scheme is meant.
fn named_scheme(settings: &Settings, why: Unencrypted) -> Health {
    match why {
        Unencrypted::NotSpoken => wrong_scheme(settings, tls::NOT_SPOKEN, "smtp+starttls"),
        Unencrypted::Failed(health) => health,
    }
}

fn wrong_scheme(settings: &Settings, what: &str, scheme: &str) -> Health {
    let detail = format!(
        "{what}; write {scheme}://{}:{} in its url, or use another port",
        settings.host, settings.port
    );
    Health::Stop(Refusal::new(Reason::Session, "", super::reply::shorten(&detail)))
}
