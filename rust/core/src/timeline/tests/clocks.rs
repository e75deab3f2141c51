//! Hours of a sender whose clock is not ours (RTP-12, Q69).

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
    let mut sender = Sender::new();
    let mut packets = Vec::new();
    for number in 0..HOURS * 180_000 {
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
