//! Hours of a sender whose clock is not ours (RTP-12, Q69).

use super::super::live::{LivePacket, LiveStream};
use super::*;

const HOURS: i64 = 3;

/// Up to `most` nanoseconds, the same for the same number.
fn noise(number: i64, most: i64) -> i64 {
    let word = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((word >> 33) as i64) % most.max(1)
}

/// Packets of 20 ms by a clock that is off by `ppm` (positive is slow), with jitter up to 60 ms. `said` tells what the
/// packet of a number is: nothing, speech, or quiet.
fn drifting(ppm: i64, said: impl Fn(i64) -> Option<bool>) -> Vec<PacketRecord> {
    drifting_for(HOURS, ppm, said)
}

fn drifting_for(hours: i64, ppm: i64, said: impl Fn(i64) -> Option<bool>) -> Vec<PacketRecord> {
    let mut sender = Sender::new();
    let mut packets = Vec::new();
    for number in 0..hours * 180_000 {
        let mut packet = sender.next();
        let sent = packet.arrival_ns - START_NS;
        packet.arrival_ns += sent * ppm / 1_000_000 + noise(number, 60_000_000);
        // What a packet says of its own true place, for `off_by`.
        packet.offset = (sent + sent * ppm / 1_000_000) as u64;
        if let Some(quiet) = said(number) {
            packet.quiet = quiet;
            packets.push(packet);
        } else {
            sender.sequence = sender.sequence.wrapping_sub(1);
        }
    }
    packets
}

/// The furthest that any packet stands from where it was sent, in milliseconds.
fn off_by(timeline: &Timeline) -> i64 {
    let apart = timeline.placements.iter().map(|found| {
        let sent = START_NS + found.offset as i64;
        (time_of(found.start - i64::from(found.skip), 8_000) - sent).abs()
    });
    apart.max().unwrap_or(0) / 1_000_000
}

fn never_overlaps(timeline: &Timeline) -> bool {
    timeline
        .placements
        .windows(2)
        .all(|pair| pair[0].end() <= pair[1].start)
}

#[test]
fn rtp_12_three_hours_at_a_hundred_parts_per_million_stay_together() {
    // Two seconds of speech, one of quiet noise, without a hole.
    let talk = |number: i64| Some(number % 150 >= 100);
    for ppm in [100, -100] {
        let timeline = run(drifting(ppm, talk));
        let report = &timeline.report;
        assert!(
            (report.drift_ppm.unwrap() - ppm as f64).abs() < 1.0,
            "{report:?}"
        );
        assert!(off_by(&timeline) <= 6, "{ppm}: {} ms", off_by(&timeline));
        assert!(never_overlaps(&timeline));
        // 1.08 s of samples in three hours, nearly all of them while nothing was said.
        let (slow, fast) = (report.inserted, report.dropped);
        let (most, least) = if ppm > 0 { (slow, fast) } else { (fast, slow) };
        assert!(
            (8_500..=8_800).contains(&most) && least < 60,
            "{slow} {fast}"
        );
        assert_eq!((report.lost, report.segments, report.hidden), (0, 1, 0));
        if ppm > 0 {
            assert_eq!(runs(&timeline).len(), 1, "no hole was torn");
        }
    }
}

#[test]
fn speech_without_a_pause_is_at_most_some_milliseconds_late() {
    let timeline = run(drifting(60, |_| Some(false)));
    assert!(off_by(&timeline) <= 10, "{} ms", off_by(&timeline));
    assert_eq!(runs(&timeline).len(), 1);
}

#[test]
fn gaps_of_silence_suppression_take_up_the_drift() {
    let speech = |number: i64| (number % 500 < 250).then_some(false);
    let timeline = run(drifting(100, speech));
    assert!(off_by(&timeline) <= 8, "{} ms", off_by(&timeline));
    assert_eq!((timeline.report.inserted, timeline.report.dropped), (0, 0));
    assert_eq!(timeline.report.lost, 0);
}

#[test]
fn a_perfect_clock_is_left_to_the_last_sample() {
    let timeline = run(drifting(0, |number| Some(number % 2 == 0)));
    assert_eq!((timeline.report.inserted, timeline.report.dropped), (0, 0));
    assert_eq!(runs(&timeline).len(), 1);
    assert!(timeline.report.drift_ppm.unwrap().abs() < 1.0);
}

#[test]
fn a_sender_that_sets_its_clock_is_followed_on_both_sides() {
    let mut packets = drifting(80, |number| Some(number % 150 >= 100));
    let half = packets.len() / 2;
    for packet in &mut packets[half..] {
        packet.timestamp = packet.timestamp.wrapping_add(30 * 8_000);
    }
    let timeline = run(packets);
    assert_eq!(timeline.report.segments, 2);
    assert!(off_by(&timeline) <= 6, "{} ms", off_by(&timeline));
    assert!((timeline.report.drift_ppm.unwrap() - 80.0).abs() < 2.0);
    assert!(never_overlaps(&timeline));
}

#[test]
fn a_short_call_is_not_touched() {
    let mut packets = Sender::new().take(2_500);
    for packet in &mut packets {
        packet.arrival_ns += (packet.arrival_ns - START_NS) / 5_000;
    }
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 400_000)]);
    assert_eq!(timeline.report.drift_ppm, None);
}

/// By how much live audio and rendered audio part after so many seconds, at most, in milliseconds, and how often live
/// audio tore a hole into speech without one.
fn live_apart(mut packets: Vec<PacketRecord>, after_s: u64) -> (i64, usize) {
    let timeline = run(packets.clone());
    let rendered: std::collections::HashMap<u64, i64> = timeline
        .placements
        .iter()
        .map(|found| (found.offset, found.start - i64::from(found.skip)))
        .collect();
    packets.sort_by_key(|packet| packet.arrival_ns);
    let mut live = LiveStream::new(8_000);
    let (mut most, mut holes, mut end) = (0, 0, i64::MAX);
    let last = packets.len() - 1;
    for (number, packet) in packets.into_iter().enumerate() {
        live.push(LivePacket {
            arrival_ns: packet.arrival_ns,
            timestamp: packet.timestamp,
            clock: 8_000,
            samples: 8_000,
            quiet: packet.quiet,
            ticks: packet.ticks,
            ssrc: packet.ssrc,
            sequence: packet.sequence,
            payload_type: packet.payload_type,
            payload: packet.offset.to_be_bytes().to_vec(),
        });
        for piece in live.take(number == last) {
            let name = u64::from_be_bytes(piece.payload.try_into().unwrap());
            assert!(end == i64::MAX || piece.start >= end, "never overlaps");
            holes += usize::from(piece.start > end);
            end = piece.start + piece.ticks;
            if name > after_s * 1_000_000_000 {
                most = most.max((piece.start - piece.skip - rendered[&name]).abs());
            }
        }
    }
    (most / 8, holes)
}

fn hour(ppm: i64, said: impl Fn(i64) -> Option<bool>) -> Vec<PacketRecord> {
    drifting_for(1, ppm, said)
}

#[test]
fn rtp_12_live_audio_follows_a_clock_as_the_rendered_audio_does() {
    let talk = |number: i64| Some(number % 150 >= 100);
    for ppm in [100, -100] {
        // Seven windows of 10 s tell nothing yet; a drift that adds up to less than 5 ms is left alone.
        let (apart, holes) = live_apart(hour(ppm, talk), 0);
        assert!(apart <= 8 && holes == 0, "{ppm}: {apart} ms, {holes} holes");
        let (apart, holes) = live_apart(hour(ppm, talk), 80);
        assert!(apart <= 1 && holes == 0, "{ppm}: {apart} ms, {holes} holes");
    }
    let (apart, _) = live_apart(hour(20, talk), 0);
    assert!(apart <= 6, "{apart} ms");
    let (apart, holes) = live_apart(hour(100, |_| Some(false)), 0);
    assert!(apart <= 6 && holes == 0, "{apart} ms, {holes} holes");
}

#[test]
fn a_lasting_change_of_the_delay_is_followed_by_live_audio_within_minutes() {
    let talk = |number: i64| Some(number % 150 >= 100);
    let mut packets = hour(60, talk);
    for packet in &mut packets {
        let rerouted = packet.arrival_ns > START_NS + 1_800_000_000_000;
        packet.arrival_ns += i64::from(rerouted) * 120_000_000;
    }
    let (apart, _) = live_apart(packets, 2_000);
    assert!(apart <= 2, "{apart} ms");
}

#[test]
fn moved_segments_do_not_overlap_others() {
    let mut sender = Sender::new();
    let mut packets = sender.take(100);
    sender.timestamp = sender.timestamp.wrapping_add(1 << 30);
    packets.extend(sender.take(100));
    let arranged = arrange(packets, &plan());
    let timeline = arranged.settle(&[0, -400]);
    assert!(never_overlaps(&timeline));
    assert_eq!(runs(&timeline), [(0, 31_600)]);
}
