//! The media plane's hands: threads, sockets and files around the pure core.

// Receiving: sockets, drain threads, the capture log's writer.
mod clock;
pub mod counts;
mod death;
pub mod drain;
pub mod error;
pub mod floor;
pub mod known;
pub mod log;
pub mod notice;
pub mod ports;
mod prefetch;
mod probation;
pub mod receiver;
pub mod recording;
pub mod reporter;
mod restore;
pub mod secure;
pub mod settings;
pub mod shelter;
pub mod socket;
pub mod stream;
pub mod survey;

// Reading: the capture log's reader, rendering, live following.
pub mod follow;
pub mod merge;
pub mod reader;
pub mod render;

// Sending: real-time RTP for test calls and load.
pub mod sender;

#[cfg(test)]
mod testing;

// Comparing: what a capture log holds of what was sent.
pub mod verify;
