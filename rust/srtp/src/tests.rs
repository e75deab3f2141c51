//! What good, hostile and unlucky packets meet; the vectors of the RFCs are in `vectors`.

mod vectors;

use std::collections::HashMap;

use crate::{MasterKey, Reached, Receiver, Refusal, Sender, Suite};

const SECOND: u64 = 1_000_000_000;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn key(suite: Suite, number: u8) -> MasterKey {
    let key: Vec<u8> = (0..suite.key_bytes() as u8)
        .map(|byte| byte ^ number)
        .collect();
    MasterKey::new(suite, &key, &vec![number; suite.salt_bytes()]).unwrap()
}

fn rtp(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..160).map(|byte| byte ^ sequence as u8));
    packet
}

fn report(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([7; 24]);
    packet
}

fn sealed(sender: &mut Sender, packet: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    sender.seal_media(packet, &mut out).unwrap();
    out
}

fn open(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    open_at(receiver, packet, 0)
}

fn open_at(receiver: &mut Receiver, packet: &[u8], now: u64) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    let outcome = receiver.open_media(packet, now, &mut out);
    assert!(outcome.is_ok() || out.is_empty());
    outcome.map(|()| out)
}

fn highest(receiver: &Receiver) -> Vec<(u32, u64)> {
    let reached = receiver.reached().into_iter();
    reached.map(|each| (each.ssrc, each.highest)).collect()
}

#[test]
fn sdes_04_each_suite_has_its_tags() {
    for (suite, media, reports) in [
        (Suite::AesCm128HmacSha1_80, 10, 14),
        (Suite::AesCm128HmacSha1_32, 4, 14),
        (Suite::AesCm256HmacSha1_80, 10, 14),
        (Suite::AesCm256HmacSha1_32, 4, 14),
        (Suite::AeadAes128Gcm, 16, 20),
        (Suite::AeadAes256Gcm, 16, 20),
    ] {
        for mki in [&b""[..], b"\x01", b"four"] {
            let master = || key(suite, 1).with_mki(mki).unwrap();
            let (mut sender, mut out) = (Sender::new(master()), Vec::new());
            let packet = rtp(1, 2);
            let protected = sealed(&mut sender, &packet);
            assert_eq!(protected.len(), packet.len() + media + mki.len());
            sender.seal_report(&report(2), &mut out).unwrap();
            assert_eq!(out.len(), report(2).len() + reports + mki.len());
            let (mut receiver, mut opened) = (Receiver::new(vec![master()]), Vec::new());
            assert_eq!(open(&mut receiver, &protected).unwrap(), packet);
            receiver.open_report(&out, 0, &mut opened).unwrap();
            assert_eq!(opened, report(2));
            let again = receiver.open_report(&out, 0, &mut opened);
            assert_eq!(again, Err(Refusal::Replayed));
        }
    }
}

#[test]
fn srtp_01_each_flipped_bit_and_each_cut_is_refused() {
    for suite in Suite::ALL {
        let mut packet = rtp(7, 9);
        packet[0] |= 0x11; // one contributing source and an extension of one word
        packet[16..20].copy_from_slice(&[0xbe, 0xde, 0, 1]);
        let protected = sealed(&mut Sender::new(key(suite, 3)), &packet);
        let mut receiver = Receiver::new(vec![key(suite, 3)]);
        for bit in 0..protected.len() * 8 {
            let mut changed = protected.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&mut receiver, &changed).is_err(), "{suite:?} {bit}");
        }
        for length in 0..protected.len() {
            assert!(
                open(&mut receiver, &protected[..length]).is_err(),
                "{suite:?} {length}"
            );
        }
        assert_eq!(open(&mut receiver, &protected).unwrap(), packet);
        assert_eq!(open(&mut receiver, &protected), Err(Refusal::Replayed));
    }
}

#[test]
fn reports_cut_and_changed_are_refused() {
    for suite in Suite::ALL {
        let (mut protected, mut out) = (Vec::new(), Vec::new());
        Sender::new(key(suite, 3))
            .seal_report(&report(9), &mut protected)
            .unwrap();
        let mut receiver = Receiver::new(vec![key(suite, 3)]);
        for bit in 0..protected.len() * 8 {
            let mut changed = protected.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(
                receiver.open_report(&changed, 0, &mut out).is_err(),
                "{suite:?} {bit}"
            );
        }
        for length in 0..protected.len() {
            assert!(receiver
                .open_report(&protected[..length], 0, &mut out)
                .is_err());
        }
        assert!(out.is_empty());
    }
}

#[test]
fn sdes_10_srtp_02_the_rollover_counter_follows_two_wraps_and_reordering() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = (
        Sender::new(key(suite, 1)),
        Receiver::new(vec![key(suite, 1)]),
    );
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    // Few packets of each cycle, but all around its wrap, some of them late.
    let indices = (65_530..65_530 + 140_000_u64)
        .filter(|index| index % 61 == 0 || (index + 100) % 65_536 < 200);
    let mut last = 0;
    for index in indices {
        let packet = rtp(index as u16, 5);
        let protected = sealed(&mut sender, &packet);
        if index % 3 == 0 && waiting.len() < 50 {
            waiting.insert(0, protected);
            continue;
        }
        assert_eq!(open(&mut receiver, &protected).unwrap(), packet);
        last = index;
        if index % 61 == 0 {
            waiting.clear();
        }
        for late in waiting.drain(..) {
            assert!(open(&mut receiver, &late).is_ok(), "{index}");
        }
    }
    assert_eq!(highest(&receiver), [(5, last)]);
    assert!(last > 3 * 65_536);
}

#[test]
fn sdes_09_several_sources_share_a_key_and_the_rarest_are_forgotten() {
    let suite = Suite::AeadAes128Gcm;
    let (mut sender, mut receiver) = (
        Sender::new(key(suite, 1)),
        Receiver::new(vec![key(suite, 1)]),
    );
    for step in 0..40_u64 {
        // A source that never rests over a wrap, and ten new ones with each of its packets.
        let steady = rtp((65_530 + step) as u16, 7);
        let opened = open_at(&mut receiver, &sealed(&mut sender, &steady), step);
        assert_eq!(opened.unwrap(), steady);
        for other in 0..10 {
            let packet = rtp(1, 1_000 + step as u32 * 10 + other);
            let opened = open_at(&mut receiver, &sealed(&mut sender, &packet), step);
            assert_eq!(opened.unwrap(), packet);
        }
    }
    assert_eq!(highest(&receiver).len(), 64);
    assert!(highest(&receiver).contains(&(7, 65_569)));
}

#[test]
fn sdes_11_new_keys_begin_anew_and_the_same_keys_go_on() {
    let suite = Suite::AesCm128HmacSha1_32;
    let (mut old, mut new) = (Sender::new(key(suite, 1)), Sender::new(key(suite, 2)));
    let mut receiver = Receiver::new(vec![key(suite, 1)]);
    for index in (65_000..66_000_u64).step_by(9) {
        open(&mut receiver, &sealed(&mut old, &rtp(index as u16, 5))).unwrap();
    }
    receiver.set_keys(vec![key(suite, 1)], SECOND);
    assert_eq!(highest(&receiver), [(5, 65_999)]);
    open(&mut receiver, &sealed(&mut old, &rtp(464, 5))).unwrap();
    receiver.set_keys(vec![key(suite, 2)], SECOND);
    assert_eq!(highest(&receiver), []);
    open_at(&mut receiver, &sealed(&mut new, &rtp(470, 5)), SECOND).unwrap();
    assert_eq!(highest(&receiver), [(5, 470)]);
}

#[test]
fn sdes_13_old_keys_are_valid_for_a_while() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut old, mut new) = (Sender::new(key(suite, 1)), Sender::new(key(suite, 2)));
    let mut receiver = Receiver::new(vec![key(suite, 1)]);
    receiver.set_keys(vec![key(suite, 2)], SECOND);
    for sequence in 0..10 {
        let now = SECOND * (1 + u64::from(sequence));
        for sender in [&mut old, &mut new] {
            let protected = sealed(sender, &rtp(sequence, 5));
            assert!(open_at(&mut receiver, &protected, now).is_ok());
            assert_eq!(
                open_at(&mut receiver, &protected, now),
                Err(Refusal::Replayed)
            );
        }
    }
    let late = sealed(&mut old, &rtp(10, 5));
    assert_eq!(
        open_at(&mut receiver, &late, 11 * SECOND),
        Err(Refusal::Unauthenticated)
    );
    let other = sealed(&mut Sender::new(key(suite, 3)), &rtp(11, 5));
    assert_eq!(
        open_at(&mut receiver, &other, 11 * SECOND),
        Err(Refusal::Unauthenticated)
    );
}

#[test]
fn keys_with_identifiers_change_in_mid_stream_and_the_counter_goes_on() {
    let suite = Suite::AesCm256HmacSha1_80;
    let keys: Vec<MasterKey> = [1, 2]
        .map(|number| key(suite, number).with_mki(&[0, number]).unwrap())
        .to_vec();
    let mut receiver = Receiver::new(keys.clone());
    let mut first = Sender::new(keys[0].clone());
    let mut second = Sender::new(keys[1].clone());
    for sequence in [65_534, 65_535, 0] {
        open(&mut receiver, &sealed(&mut first, &rtp(sequence, 5))).unwrap();
        sealed(&mut second, &rtp(sequence, 5));
    }
    open(&mut receiver, &sealed(&mut second, &rtp(1, 5))).unwrap();
    assert_eq!(highest(&receiver), [(5, 65_537)]);
    let unknown = key(suite, 1).with_mki(&[0, 9]).unwrap();
    let packet = sealed(&mut Sender::new(unknown), &rtp(2, 5));
    assert_eq!(open(&mut receiver, &packet), Err(Refusal::Unauthenticated));
}

#[test]
fn srtp_06_a_key_lives_only_as_long_as_it_may() {
    let suite = Suite::AeadAes256Gcm;
    let master = || key(suite, 1).with_lifetime(3).unwrap();
    let mut sender = Sender::new(key(suite, 1));
    let mut receiver = Receiver::new(vec![master()]);
    for sequence in 0..3 {
        open(&mut receiver, &sealed(&mut sender, &rtp(sequence, 5))).unwrap();
    }
    assert_eq!(
        open(&mut receiver, &sealed(&mut sender, &rtp(3, 5))),
        Err(Refusal::Expired)
    );
    let (mut bounded, mut out) = (Sender::new(master()), Vec::new());
    let outcomes: Vec<bool> = (0..4)
        .map(|sequence| bounded.seal_media(&rtp(sequence, 5), &mut out).is_ok())
        .collect();
    assert_eq!(outcomes, [true, true, true, false]);
}

#[test]
fn another_process_goes_on_with_the_indices() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = (
        Sender::new(key(suite, 1)),
        Receiver::new(vec![key(suite, 1)]),
    );
    for index in (65_000..140_000_u64).step_by(100) {
        let protected = sealed(&mut sender, &rtp(index as u16, 5));
        open(&mut receiver, &protected).unwrap();
    }
    let mut next = Receiver::new(vec![key(suite, 1)]);
    next.resume(&receiver.reached());
    let packet = rtp(140_000_u64 as u16, 5);
    assert_eq!(
        open(&mut next, &sealed(&mut sender, &packet)).unwrap(),
        packet
    );
}

#[test]
fn a_rollover_counter_that_was_kept_long_ago_is_found_again_and_nothing_comes_twice() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut sender = Sender::new(key(suite, 1));
    let some =
        (0..300_000_u64).filter(|index| index % 10_000 < 2 || (69_990..70_010).contains(index));
    let sent: HashMap<u64, Vec<u8>> = some
        .map(|index| (index, sealed(&mut sender, &rtp(index as u16, 5))))
        .collect();
    let kept = Reached {
        ssrc: 5,
        highest: 70_000,
        seen: 0b101,
    };
    let mut next = Receiver::new(vec![key(suite, 1)]);
    next.resume(&[kept]);
    for (index, refusal) in [
        (70_000, Refusal::Replayed),
        (69_998, Refusal::Replayed),
        (60_000, Refusal::Replayed),
    ] {
        assert_eq!(open(&mut next, &sent[&index]), Err(refusal));
    }
    assert!(open(&mut next, &sent[&290_000]).is_ok());
    assert_eq!(next.reached()[0].highest, 290_000);
    assert!(open(&mut next, &sent[&290_001]).is_ok());
    assert!(open(&mut next, &sent[&140_000]).is_err());
    let mut late = Receiver::new(vec![key(suite, 1)]);
    late.resume(&[kept]);
    assert!(open(&mut late, &sent[&69_999]).is_ok());
    let mut stranger = Sender::new(key(suite, 2));
    let forged = sealed(&mut stranger, &rtp(70_001_u64 as u16, 5));
    assert_eq!(open(&mut late, &forged), Err(Refusal::Unauthenticated));
    assert!(open(&mut late, &sent[&70_001]).is_ok());
}

#[test]
fn an_ssrc_that_another_process_heard_is_found_in_any_cycle_and_strangers_cost_only_so_much() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut sender = Sender::new(key(suite, 1));
    let sent: Vec<_> = (65_000..70_000_u64)
        .map(|index| sealed(&mut sender, &rtp(index as u16, 5)))
        .collect();
    let last = sent.last().unwrap();
    let mut own = Receiver::new(vec![key(suite, 1)]);
    assert_eq!(open(&mut own, last), Err(Refusal::Unauthenticated));
    let mut next = Receiver::new(vec![key(suite, 1)]);
    next.resume(&[]);
    assert!(open(&mut next, last).is_ok());
    assert_eq!(next.reached()[0].highest, 69_999);
    assert_eq!(open(&mut next, last), Err(Refusal::Replayed));
    let mut flooded = Receiver::new(vec![key(suite, 1)]);
    flooded.resume(&[]);
    let forged = sealed(&mut Sender::new(key(suite, 2)), &rtp(9, 5));
    for _ in 0..2_000 {
        assert!(open(&mut flooded, &forged).is_err());
    }
    assert_eq!(open(&mut flooded, last), Err(Refusal::Unauthenticated));
}

#[test]
fn keys_of_wrong_lengths_are_refused_and_never_shown() {
    let suite = Suite::AesCm128HmacSha1_80;
    for (key, salt) in [(15, 14), (17, 14), (0, 14), (16, 13), (16, 12), (32, 14)] {
        assert!(MasterKey::new(suite, &vec![1; key], &vec![1; salt]).is_err());
    }
    let good = MasterKey::new(suite, &[0x41; 16], &[0x42; 14]).unwrap();
    assert!(good.clone().with_mki(&[0; 129]).is_err());
    assert!(good.clone().with_lifetime(0).is_err() && good.clone().with_lifetime(1 << 49).is_err());
    assert_eq!(
        format!("{good:?}"),
        "MasterKey(AES_CM_128_HMAC_SHA1_80, hidden)"
    );
    let wrong = MasterKey::new(suite, &[0x41; 3], &[0x42; 14]).unwrap_err();
    assert_eq!(wrong.to_string(), "the SRTP key has 3 bytes, not 16");
}

#[test]
fn suites_have_names() {
    for suite in Suite::ALL {
        assert_eq!(Suite::parse(suite.name()), Some(suite));
        assert_eq!(Suite::parse(&suite.name().to_lowercase()), Some(suite));
    }
    assert_eq!(
        Suite::parse("AES_CM_256_HMAC_SHA1_32"),
        Some(Suite::AesCm256HmacSha1_32)
    );
    assert_eq!(Suite::parse("F8_128_HMAC_SHA1_80"), None);
}
