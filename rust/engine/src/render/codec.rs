//! What payload types carry, as far as the time line needs to know.

use siprecord_core::g711::Law;
use siprecord_core::payload::{is_faint_g711, Framing};
use siprecord_core::timeline::Role;

/// The clock of G.711 and of all that says no other.
pub const RATE: u32 = 8_000;

/// What a payload type carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    G711(Law),
    /// Placed here, decoded by whoever asks for the packets.
    Coded(Format),
    /// Telephone events: kept aside, not heard.
    Event,
    /// Comfort noise and the like: counted, not heard.
    Signal,
    /// Anything that can't be rendered.
    Foreign,
}

/// What the packets of a stream carry, by payload type; from 128 on, what a type meant before it got another meaning.
pub type Codecs = [Codec; 256];

/// A codec that is decoded outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub framing: Framing,
    /// Ticks a second of its RTP time stamps.
    pub clock: u32,
    /// Samples a second of its decoder.
    pub rate: u32,
}

impl Codec {
    /// What a payload type means that the session description does not name (RFC 3551 section 6).
    pub fn by_default(payload_type: u8) -> Self {
        match payload_type {
            0 => Codec::G711(Law::Mu),
            8 => Codec::G711(Law::A),
            13 | 19 => Codec::Signal,
            _ => Codec::Foreign,
        }
    }

    pub fn role(self) -> Role {
        match self {
            Codec::G711(_) | Codec::Coded(_) => Role::Audio,
            Codec::Signal | Codec::Event => Role::Signal,
            Codec::Foreign => Role::Foreign,
        }
    }

    /// Ticks of audio in a payload; 0 for one that breaks its format.
    pub(crate) fn ticks(self, payload: &[u8]) -> u16 {
        match self {
            Codec::G711(_) => payload.len() as u16,
            Codec::Coded(format) => format.framing.ticks(payload).unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether hardly anything is heard in a payload.
    pub(crate) fn is_quiet(self, payload: &[u8]) -> bool {
        match self {
            Codec::G711(law) => is_faint_g711(payload, law),
            Codec::Coded(format) => format.framing.is_quiet(payload),
            _ => false,
        }
    }

    /// RTP clock and sample rate of what is audio.
    pub(crate) fn rates(self) -> Option<(u32, u32)> {
        match self {
            Codec::G711(_) => Some((RATE, RATE)),
            Codec::Coded(format) => Some((format.clock, format.rate)),
            _ => None,
        }
    }
}
