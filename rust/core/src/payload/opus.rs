//! The framing of Opus packets (RFC 6716 section 3): how long one is, and whether it is one.

/// The longest packet, 120 ms at 48 kHz.
const MAX_TICKS: usize = 5_760;
/// The longest frame in octets.
const MAX_FRAME: usize = 1_275;

/// Samples at 48 kHz, by the packet's first octet; `None` for what breaks the rules of section 3.4.
pub fn ticks(packet: &[u8]) -> Option<u16> {
    let (&toc, rest) = packet.split_first()?;
    let frames = match toc & 3 {
        0 => (rest.len() <= MAX_FRAME).then_some(1),
        1 => (rest.len() % 2 == 0 && rest.len() / 2 <= MAX_FRAME).then_some(2),
        2 => two_frames(rest),
        _ => many_frames(rest),
    }?;
    let ticks = frames * usize::from(frame_ticks(toc));
    (ticks <= MAX_TICKS).then_some(ticks as u16)
}

/// Ticks of one frame of the configuration in `toc` (section 3.1, table 2).
fn frame_ticks(toc: u8) -> u16 {
    let configuration = toc >> 3;
    match configuration {
        0..=11 => [480, 960, 1_920, 2_880][usize::from(configuration & 3)],
        12..=15 => [480, 960][usize::from(configuration & 1)],
        _ => [120, 240, 480, 960][usize::from(configuration & 3)],
    }
}

fn two_frames(rest: &[u8]) -> Option<usize> {
    let (first, rest) = length(rest)?;
    let second = rest.len().checked_sub(first)?;
    (second <= MAX_FRAME).then_some(2)
}

fn many_frames(rest: &[u8]) -> Option<usize> {
    let (&head, mut rest) = rest.split_first()?;
    let frames = usize::from(head & 0x3f);
    if head & 0x40 != 0 {
        rest = without_padding(rest)?;
    }
    if frames == 0 {
        return None;
    }
    if head & 0x80 == 0 {
        return (rest.len() % frames == 0 && rest.len() / frames <= MAX_FRAME).then_some(frames);
    }
    let mut sum = 0;
    for _ in 1..frames {
        let (size, after) = length(rest)?;
        (sum, rest) = (sum + size, after);
    }
    let last = rest.len().checked_sub(sum)?;
    (last <= MAX_FRAME).then_some(frames)
}

fn without_padding(mut rest: &[u8]) -> Option<&[u8]> {
    let mut padding = 0;
    loop {
        let (&count, after) = rest.split_first()?;
        rest = after;
        padding += usize::from(count.min(254));
        if count != 255 {
            break;
        }
    }
    rest.get(..rest.len().checked_sub(padding)?)
}

/// A frame length of one or two octets (section 3.2.1).
fn length(data: &[u8]) -> Option<(usize, &[u8])> {
    match data {
        [first, rest @ ..] if *first < 252 => Some((usize::from(*first), rest)),
        [first, second, rest @ ..] => Some((usize::from(*first) + 4 * usize::from(*second), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_16_duration_from_the_first_octet() {
        let one = |configuration: u8| ticks(&[configuration << 3, 1, 2]);
        assert_eq!([0, 1, 2, 3].map(one), [480, 960, 1_920, 2_880].map(Some));
        assert_eq!([12, 13].map(one), [480, 960].map(Some));
        assert_eq!([16, 17, 18, 31].map(one), [120, 240, 480, 960].map(Some));
    }

    #[test]
    fn each_code_of_the_frame_count() {
        assert_eq!(ticks(&[0xf9, 1, 2]), Some(1_920));
        assert_eq!(ticks(&[0xf9, 1, 2, 3]), None);
        assert_eq!(ticks(&[0xfa, 1, 9, 9, 9]), Some(1_920));
        assert_eq!(ticks(&[0xfa, 4, 9]), None);
        assert_eq!(ticks(&[0xfb, 3, 1, 2, 3]), Some(2_880));
        assert_eq!(ticks(&[0xfb, 0x83, 1, 1, 7, 8, 9]), Some(2_880));
        assert_eq!(ticks(&[0xfb, 0x42, 2, 1, 2, 0, 0]), Some(1_920));
        assert_eq!(ticks(&[0xfb, 0]), None);
        assert_eq!(ticks(&[0xfb, 7, 1, 1, 1, 1, 1, 1, 1]), None);
    }

    #[test]
    fn discontinued_transmission_has_a_length() {
        assert_eq!(ticks(&[0xf8]), Some(960));
        assert_eq!(ticks(&[]), None);
    }
}
