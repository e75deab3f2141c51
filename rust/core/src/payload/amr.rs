//! AMR and AMR-WB out of RTP (RFC 4867): both packings, into frames of the storage format (section 5.3).

/// Which of the two codecs, and which packing; both come from the session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub wideband: bool,
    /// `octet-align=1`; the default is bandwidth-efficient.
    pub octet_aligned: bool,
}

/// Bits of speech by frame type; 8 and 9 are the silence descriptors.
const NARROW: [Option<u16>; 16] = table([95, 103, 118, 134, 148, 159, 204, 244, 39, NO]);
const WIDE: [Option<u16>; 16] = {
    let mut bits = table([132, 177, 253, 285, 317, 365, 397, 461, 477, 40]);
    bits[14] = Some(0);
    bits
};
/// No such frame type: the packet is to be thrown away (section 4.3.2).
const NO: u16 = u16::MAX;
/// More frames than this are no speech packet: a second.
const MAX_FRAMES: usize = 50;

const fn table(bits: [u16; 10]) -> [Option<u16>; 16] {
    let mut all = [None; 16];
    let mut at = 0;
    while at < bits.len() {
        if bits[at] != NO {
            all[at] = Some(bits[at]);
        }
        at += 1;
    }
    all[15] = Some(0);
    all
}

impl Format {
    /// Ticks of one frame of 20 ms.
    pub fn ticks(self) -> u16 {
        if self.wideband {
            320
        } else {
            160
        }
    }

    fn bits(self, frame_type: u8) -> Option<usize> {
        let bits = if self.wideband { &WIDE } else { &NARROW };
        bits[usize::from(frame_type & 15)].map(usize::from)
    }
}

/// Whether the last frame of a payload is no speech.
pub(super) fn ends_silent(payload: &[u8], format: Format) -> bool {
    let speech = if format.wideband { 9 } else { 8 };
    let frames = frames(payload, format).unwrap_or_default();
    let last = frames.last().and_then(|frame| frame.first());
    last.is_some_and(|head| (head >> 3) & 15 >= speech)
}

/// The frames of one payload, each an octet with type and quality and then its bits; `None` for what is none.
pub fn frames(payload: &[u8], format: Format) -> Option<Vec<Vec<u8>>> {
    let mut bits = Bits { payload, at: 0 };
    bits.take(if format.octet_aligned { 8 } else { 4 })?;
    let contents = contents(&mut bits, format)?;
    let mut frames = Vec::with_capacity(contents.len());
    for head in contents {
        let size = format.bits(head >> 3)?;
        let mut frame = vec![head];
        for at in (0..size).step_by(8) {
            let count = (size - at).min(8);
            frame.push(bits.take(count)? << (8 - count));
        }
        if format.octet_aligned {
            bits.align();
        }
        frames.push(frame);
    }
    Some(frames)
}

/// The table of contents, as the first octets of storage frames: 0, type, quality, 0, 0.
fn contents(bits: &mut Bits<'_>, format: Format) -> Option<Vec<u8>> {
    let mut heads = Vec::new();
    loop {
        let entry = bits.take(6)?;
        if format.octet_aligned {
            bits.take(2)?;
        }
        heads.push((entry & 0x1f) << 2);
        format.bits((entry >> 1) & 15)?;
        if entry & 0x20 == 0 {
            return Some(heads);
        }
        if heads.len() == MAX_FRAMES {
            return None;
        }
    }
}

struct Bits<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, at most 8.
    fn take(&mut self, count: usize) -> Option<u8> {
        let mut value = 0;
        for at in self.at..self.at + count {
            let octet = self.payload.get(at / 8)?;
            value = value << 1 | (octet >> (7 - at % 8)) & 1;
        }
        self.at += count;
        Some(value)
    }

    fn align(&mut self) {
        self.at = self.at.div_ceil(8) * 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EFFICIENT: Format = Format {
        wideband: false,
        octet_aligned: false,
    };
    const ALIGNED: Format = Format {
        wideband: false,
        octet_aligned: true,
    };

    #[test]
    fn pay_18_both_packings_hold_the_same_frame() {
        // Type 7: 244 bits. Aligned: octets. Efficient: the same bits, 10 bits into the payload.
        let speech: Vec<u8> = (0..31).map(|n| n * 7 + 1).collect();
        let mut speech = speech;
        speech[30] &= 0xf0;
        let mut aligned = vec![0xf0, 0x3c];
        aligned.extend(&speech);
        let mut efficient = vec![0xf3, 0xc0];
        for &octet in &speech {
            *efficient.last_mut().unwrap() |= octet >> 2;
            efficient.push(octet << 6);
        }
        let expected: Vec<u8> = [0x3c].into_iter().chain(speech).collect();
        assert_eq!(frames(&aligned, ALIGNED), Some(vec![expected.clone()]));
        assert_eq!(frames(&efficient, EFFICIENT), Some(vec![expected]));
    }

    #[test]
    fn pay_20_several_frames_silence_and_no_data() {
        // Table of contents: silence descriptor, more; no data, last.
        let payload = [0xf0, 0xc4, 0x7c, 1, 2, 3, 4, 0x54];
        let found = frames(&payload, ALIGNED).unwrap();
        assert_eq!(found, [vec![0x44, 1, 2, 3, 4, 0x54], vec![0x7c]]);
    }

    #[test]
    fn pay_20_an_illegal_frame_type_discards_the_packet() {
        for kind in 9..=14_u8 {
            assert_eq!(frames(&[0xf0, kind << 3 | 4, 0, 0], ALIGNED), None);
        }
    }

    #[test]
    fn truncation_at_each_length() {
        let mut payload = vec![0xf0, 0x3c];
        payload.extend([0x55; 31]);
        for length in 0..payload.len() {
            assert_eq!(frames(&payload[..length], ALIGNED), None, "{length}");
        }
    }
}
