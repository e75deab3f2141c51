use super::*;

fn mask() -> Mask {
    Mask {
        events: set_of(&[101]),
        suspects: set_of(&[96, 110]),
        tones: set_of(&[121]),
    }
}

fn packet(payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut data = vec![0x80, payload_type | 0x80, 0, 7, 0, 0, 0, 160, 1, 2, 3, 4];
    data.extend_from_slice(payload);
    data
}

fn masked(payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut data = packet(payload_type, payload);
    if mask().concerns(&data) {
        mask().apply(&mut data);
    }
    assert_eq!(data[..12], packet(payload_type, payload)[..12]);
    data.split_off(12)
}

#[test]
fn pay_14_only_the_number_of_the_key_is_overwritten() {
    for key in 0..=LAST_KEY {
        assert_eq!(masked(101, &[key, 0x8a, 3, 0x20]), [MASKED, 0x8a, 3, 0x20]);
    }
    assert_eq!(
        masked(101, &[16, 10, 0, 160]),
        [16, 10, 0, 160],
        "the hook is no key"
    );
}

#[test]
fn every_event_of_a_packet_is_masked() {
    assert_eq!(
        masked(101, &[1, 10, 0, 160, 12, 10, 0, 160, 3]),
        [MASKED, 10, 0, 160, MASKED, 10, 0, 160, MASKED]
    );
}

#[test]
fn what_was_never_negotiated_is_an_event_when_it_looks_like_one() {
    assert_eq!(masked(96, &[5, 10, 0, 160])[0], MASKED);
    assert_eq!(masked(96, &[5, 10, 0, 160, 9]), [5, 10, 0, 160, 9]);
    assert_eq!(
        masked(0, &[5, 10, 0, 160]),
        [5, 10, 0, 160],
        "audio is left alone"
    );
}

#[test]
fn nothing_is_left_of_tones() {
    assert_eq!(
        masked(121, &[0, 0x8a, 3, 0x20, 2, 0xb9, 4, 0xb9]),
        [MASKED; 8]
    );
}

#[test]
fn header_extensions_and_padding_stay_as_they_are() {
    let mut data = vec![0x80 | 0x20 | 0x10 | 1, 101, 0, 7, 0, 0, 0, 160, 1, 2, 3, 4];
    data.extend([9, 9, 9, 9, 0xbe, 0xde, 0, 1, 5, 5, 5, 5]);
    data.extend([5, 10, 0, 160, 0, 0, 0, 4]);
    let before = data.clone();
    mask().apply(&mut data);
    assert_eq!(data[24], MASKED);
    data[24] = 5;
    assert_eq!(data, before);
}

#[test]
fn nothing_is_left_of_the_payload_of_a_broken_packet() {
    let mut data = packet(101, &[5, 10, 0, 160]);
    data[0] |= 0x20;
    data[15] = 200;
    mask().apply(&mut data);
    assert_eq!(data[12..], [MASKED; 4]);
    let mut short = vec![0x80, 101, 0];
    mask().apply(&mut short);
    assert_eq!(short, [0x80, 101, 0]);
}
