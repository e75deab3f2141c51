//! SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714): packets and keys in, packets out.
//!
//! Nothing here opens a socket, reads a clock or makes a random number; nothing here is `unsafe`. The ciphers and
//! hashes come from crates that are used widely; this one knows where a packet's parts lie, which index it has, and
//! whether it was seen before.
#![forbid(unsafe_code)]

mod cm;
mod derive;
mod gcm;
mod keys;
mod receive;
mod send;
mod session;
mod suite;
mod transform;
mod window;

pub use keys::{BadKey, MasterKey};
pub use receive::{Reached, Receiver};
pub use send::Sender;
pub use suite::Suite;

use std::fmt;

/// Why a packet is not taken, or not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is too short for its headers, or no RTP.
    Malformed,
    /// Its tag does not fit any key: another key, or changed on the way.
    Unauthenticated,
    /// It came before, or it is too old to tell.
    Replayed,
    /// The key has protected as many packets as it may.
    Expired,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "the packet is malformed",
            Self::Unauthenticated => "the packet can't be authenticated",
            Self::Replayed => "the packet came before",
            Self::Expired => "the key's lifetime is over",
        })
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
