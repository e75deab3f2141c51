//! How long the audio of a payload is, in ticks of its RTP clock, without decoding it.
//!
//! A payload that breaks its format has no length: it is counted and not decoded.

pub mod amr;
pub mod opus;
mod speex;

use crate::g711::Law;

/// How a payload format cuts its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Each tick takes so many octets: G.711, G.722, L16.
    Samples { octets: u16 },
    /// Frames of one size: GSM, iLBC.
    Frames { octets: u16, ticks: u16 },
    /// Frames of 10 octets, the last may be a silence descriptor of 2 (RFC 3551 section 4.5.6).
    G729,
    /// Frames whose first two bits tell their size (RFC 3551 section 4.5.3).
    G723,
    /// RFC 7587: one packet, whose first octet tells.
    Opus,
    /// RFC 4867.
    Amr(amr::Format),
    /// RFC 5574; ticks of one frame.
    Speex { ticks: u16 },
}

impl Framing {
    /// Ticks of audio in one payload; `None` for what is no payload of this format.
    pub fn ticks(self, payload: &[u8]) -> Option<u16> {
        let ticks = match self {
            Framing::Samples { octets } => whole(payload.len(), octets)?,
            Framing::Frames { octets, ticks } => whole(payload.len(), octets)? * usize::from(ticks),
            Framing::G729 => g729(payload)?,
            Framing::G723 => g723(payload)?,
            Framing::Opus => usize::from(opus::ticks(payload)?),
            Framing::Amr(format) => {
                amr::frames(payload, format)?.len() * usize::from(format.ticks())
            }
            Framing::Speex { ticks } => speex::frames(payload)? * usize::from(ticks),
        };
        u16::try_from(ticks).ok().filter(|&ticks| ticks > 0)
    }

    /// Whether hardly anything is heard, as far as that can be told without decoding: linear samples, and packets that
    /// are or end in a silence descriptor.
    pub fn is_quiet(self, payload: &[u8]) -> bool {
        match self {
            Framing::Samples { octets } => octets >= 2 && is_faint(payload),
            Framing::G729 => payload.len() % 10 == 2,
            Framing::G723 => payload.len() < 20,
            Framing::Opus => payload.len() <= 2,
            Framing::Amr(format) => amr::ends_silent(payload, format),
            Framing::Frames { .. } | Framing::Speex { .. } => false,
        }
    }
}

/// A sample that nobody hears: 48 dB below the loudest.
const FAINT: u16 = 128;

/// Whether hardly anything is heard in linear samples, big endian.
fn is_faint(payload: &[u8]) -> bool {
    let mut samples = payload.chunks_exact(2);
    samples.all(|pair| i16::from_be_bytes([pair[0], pair[1]]).unsigned_abs() <= FAINT)
}

/// The same of G.711.
pub fn is_faint_g711(payload: &[u8], law: Law) -> bool {
    payload
        .iter()
        .all(|&code| law.decode(code).unsigned_abs() <= FAINT)
}

fn whole(length: usize, octets: u16) -> Option<usize> {
    let octets = usize::from(octets.max(1));
    (length % octets == 0).then_some(length / octets)
}

fn g729(payload: &[u8]) -> Option<usize> {
    let (frames, rest) = (payload.len() / 10, payload.len() % 10);
    match rest {
        0 => Some(frames * 80),
        2 => Some((frames + 1) * 80),
        _ => None,
    }
}

fn g723(mut payload: &[u8]) -> Option<usize> {
    let mut frames = 0;
    while let Some(first) = payload.first() {
        let size = [24, 20, 4, 1][usize::from(first & 3)];
        payload = payload.get(size..)?;
        frames += 1;
    }
    Some(frames * 240)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_03_g722_counts_8000_ticks_a_second() {
        assert_eq!(Framing::Samples { octets: 1 }.ticks(&[0; 160]), Some(160));
    }

    #[test]
    fn pay_04_g729_with_and_without_a_silence_descriptor() {
        let ticks = |length: usize| Framing::G729.ticks(&vec![0; length]);
        assert_eq!(
            [10, 20, 12, 2].map(ticks),
            [Some(80), Some(160), Some(160), Some(80)]
        );
        assert_eq!([0, 1, 9, 15].map(ticks), [None; 4]);
    }

    #[test]
    fn pay_05_l16_in_stereo() {
        assert_eq!(Framing::Samples { octets: 4 }.ticks(&[0; 1_280]), Some(320));
        assert_eq!(Framing::Samples { octets: 4 }.ticks(&[0; 1_281]), None);
    }

    #[test]
    fn g723_frames_of_each_size() {
        let mut payload = vec![0; 24];
        payload.extend([1; 20]);
        payload.extend([2, 0, 0, 0, 3]);
        assert_eq!(Framing::G723.ticks(&payload), Some(4 * 240));
        assert_eq!(Framing::G723.ticks(&payload[..30]), None);
    }

    #[test]
    fn a_length_beyond_reason_is_none() {
        let gsm = Framing::Frames {
            octets: 33,
            ticks: 160,
        };
        assert_eq!(gsm.ticks(&[0; 33 * 410]), None);
        assert_eq!(gsm.ticks(&[0; 66]), Some(320));
    }

    #[test]
    fn any_octets_are_answered() {
        let amr = |wideband, octet_aligned| {
            Framing::Amr(amr::Format {
                wideband,
                octet_aligned,
            })
        };
        let all = [
            Framing::G729,
            Framing::G723,
            Framing::Opus,
            Framing::Speex { ticks: 160 },
            amr(false, false),
            amr(false, true),
            amr(true, false),
            amr(true, true),
        ];
        let mut state = 1_u32;
        for length in (0..300).cycle().take(20_000) {
            let payload: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            for framing in all {
                let _ = framing.ticks(&payload);
            }
        }
    }
}
