//! The outcomes of recipients and their reasons. Each has a fixed word that the ledger and the
//! report use.

/// Declares an enum whose variants each have a fixed word, used on disk and in output.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// Every value, in the order in which tables list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The fixed word for this value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("unknown word {text:?}, expected one of: {}", [$($word,)+].join(", "))),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use words;

words! {
    /// The outcome of one input row in one run.
    Outcome {
        /// The provider accepted responsibility for the message. This does not mean that it was
        /// delivered.
        Accepted = "accepted",
        /// The provider permanently refused this recipient or this message.
        Rejected = "rejected",
        /// The provider still refused the recipient temporarily when mailbatch stopped retrying.
        Deferred = "deferred",
        /// The provider may have accepted the message, but mailbatch received no reply.
        Unknown = "unknown",
        /// The recipient is suppressed, by a suppression file, the ledger, or the provider.
        Suppressed = "suppressed",
        /// The row has no valid address, or it cannot be rendered.
        Invalid = "invalid",
        /// An earlier row of this run's lists has the same recipient.
        Duplicate = "duplicate",
        /// An earlier run of this campaign reached the recipient.
        AlreadyAccepted = "already_accepted",
        /// The recipient was not attempted.
        Held = "held",
    }
}

words! {
    /// The reason for an outcome. Accepted recipients have none.
    Reason {
        BadAddress = "bad_address",
        Render = "render",
        Repeated = "repeated",
        EarlierRun = "earlier_run",
        HardBounce = "hard_bounce",
        Complaint = "complaint",
        Unsubscribe = "unsubscribe",
        Manual = "manual",
        MailboxGone = "mailbox_gone",
        MailboxTransient = "mailbox_transient",
        Rate = "rate",
        Policy = "policy",
        Content = "content",
        Session = "session",
        Auth = "auth",
        NoReply = "no_reply",
        Canary = "canary",
        Paused = "paused",
        Window = "window",
        Cap = "cap",
        Limit = "limit",
        Interrupted = "interrupted",
    }
}

words! {
    /// The kind of mail. `unsubscribe` entries suppress marketing mail only.
    Kind {
        Marketing = "marketing",
        Transactional = "transactional",
    }
}

words! {
    /// The part of a run that a recipient belongs to.
    Cohort {
        /// The recipients that are sent to first, to judge the message by their feedback.
        Canary = "canary",
        /// All other recipients.
        Rest = "rest",
    }
}

impl Outcome {
    /// The outcome of a recipient that the screening just before submission removes for this
    /// reason.
    pub fn of_screening(reason: Reason) -> Self {
        match reason {
            Reason::BadAddress | Reason::Render => Self::Invalid,
            _ => Self::Suppressed,
        }
    }
}

/// The number of recipients with each outcome, and of open recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [u64; Outcome::ALL.len()],
    /// Rows that are planned and not settled yet.
    pub open: u64,
}

impl Tally {
    /// Adds `n` recipients with `outcome`.
    pub fn add(&mut self, outcome: Outcome, n: u64) {
        self.counts[outcome as usize] += n;
    }

    /// Returns the counts with `n` fewer recipients that have `outcome`.
    pub fn without(mut self, outcome: Outcome, n: u64) -> Self {
        let count = &mut self.counts[outcome as usize];
        *count = count.saturating_sub(n);
        self
    }

    /// Changes the count of one open recipient that gets an outcome.
    pub fn settle(&mut self, outcome: Outcome) {
        self.open = self.open.saturating_sub(1);
        self.add(outcome, 1);
    }

    /// Counts open recipients under the outcomes that are already known for them.
    pub fn foresee(&mut self, known: &Self) {
        for (outcome, n) in known.non_zero() {
            self.open = self.open.saturating_sub(n);
            self.add(outcome, n);
        }
    }

    /// The number of recipients with `outcome`.
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.counts[outcome as usize]
    }

    /// Every outcome with at least one recipient, and its count.
    pub fn non_zero(&self) -> impl Iterator<Item = (Outcome, u64)> + '_ {
        Outcome::ALL.iter().map(|o| (*o, self.get(*o))).filter(|(_, n)| *n > 0)
    }

    /// The number of all recipients, settled or open.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for o in Outcome::ALL {
            assert_eq!(o.as_str().parse::<Outcome>(), Ok(*o));
        }
        for r in Reason::ALL {
            assert_eq!(r.as_str().parse::<Reason>(), Ok(*r));
        }
        assert!("delivered".parse::<Outcome>().is_err());
    }

    #[test]
    fn a_tally_sums_to_what_was_added() {
        let mut tally = Tally { open: 2, ..Tally::default() };
        tally.add(Outcome::Accepted, 3);
        tally.add(Outcome::Held, 1);
        assert_eq!(tally.total(), 6);
        assert_eq!(
            tally.non_zero().collect::<Vec<_>>(),
            [(Outcome::Accepted, 3), (Outcome::Held, 1)]
        );
    }
}
