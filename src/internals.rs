//! Items that only the tests, fuzz targets and benchmarks of this package use. They are not a
//! stable interface; only the command line is.

pub mod fuzzing {
    pub use crate::fuzzing::*;
}

pub mod address {
    pub use crate::model::address::{Address, Dedupe, domain_to_ascii, key_of, trim};
}

pub mod cli {
    pub use crate::cli::{Cli, Command};
}

pub mod config {
    pub use crate::config::keys::{COMMON, Key, TABLES};
    pub use crate::config::provider_keys::{OF_PROVIDERS, ProviderKey};
}

pub mod content {
    pub use crate::content::{Content, Needs, Party};
}

pub mod error {
    pub use crate::model::error::{Error, Result};
}

pub mod event {
    pub use crate::model::event::{Believe, Bounce, Class, Event, EventKind, RAW_LIMIT, Source};
}

pub mod events {
    pub use crate::events::{each_letter, file_learned};

    pub mod mail {
        pub use crate::events::mail::{Parsed, read};
    }

    pub mod webhook {
        pub use crate::provider::ses::sns::authority::Authority;
        pub use crate::provider::ses::sns::certificate::Certificate;
        pub use crate::provider::ses::sns::{Envelope, Purpose};
        pub use crate::provider::table::{read_export, recognise, webhooks};
        pub use crate::provider::webhook::{Refusal, TOLERANCE, Webhook};
    }
}

pub mod exit {
    pub use crate::model::exit::TABLE;
}

pub mod generate {
    pub use crate::commands::generate::{COMPLETIONS, completion_script, man};
}

pub mod guides {
    pub use crate::guides::{GUIDES, Guide};
}

pub mod input {
    pub use crate::input::context::ColumnIndex;
    pub use crate::input::{Filter, Format, ListReader, ListRow, MAX_FIELD_BYTES, ReadOptions};
}

pub mod ledger {
    pub use crate::ledger::{LedgerSuppression, open};

    pub mod trace {
        pub use crate::ledger::trace::proof::{self, TraceState};
        pub use crate::ledger::trace::{Trace, directory};
    }
}

pub mod literal {
    pub use crate::model::literal::{
        CanarySize, ExpectCount, Percent, Rate, parse_duration, parse_wait,
    };
}

pub mod message {
    pub use crate::message::{
        Ident, Links, Message, MessageKeys, MessageSource, Rendered, is_token, token_of,
    };
}

pub mod outcome {
    pub use crate::model::outcome::{Cohort, Kind, Outcome, Reason};
}

pub mod pause {
    pub use crate::model::pause::{FeedbackRate, PauseRule};
}

pub mod gate {
    pub use crate::pipeline::gate::{Growth, Next, Proof, measure, next};
}

pub mod provider {
    pub use crate::provider::table::{PROVIDERS, find};
    pub use crate::provider::{
        BoxFuture, Claim, EightBit, Health, Job, Provider, ProviderSettings, Refusal, RowNumber,
        SecretSource, Stopped, Verdict, Wire,
    };
}

pub mod recipient {
    pub use crate::model::recipient::{Columns, Fields};
}

pub mod secret {
    pub use crate::secret::Secret;
}

pub mod suppression {
    pub use crate::suppression::{
        Entry, ExportFormat, Listed, Suppressions, append, export, list, parse_entry, remove,
    };
}
