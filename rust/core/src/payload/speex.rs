//! Counts the frames of a Speex payload (RFC 5574), by the sizes of its modes.

/// Bits of a narrowband frame by mode, its header of 5 bits included.
const NARROW: [usize; 9] = [5, 43, 119, 160, 220, 300, 364, 492, 79];
/// Bits of a high-band layer by mode, its header of 4 bits included.
const LAYER: [usize; 5] = [4, 36, 112, 192, 352];
const TERMINATOR: u8 = 15;

pub(super) fn frames(payload: &[u8]) -> Option<usize> {
    let bits = payload.len() * 8;
    let (mut at, mut frames) = (0, 0);
    while at + 5 <= bits {
        let size = if peek(payload, at, 1) == 1 {
            LAYER.get(usize::from(peek(payload, at + 1, 3)))
        } else {
            match peek(payload, at + 1, 4) {
                TERMINATOR => break,
                mode => NARROW.get(usize::from(mode)).inspect(|_| frames += 1),
            }
        };
        at += size?;
    }
    (at <= bits && frames > 0).then_some(frames)
}

fn peek(payload: &[u8], at: usize, count: usize) -> u8 {
    (at..at + count).fold(0, |value, bit| {
        value << 1 | payload[bit / 8] >> (7 - bit % 8) & 1
    })
}

#[cfg(test)]
mod tests {
    use super::frames;

    #[test]
    fn one_frame_and_its_padding() {
        let mut payload = [0_u8; 38];
        payload[0] = 0b0010_1000; // mode 5: 300 bits, then 4 bits of padding
        payload[37] |= 0b0111;
        assert_eq!(frames(&payload), Some(1));
        assert_eq!(frames(&payload[..37]), None);
    }

    #[test]
    fn a_wideband_frame_is_one_frame() {
        let mut payload = vec![0_u8; (300 + 112) / 8 + 1];
        payload[0] = 0b0010_1000;
        payload[37] |= 0b1010; // at bit 300: a layer of mode 2
        let end = 412;
        payload[end / 8] |= 0b0111;
        assert_eq!(frames(&payload), Some(1));
    }
}
