//! How loud a stream is while it comes: now and then a packet of G.711 is looked into.
//!
//! Only the static payload types 0 and 8 (RFC 3551 section 6) are understood, and two packets a second are enough,
//! so it costs next to nothing. Levels are in dBov (RFC 6465): 0 is the loudest that can be, -127 is digital silence.

use crate::g711::Law;
use crate::rtp::Packet;

/// Nanoseconds between two looks.
const EVERY_NS: u64 = 500_000_000;
/// So long after the last packet of G.711, while others come, nothing is known of the level any more.
const FORGET_NS: u64 = 5_000_000_000;
/// Comfort noise (RFC 3389) in a stream of G.711 is silence.
const COMFORT_NOISE: u8 = 13;
/// Louder than this is sound; what is below is nobody speaking.
///
/// Measured with eleven voices of espeak-ng (men, women, six languages, a tonal one, slow, fast, with long pauses, a whisper)
/// through both laws: at -51 to -56 dBov on average, 30 dB below what is usual, the longest time without a look that
/// hears something is 22 s; at -61 dBov it is 44 s, and 124 s with long pauses. A whisper of -65 dBov and noise below
/// -56 dBov are not heard. So no voice that a person understands is silent for two minutes.
pub const SOUND_DBOV: f64 = -55.0;
const LEAST_DBOV: f64 = -127.0;
/// How much of the level before stays at each look: the level is that of the last second or so.
const MEMORY: f64 = 0.5;

/// What is known of a stream's loudness.
#[derive(Clone, Copy, Debug, Default)]
pub struct Level {
    looked_ns: u64,
    /// Mean square, 1 for the loudest.
    power: Option<f64>,
    last_sound_ns: u64,
    payload_type: Option<u8>,
}

impl Level {
    /// Looks at a packet, if it is time. `time_ns` since any fixed moment.
    pub fn note(&mut self, packet: &Packet<'_>, time_ns: u64) {
        if time_ns.saturating_sub(self.looked_ns) < EVERY_NS && time_ns >= self.looked_ns {
            return;
        }
        self.payload_type = Some(packet.payload_type);
        let law = match packet.payload_type {
            0 => Law::Mu,
            8 => Law::A,
            COMFORT_NOISE => return,
            _ => return self.forget(time_ns),
        };
        if packet.payload.is_empty() {
            return;
        }
        self.looked_ns = time_ns;
        let fresh = power(packet.payload, law);
        let before = self.power.unwrap_or(fresh);
        self.power = Some(MEMORY * before + (1.0 - MEMORY) * fresh);
        if dbov(fresh) > SOUND_DBOV {
            self.last_sound_ns = time_ns;
        }
    }

    /// Telephone events leave what is known, another codec does not.
    fn forget(&mut self, time_ns: u64) {
        if time_ns.saturating_sub(self.looked_ns) >= FORGET_NS {
            self.power = None;
        }
    }

    /// The level of the last second or so; none while nothing of G.711 has come.
    pub fn dbov(&self) -> Option<f64> {
        self.power.map(dbov)
    }

    /// When something was last heard; 0 when nothing was.
    pub fn last_sound_ns(&self) -> u64 {
        self.last_sound_ns
    }

    /// The payload type of a late packet.
    pub fn payload(&self) -> Option<u8> {
        self.payload_type
    }
}

fn power(payload: &[u8], law: Law) -> f64 {
    let table = law.table();
    let sum: u64 = payload
        .iter()
        .map(|&code| u64::from(table[usize::from(code)].unsigned_abs()).pow(2))
        .sum();
    sum as f64 / payload.len() as f64 / (32_768.0 * 32_768.0)
}

fn dbov(power: f64) -> f64 {
    (10.0 * power.log10()).max(LEAST_DBOV)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn packet(payload_type: u8, payload: &[u8]) -> Packet<'_> {
        Packet {
            marker: false,
            payload_type,
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
            csrc: &[],
            extension: None,
            payload,
        }
    }

    /// A second of packets of 20 ms from `at` on.
    fn second(level: &mut Level, at: u64, payload_type: u8, payload: &[u8]) {
        for number in 0..50 {
            level.note(&packet(payload_type, payload), at + number * SECOND / 50);
        }
    }

    #[test]
    fn a_full_scale_square_wave_is_nearly_zero() {
        for (payload_type, law) in [(0, Law::Mu), (8, Law::A)] {
            let mut level = Level::default();
            second(&mut level, SECOND, payload_type, &[law.encode(32_767); 160]);
            assert!(level.dbov().unwrap() > -0.5, "{level:?}");
            assert!(level.last_sound_ns() >= SECOND + SECOND / 2);
        }
    }

    #[test]
    fn half_the_amplitude_is_six_decibels_less() {
        let of = |sample| {
            let mut level = Level::default();
            second(&mut level, SECOND, 0, &[Law::Mu.encode(sample); 160]);
            level.dbov().unwrap()
        };
        assert!((of(16_000) - of(8_000) - 6.0).abs() < 0.3);
    }

    #[test]
    fn silence_is_silence_and_sound_before_it_is_remembered() {
        let mut level = Level::default();
        assert_eq!((level.dbov(), level.last_sound_ns()), (None, 0));
        second(&mut level, SECOND, 0, &[Law::Mu.encode(8_000); 160]);
        for at in 2..10 {
            second(&mut level, at * SECOND, 0, &[0xff; 160]);
        }
        assert!(level.dbov().unwrap() < SOUND_DBOV, "{level:?}");
        assert!(level.last_sound_ns() < 2 * SECOND);
        assert!((LEAST_DBOV..-100.0).contains(&dbov(0.0)));
    }

    #[test]
    fn other_codecs_tell_their_payload_type_and_no_level() {
        let mut level = Level::default();
        second(&mut level, SECOND, 111, &[1; 60]);
        assert_eq!((level.dbov(), level.payload()), (None, Some(111)));
        level.note(&packet(0, &[]), 9 * SECOND);
        assert_eq!(level.dbov(), None);
    }

    #[test]
    fn the_level_of_a_codec_that_is_no_more_used_is_forgotten_and_a_key_leaves_it() {
        let mut level = Level::default();
        second(&mut level, SECOND, 0, &[Law::Mu.encode(8_000); 160]);
        second(&mut level, 2 * SECOND, 101, &[1, 0, 0, 160]);
        for at in 3..30 {
            second(&mut level, at * SECOND, COMFORT_NOISE, &[60]);
        }
        assert!(level.dbov().is_some());
        second(&mut level, 30 * SECOND, 9, &[1; 160]);
        assert_eq!(level.dbov(), None);
        assert!(level.last_sound_ns() >= SECOND);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_stop_it() {
        let mut level = Level::default();
        level.note(&packet(0, &[0x80; 160]), 9 * SECOND);
        level.note(&packet(0, &[0x80; 160]), SECOND);
        assert_eq!(level.last_sound_ns(), SECOND);
    }
}
