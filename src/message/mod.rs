//! The message file becomes one message for each recipient.
