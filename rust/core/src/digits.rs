//! Masking of telephone events (RFC 4733), so that a capture log does not tell which keys were pressed.
//!
//! Only the number of the event is overwritten. When it came, how long it lasted and how loud it was stays,
//! and so do all counts and sequence numbers. Tones within the audio can't be seen here.

use crate::rtp::{Packet, FIXED_HEADER};

/// Stands for any key. No event has this number (RFC 4733 section 7.2).
pub const MASKED: u8 = 255;
/// 0 to 9, `*`, `#` and A to D.
const LAST_KEY: u8 = 15;
const BLOCK: usize = 4;

/// Payload types, one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// Those of telephone events.
    pub events: u128,
    /// Those that were never negotiated: a packet of one block is taken for an event.
    pub suspects: u128,
    /// Those of `audio/tone`, which names the frequencies: nothing is left of it.
    pub tones: u128,
}

impl Mask {
    /// Whether a datagram may need masking, told by its second octet.
    pub fn concerns(&self, data: &[u8]) -> bool {
        data.len() > 1 && holds(self.events | self.suspects | self.tones, data[1] & 0x7f)
    }

    /// Overwrites the keys in one RTP packet. Of a broken one nothing but the fixed header is left.
    pub fn apply(&self, data: &mut [u8]) {
        let Ok(packet) = Packet::parse(data) else {
            let end = data.len().min(FIXED_HEADER);
            return data[end..].fill(MASKED);
        };
        let payload_type = packet.payload_type;
        let length = packet.payload.len();
        let extension = packet.extension.map_or(0, |found| 4 + found.data.len());
        let start = FIXED_HEADER + packet.csrc.len() + extension;
        self.payload(payload_type, &mut data[start..start + length]);
    }

    fn payload(&self, payload_type: u8, payload: &mut [u8]) {
        let suspected = holds(self.suspects, payload_type) && payload.len() == BLOCK;
        if holds(self.events, payload_type) || suspected {
            blank(payload);
        } else if holds(self.tones, payload_type) {
            payload.fill(MASKED);
        }
    }
}

/// One packet may tell of several events (RFC 4733 section 2.5.2.4).
fn blank(payload: &mut [u8]) {
    for block in payload.chunks_mut(BLOCK) {
        if block[0] <= LAST_KEY {
            block[0] = MASKED;
        }
    }
}

fn holds(set: u128, payload_type: u8) -> bool {
    set >> payload_type & 1 == 1
}

/// A set of payload types; numbers above 127 are left out.
pub fn set_of(payload_types: &[u8]) -> u128 {
    let known = payload_types.iter().filter(|number| **number < 128);
    known.fold(0, |set, number| set | 1 << number)
}

#[cfg(test)]
mod tests;
