//! How a recorder behaves: what it announces, how slow it is, and where it goes wrong.

use std::time::Duration;

/// A moment in an SMTP session at which the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Greeting,
    Ehlo,
    Auth,
    Mail,
    Rcpt,
    /// The reply to the DATA command.
    Data,
    /// The first line of the message's body: the rest has not been read.
    Body,
    /// The reply to the final dot.
    Dot,
    Rset,
    Noop,
    Quit,
    /// All of them but `Body`.
    Any,
}

/// What happens instead of the usual reply.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// This reply, `\n` between the lines of a longer one; at `Dot`, one that begins with 2 takes
    /// the message.
    Reply(String),
    /// These bytes as they are.
    Bytes(Vec<u8>),
    /// This reply after so long.
    Late(String, Duration),
    /// This reply an octet at a time.
    Slowly(String),
    /// This reply, and the same once more.
    Twice(String),
    /// This reply behind the next one, as far as the client waits for one.
    Swapped(String),
    /// These bytes as they are, and the connection is closed.
    Cut(Vec<u8>),
    /// The connection is closed without a word.
    Drop,
    /// Nothing is said or read any more, the connection stays.
    Silence,
}

impl Action {
    pub(crate) fn reply(text: impl Into<String>) -> Self {
        Self::Reply(text.into())
    }

    /// The first octet of the reply, where the client gets to see a whole one.
    pub(crate) fn digit(&self) -> Option<u8> {
        match self {
            Self::Reply(text)
            | Self::Late(text, _)
            | Self::Slowly(text)
            | Self::Twice(text)
            | Self::Swapped(text) => text.bytes().next(),
            Self::Bytes(_) | Self::Cut(_) | Self::Drop | Self::Silence => None,
        }
    }
}

/// An action at a step, for all or some of the times that the step is reached. Counted over all
/// connections, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(super) step: Step,
    pub(super) action: Action,
    pub(super) taken: bool,
    /// Whether the client learns for certain what became of its message.
    pub(super) tells: bool,
    recipient: Option<String>,
    when: When,
}

#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    Nth(usize),
    First(usize),
    After(usize),
    Every(usize),
}

impl Rule {
    /// Always, for everybody.
    pub(crate) fn new(step: Step, action: Action) -> Self {
        let tells = matches!(action.digit(), Some(b'2' | b'4' | b'5'));
        Self { step, action, taken: false, tells, recipient: None, when: When::Always }
    }

    /// Only where the recipient's address contains this; from `Rcpt` on.
    pub(crate) fn to(mut self, part: &str) -> Self {
        self.recipient = Some(part.to_owned());
        self
    }

    /// Only the `n`th time.
    pub(crate) fn nth(mut self, n: usize) -> Self {
        self.when = When::Nth(n);
        self
    }

    /// Only the first `n` times.
    pub(crate) fn first(mut self, n: usize) -> Self {
        self.when = When::First(n);
        self
    }

    /// Every time after the first `n`.
    pub(crate) fn after(mut self, n: usize) -> Self {
        self.when = When::After(n);
        self
    }

    /// Every `n`th time.
    pub(crate) fn every(mut self, n: usize) -> Self {
        self.when = When::Every(n);
        self
    }

    /// At `Dot`: the message counts as taken, whatever the action tells the client.
    pub(crate) fn having_taken(mut self) -> Self {
        self.taken = true;
        self
    }

    /// At `Dot`: the client knows what became of the message, although the action is no mere reply.
    pub(crate) fn telling(mut self) -> Self {
        self.tells = true;
        self
    }

    /// At `Dot`: the client cannot know what became of the message, although the action is a reply.
    pub(crate) fn untold(mut self) -> Self {
        self.tells = false;
        self
    }

    /// Whether the rule concerns this step and these recipients, its count aside.
    pub(super) fn concerns(&self, step: Step, recipients: &[String]) -> bool {
        (self.step == step || (self.step == Step::Any && step != Step::Body))
            && self
                .recipient
                .as_ref()
                .is_none_or(|part| recipients.iter().any(|recipient| recipient.contains(part)))
    }

    /// Whether the rule applies the `n`th time that it is concerned.
    pub(super) fn applies(&self, n: usize) -> bool {
        match self.when {
            When::Always => true,
            When::Nth(nth) => n == nth,
            When::First(first) => n <= first,
            When::After(after) => n > after,
            When::Every(every) => n.is_multiple_of(every),
        }
    }
}

/// A recorder's behaviour; the default takes everything at once and announces what mailbatch can
/// use.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// The reply to EHLO after its first line.
    pub(crate) extensions: Vec<String>,
    /// The time before replies are written, once for all replies that a pipelining client waits for
    /// together.
    pub(crate) delay: Duration,
    /// The time that single steps take.
    pub(crate) delays: Vec<(Step, Duration)>,
    /// Messages a connection may bring; the next MAIL is answered 421 and the connection closed.
    pub(crate) per_connection: Option<usize>,
    /// After so many messages a connection is answered so at this step, and stays open.
    pub(crate) spent: Option<(usize, Step, String)>,
    /// Connections that may send at once; MAIL over one more is answered as Exchange Online does.
    pub(crate) most_sending: Option<usize>,
    /// Takes a message behind whose final dot anything stands, and closes without a word.
    pub(crate) dies_behind_the_dot: bool,
    /// Connections at once; one more is greeted with 421 and closed.
    pub(crate) most_connections: Option<usize>,
    /// The first that applies wins.
    pub(crate) rules: Vec<Rule>,
    /// Whether messages are kept whole; Message-IDs and recipients always are.
    pub(crate) keep_data: bool,
    /// Whether a recorder that nobody called fails its test.
    pub(crate) must_be_called: bool,
}

impl Default for Script {
    fn default() -> Self {
        let extensions = [
            "PIPELINING",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "SIZE 10485760",
            "AUTH PLAIN LOGIN XOAUTH2",
        ];
        Self {
            extensions: extensions.map(str::to_owned).to_vec(),
            delay: Duration::ZERO,
            delays: Vec::new(),
            per_connection: None,
            spent: None,
            most_sending: None,
            dies_behind_the_dot: false,
            most_connections: None,
            rules: Vec::new(),
            keep_data: true,
            must_be_called: false,
        }
    }
}

impl Script {
    /// Adds a rule behind those that are there.
    pub(crate) fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Does `action` every time that `step` is reached.
    pub(crate) fn on(self, step: Step, action: Action) -> Self {
        self.rule(Rule::new(step, action))
    }

    /// Leaves out the extension of this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.extensions.retain(|extension| extension.split(' ').next() != Some(name));
        self
    }

    /// Announces one more extension, or another value for one that is there.
    pub(crate) fn with(self, extension: &str) -> Self {
        let mut script = self.without(extension.split(' ').next().unwrap_or(extension));
        script.extensions.push(extension.to_owned());
        script
    }

    /// Delays each flight of replies, as distance would.
    pub(crate) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Delays one step.
    pub(crate) fn delay_at(mut self, step: Step, delay: Duration) -> Self {
        self.delays.push((step, delay));
        self
    }

    /// Closes each connection with 421 after `count` messages.
    pub(crate) fn per_connection(mut self, count: usize) -> Self {
        self.per_connection = Some(count);
        self
    }

    /// Answers so at this step over a connection that has brought `count` messages.
    pub(crate) fn refuses_after(mut self, count: usize, step: Step, text: &str) -> Self {
        self.spent = Some((count, step, text.to_owned()));
        self
    }

    /// Lets `count` connections send at once.
    pub(crate) fn most_sending(mut self, count: usize) -> Self {
        self.most_sending = Some(count);
        self
    }

    /// Takes what has something behind its final dot, and dies of it, as Dovecot submission does.
    pub(crate) fn dies_behind_the_dot(mut self) -> Self {
        self.dies_behind_the_dot = true;
        self
    }

    /// Has room for `count` connections at once.
    pub(crate) fn most_connections(mut self, count: usize) -> Self {
        self.most_connections = Some(count);
        self
    }

    /// Forgets message bodies, for long runs.
    pub(crate) fn without_data(mut self) -> Self {
        self.keep_data = false;
        self
    }

    /// Fails the test when nobody has connected by the time the recorder is dropped.
    pub(crate) fn must_be_called(mut self) -> Self {
        self.must_be_called = true;
        self
    }
}
