//! One connection to a recorder, from greeting to close.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Action, Heard, Rule, Shared, State, Step, Taken};

/// Serves the connection; whatever ends it, it no longer counts as open afterwards.
pub(super) fn run(stream: TcpStream, number: usize, shared: &Arc<Shared>) {
    let Ok(reading) = stream.try_clone() else { return };
    let _ = stream.set_nodelay(true);
    let input = BufReader::new(reading);
    let mut session = Session {
        input,
        output: stream,
        pending: Vec::new(),
        held: Vec::new(),
        number,
        shared,
        open: true,
        messages: 0,
        sender: String::new(),
        recipients: Vec::new(),
    };
    // A client that goes away is no fault of the server.
    let _ = session.serve();
    session.leave();
}

struct Session<'a> {
    input: BufReader<TcpStream>,
    output: TcpStream,
    /// Replies not written yet, because more commands are already here.
    pending: Vec<u8>,
    /// A reply that goes out behind the next one.
    held: Vec<u8>,
    number: usize,
    shared: &'a Shared,
    open: bool,
    messages: usize,
    sender: String,
    recipients: Vec<String>,
}

/// Whether the session goes on.
#[derive(PartialEq)]
enum Then {
    Continue,
    Close,
}

impl Session<'_> {
    fn serve(&mut self) -> io::Result<()> {
        if self.answer(Step::Greeting, "220 recorder.test ESMTP")? == Then::Close {
            return self.flush();
        }
        loop {
            let was_pending = !self.pending.is_empty();
            if self.input.buffer().is_empty() {
                self.let_go();
                self.flush()?;
            }
            let Some(line) = self.line()? else { return Ok(()) };
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let heard = Heard {
                at: Instant::now(),
                connection: self.number,
                line: text.clone(),
                pipelined: was_pending && !self.pending.is_empty(),
            };
            self.shared.state().heard.push(heard);
            if self.command(&text)? == Then::Close {
                return self.flush();
            }
        }
    }

    fn command(&mut self, text: &str) -> io::Result<Then> {
        let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let mut lines = vec!["recorder.test".to_owned()];
                lines.extend(self.shared.state().script.extensions.clone());
                let last = lines.len() - 1;
                let reply: Vec<String> = lines
                    .iter()
                    .enumerate()
                    .map(|(i, line)| format!("250{}{line}", if i == last { ' ' } else { '-' }))
                    .collect();
                self.reset();
                self.answer(Step::Ehlo, &reply.join("\n"))
            }
            "HELO" => {
                self.reset();
                self.answer(Step::Ehlo, "250 recorder.test")
            }
            "AUTH" => self.auth(text),
            "MAIL" => self.mail(text),
            "RCPT" if self.sender.is_empty() && self.is_one_too_many() => {
                self.say("503 5.5.1 need MAIL")
            }
            "RCPT" => {
                // The rule looks at this recipient alone.
                let recipient = address(text);
                let action = self
                    .choose(Step::Rcpt, "250 2.1.5 ok", std::slice::from_ref(&recipient))
                    .action;
                if action.digit() == Some(b'2') {
                    self.recipients.push(recipient);
                }
                self.act(Step::Rcpt, action)
            }
            "DATA" => self.data(),
            "RSET" => {
                self.reset();
                self.answer(Step::Rset, "250 2.0.0 ok")
            }
            "NOOP" => self.answer(Step::Noop, "250 2.0.0 ok"),
            "QUIT" => {
                // The client may open its next connection as soon as it has read the reply.
                self.leave();
                self.answer(Step::Quit, "221 2.0.0 bye")?;
                Ok(Then::Close)
            }
            _ => self.say("500 5.5.2 command not recognized"),
        }
    }

    /// Takes any credentials; they are in what was heard.
    fn auth(&mut self, text: &str) -> io::Result<Then> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let prompts: &[&str] =
            match (words.get(1).map(|name| name.to_ascii_uppercase()).as_deref(), words.len()) {
                (Some("LOGIN"), 2) => &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
                (Some("LOGIN"), _) => &["334 UGFzc3dvcmQ6"],
                (_, 2) => &["334 "],
                _ => &[],
            };
        for prompt in prompts {
            self.say(prompt)?;
            self.flush()?;
            let Some(line) = self.line()? else { return Ok(Then::Close) };
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.shared.state().heard.push(Heard {
                at: Instant::now(),
                connection: self.number,
                line,
                pipelined: false,
            });
        }
        self.answer(Step::Auth, "235 2.7.0 accepted")
    }

    fn mail(&mut self, text: &str) -> io::Result<Then> {
        if self.shared.state().script.per_connection.is_some_and(|most| self.messages >= most) {
            self.leave();
            self.say("421 4.7.0 too many messages on this connection")?;
            return Ok(Then::Close);
        }
        self.reset();
        if self.is_one_too_many() {
            return self
                .say("432 4.3.2 STOREDRV.ClientSubmit; concurrent connections limit exceeded");
        }
        self.sender = address(text);
        self.answer(Step::Mail, "250 2.1.0 ok")
    }

    /// Whether as many connections as may send were open before this one.
    fn is_one_too_many(&self) -> bool {
        let state = self.shared.state();
        let before = state.streams.iter().filter(|(number, _)| *number < self.number).count();
        state.script.most_sending.is_some_and(|most| before >= most)
    }

    fn data(&mut self) -> io::Result<Then> {
        let usual = if self.recipients.is_empty() {
            "554 5.5.1 no valid recipients"
        } else {
            "354 go ahead"
        };
        let action = self.choose(Step::Data, usual, &self.recipients).action;
        let goes_ahead = action.digit() == Some(b'3');
        if goes_ahead {
            let mut state = self.shared.state();
            state.opened.extend(self.recipients.iter().cloned());
            state.untold.extend(self.recipients.iter().cloned());
        }
        if self.act(Step::Data, action)? == Then::Close {
            return Ok(Then::Close);
        }
        if !goes_ahead {
            return Ok(Then::Continue);
        }
        self.let_go();
        self.flush()?;
        let mut data = Vec::new();
        // The blank line behind the header, then the first line of the body.
        let (mut is_body, mut was_asked) = (false, false);
        loop {
            let Some(line) = self.line()? else { return Ok(Then::Close) };
            if data.is_empty() {
                // Only now: an envelope may have waited in the pipe for longer than its connection
                // lived.
                let mut state = self.shared.state();
                let guessed: Vec<String> = self
                    .recipients
                    .iter()
                    .filter(|recipient| state.whole.contains(*recipient))
                    .cloned()
                    .collect();
                state.guessed.extend(guessed);
            }
            if line == b".\r\n" {
                break;
            }
            if is_body && !was_asked {
                was_asked = true;
                if let Some(rule) = self.rule(Step::Body, &self.recipients) {
                    if self.act(Step::Body, rule.action)? == Then::Close {
                        return Ok(Then::Close);
                    }
                    self.flush()?;
                }
            }
            is_body |= line == b"\r\n";
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let rule = self.choose(Step::Dot, "250 2.0.0 queued", &self.recipients);
        self.messages += 1;
        // On the list before the client can know.
        if rule.taken || rule.action.digit() == Some(b'2') {
            self.take(data);
        }
        let recipients = std::mem::take(&mut self.recipients);
        self.reset();
        if !rule.tells {
            self.shared.state().whole.extend(recipients.iter().cloned());
        }
        if self.shared.state().script.dies_behind_the_dot && !self.input.buffer().is_empty() {
            return Ok(Then::Close);
        }
        let then = self.act(Step::Dot, rule.action)?;
        if rule.tells {
            self.shared.state().untold.retain(|recipient| !recipients.contains(recipient));
        }
        Ok(then)
    }

    fn take(&mut self, data: Vec<u8>) {
        let message_id = message_id(&data);
        let mut state = self.shared.state();
        let data = if state.script.keep_data { data } else { Vec::new() };
        let (sender, recipients) = (self.sender.clone(), self.recipients.clone());
        state.taken.push(Taken {
            at: Instant::now(),
            connection: self.number,
            sender,
            recipients,
            message_id,
            data,
        });
    }

    /// The usual reply, unless a rule applies.
    fn answer(&mut self, step: Step, usual: &str) -> io::Result<Then> {
        let action = self.choose(step, usual, &self.recipients).action;
        self.act(step, action)
    }

    fn choose(&self, step: Step, usual: &str, recipients: &[String]) -> Rule {
        if let Some((_, _, text)) = self
            .shared
            .state()
            .script
            .spent
            .as_ref()
            .filter(|(most, at, _)| *at == step && self.messages >= *most)
        {
            return Rule::new(step, Action::reply(text.clone()));
        }
        self.rule(step, recipients).unwrap_or_else(|| Rule::new(step, Action::reply(usual)))
    }

    /// The first rule that applies here. Counts for every rule that is concerned.
    fn rule(&self, step: Step, recipients: &[String]) -> Option<Rule> {
        let mut state = self.shared.state();
        let State { script, counts, .. } = &mut *state;
        let mut found = None;
        for (rule, count) in script.rules.iter().zip(counts) {
            if rule.concerns(step, recipients) {
                *count += 1;
                if found.is_none() && rule.applies(*count) {
                    found = Some(rule.clone());
                }
            }
        }
        found
    }

    fn act(&mut self, step: Step, action: Action) -> io::Result<Then> {
        let slow = self
            .shared
            .state()
            .script
            .delays
            .iter()
            .find(|(at, _)| *at == step)
            .map(|(_, delay)| *delay);
        if let Some(delay) = slow {
            self.flush()?;
            thread::sleep(delay);
        }
        match action {
            Action::Reply(text) => self.say(&text),
            Action::Bytes(bytes) => {
                self.pending.extend_from_slice(&bytes);
                Ok(Then::Continue)
            }
            Action::Late(text, wait) => {
                self.flush()?;
                thread::sleep(wait);
                self.say(&text)
            }
            Action::Slowly(text) => {
                self.flush()?;
                for octet in format!("{}\r\n", text.replace('\n', "\r\n")).bytes() {
                    self.output.write_all(&[octet])?;
                    // Long enough for the client to read what there is.
                    thread::sleep(Duration::from_micros(100));
                }
                Ok(Then::Continue)
            }
            Action::Twice(text) => {
                self.say(&text)?;
                self.say(&text)
            }
            Action::Swapped(text) => {
                self.let_go();
                self.held = format!("{}\r\n", text.replace('\n', "\r\n")).into_bytes();
                Ok(Then::Continue)
            }
            Action::Cut(bytes) => {
                self.pending.extend_from_slice(&bytes);
                self.flush()?;
                Ok(Then::Close)
            }
            Action::Drop => {
                self.flush()?;
                Ok(Then::Close)
            }
            Action::Silence => {
                self.flush()?;
                io::copy(&mut self.input, &mut io::sink())?;
                Ok(Then::Close)
            }
        }
    }

    fn say(&mut self, reply: &str) -> io::Result<Then> {
        self.pending.extend_from_slice(reply.replace('\n', "\r\n").as_bytes());
        self.pending.extend_from_slice(b"\r\n");
        self.let_go();
        Ok(Then::Continue)
    }

    /// Puts the reply that was held back behind those that are to be written.
    fn let_go(&mut self) {
        self.pending.append(&mut self.held);
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let delay = self.shared.state().script.delay;
        thread::sleep(delay);
        self.output.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// The next line with its end; `None` at the end of the stream. Only CRLF ends the header and
    /// the message.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line)?;
        Ok(line.ends_with(b"\n").then_some(line))
    }

    fn reset(&mut self) {
        self.sender.clear();
        self.recipients.clear();
    }

    /// Counts the connection as closed, once.
    fn leave(&mut self) {
        if std::mem::take(&mut self.open) {
            let mut state = self.shared.state();
            state.open -= 1;
            state.streams.retain(|(number, _)| *number != self.number);
        }
    }
}

/// The address between the brackets of MAIL or RCPT.
fn address(text: &str) -> String {
    text.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or("", |(address, _)| address)
        .to_owned()
}

/// The Message-ID of the header, which may stand on a folded line.
fn message_id(data: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(data);
    let header = text.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
    let line = header
        .lines()
        .find(|line| line.get(..11).is_some_and(|name| name.eq_ignore_ascii_case("message-id:")))?;
    Some(line[11..].trim().to_owned())
}
