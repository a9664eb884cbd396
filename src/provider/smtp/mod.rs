//! SMTP (RFC 5321): sessions of our own on the wire.
