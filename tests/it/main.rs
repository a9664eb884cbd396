//! The integration tests: the real binary against real peers. One module for each theme.

mod support;

mod addresses;
mod bad_input;
mod breaker;
mod byhand;
mod canary;
mod damage;
mod docs;
mod events;
mod evidence;
mod examples;
mod faults;
mod history;
mod identity;
mod limits;
mod listen;
mod lists;
mod locked;
mod loss;
mod mailboxes;
mod outputs;
mod peers;
mod preview;
mod providers;
mod rates;
mod relays;
mod replies;
mod resume;
mod route;
mod send;
mod servers;
mod signals;
mod suppression;
mod surface;
mod trial;
