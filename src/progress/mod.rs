//! What a person or a log sees while a run goes on.
