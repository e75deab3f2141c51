//! What senders do wrong, or at least differently.

use super::*;

#[test]
fn silence_suppression_is_no_loss() {
    let mut sender = Sender::new();
    let mut packets = sender.take(50);
    (sender.timestamp, sender.at_ms) = (sender.timestamp + 40_000, sender.at_ms + 5_000);
    packets.extend(sender.take(50));
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 8_000), (48_000, 56_000)]);
    assert_eq!(
        causes(&timeline, 0, 56_000),
        [(8_000, 48_000, Cause::Silence)]
    );
    assert_eq!((timeline.report.lost, timeline.report.segments), (0, 1));
}

#[test]
fn a_hold_with_a_stopped_timestamp_keeps_its_length() {
    let mut sender = Sender::new();
    let mut packets = sender.take(50);
    sender.at_ms += 5_000;
    packets.extend(sender.take(150));
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 8_000), (48_000, 72_000)]);
    assert_eq!((timeline.report.lost, timeline.report.segments), (0, 2));
    let hold = [Hole {
        start: BASE + 8_400,
        end: BASE + 47_000,
        cause: Cause::Hold,
    }];
    let gaps = find_gaps(&timeline.placements, BASE, BASE + 72_000, 200, &hold);
    assert_eq!(
        gaps,
        [Hole {
            start: BASE + 8_000,
            end: BASE + 48_000,
            cause: Cause::Hold
        }]
    );
}

#[test]
fn an_ssrc_change_goes_on_at_its_own_arrival() {
    let mut first = Sender::new();
    let mut packets = first.take(100);
    let mut second = Sender {
        ssrc: 8,
        sequence: 9,
        timestamp: 77,
        at_ms: first.at_ms + 40,
    };
    packets.extend(second.take(100));
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 16_000), (16_320, 32_320)]);
    assert_eq!(
        causes(&timeline, 0, 32_320),
        [(16_000, 16_320, Cause::NewSource)]
    );
    assert_eq!(
        (
            timeline.report.ssrc_changes,
            timeline.report.lost,
            timeline.report.segments
        ),
        (1, 0, 2)
    );
}

#[test]
fn where_segments_overlap_the_later_one_wins() {
    let mut first = Sender::new();
    let mut packets = first.take(100);
    let mut second = Sender {
        ssrc: 8,
        sequence: 9,
        timestamp: 77,
        at_ms: first.at_ms - 50,
    };
    packets.extend(second.take(10));
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 17_200)]);
    assert_eq!(timeline.report.hidden, 2);
    let cut = timeline
        .placements
        .iter()
        .find(|found| found.samples != 160)
        .unwrap();
    assert_eq!((cut.start - BASE, cut.samples, cut.skip), (15_520, 80, 0));
}

#[test]
fn a_stray_packet_of_another_ssrc_hides_nothing() {
    let mut packets = Sender::new().take(100);
    packets.push(
        Sender {
            ssrc: 99,
            at_ms: 1_005,
            ..Sender::new()
        }
        .next(),
    );
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 16_000)]);
    assert_eq!(timeline.report.hidden, 1);
    assert!(timeline
        .placements
        .iter()
        .all(|found| found.offset != 1_005));
}

#[test]
fn a_restart_with_the_same_ssrc_is_neither_loss_nor_duplicate() {
    for (sequence, timestamp) in [(100, 5_000), (40_000, 3_000_000_000), (0, 0), (120, 4_000)] {
        let mut sender = Sender::new();
        let mut packets = sender.take(100);
        (sender.sequence, sender.timestamp, sender.at_ms) = (sequence, timestamp, 3_000);
        packets.extend(sender.take(100));
        let timeline = run(packets);
        assert_eq!(
            runs(&timeline),
            [(0, 16_000), (24_000, 40_000)],
            "{sequence} {timestamp}"
        );
        let report = &timeline.report;
        assert_eq!(
            (report.lost, report.duplicated, report.unique),
            (0, 0, 200),
            "{sequence} {timestamp}"
        );
        assert_eq!(
            causes(&timeline, 0, 40_000),
            [(16_000, 24_000, Cause::NewSource)]
        );
    }
}

#[test]
fn timestamp_jumps_in_mid_talk_leave_a_bounded_time_line() {
    for jump in [1 << 31, 80_000, 0_u32.wrapping_sub(80_000), 0x7fff_ffff] {
        let mut sender = Sender::new();
        let mut packets = sender.take(100);
        sender.timestamp = sender.timestamp.wrapping_add(jump);
        packets.extend(sender.take(100));
        let timeline = run(packets);
        assert_eq!(runs(&timeline), [(0, 32_000)], "{jump:#x}");
        assert_eq!(
            (timeline.report.lost, timeline.report.segments),
            (0, 2),
            "{jump:#x}"
        );
    }
}

#[test]
fn one_packet_with_a_mad_timestamp_is_placed_by_arrival() {
    let mut packets = Sender::new().take(100);
    packets[50].timestamp ^= 0x4000_0000;
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 16_000)]);
    assert_eq!((timeline.report.lost, timeline.report.duplicated), (0, 0));
}

#[test]
fn telephone_events_are_no_audio_but_keep_the_count() {
    let mut packets = Sender::new().take(100);
    let held = packets[40].timestamp;
    for packet in &mut packets[40..60] {
        (packet.payload_type, packet.timestamp) = (101, held);
    }
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 6_400), (9_600, 16_000)]);
    assert_eq!(
        causes(&timeline, 0, 16_000),
        [(6_400, 9_600, Cause::Silence)]
    );
    assert_eq!((timeline.report.lost, timeline.report.unique), (0, 100));
}

#[test]
fn an_unknown_codec_is_counted_and_named_as_the_cause() {
    let mut packets = Sender::new().take(100);
    packets[40..60]
        .iter_mut()
        .for_each(|packet| packet.payload_type = 18);
    let timeline = run(packets.clone());
    assert_eq!(
        causes(&timeline, 0, 16_000),
        [(6_400, 9_600, Cause::NotRendered)]
    );
    packets
        .iter_mut()
        .for_each(|packet| packet.payload_type = 18);
    let timeline = run(packets);
    assert_eq!((places(&timeline), timeline.report.unique), (vec![], 100));
    assert_eq!(causes(&timeline, 0, 50), [(0, 50, Cause::NotRendered)]);
}

#[test]
fn two_ssrcs_at_once_do_not_overlap() {
    let mut packets = Sender::new().take(100);
    packets.extend(
        Sender {
            ssrc: 8,
            at_ms: 500,
            ..Sender::new()
        }
        .take(20),
    );
    let timeline = run(packets);
    assert_eq!(runs(&timeline), [(0, 16_000)]);
    let heard = timeline
        .placements
        .iter()
        .filter(|found| found.start >= BASE + 4_000 && found.end() <= BASE + 7_200);
    assert_eq!(heard.count(), 20);
}

#[test]
fn hostile_streams_stay_cheap_and_never_overlap() {
    let mut state = 12_345_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    };
    let packets: Vec<_> = (0..60_000)
        .map(|index| PacketRecord {
            arrival_ns: START_NS + i64::from(index) * 10_000,
            offset: u64::from(index as u32),
            timestamp: random(),
            ssrc: random() % 3,
            sequence: (random() >> 8) as u16,
            length: (random() >> 16) as u16,
            ticks: (random() >> 16) as u16,
            payload_type: if random() % 7 == 0 { 101 } else { 0 },
            quiet: false,
        })
        .collect();
    let timeline = run(packets);
    assert!(timeline
        .placements
        .windows(2)
        .all(|pair| pair[0].end() <= pair[1].start));
    assert_eq!(timeline.report.received, 60_000);
    assert!(timeline.placements.len() <= 200_000);
}

#[test]
fn nothing_gives_nothing() {
    let timeline = run(Vec::new());
    assert_eq!(
        (timeline.placements.len(), timeline.report),
        (0, Report::default())
    );
    assert_eq!(find_gaps(&[], 0, 5, 0, &[])[0].cause, Cause::NoPackets);
}

#[test]
fn what_is_missing_while_the_recorder_was_away_is_not_blamed_on_the_network() {
    let mut sender = Sender::new();
    let mut packets = sender.take(50);
    sender.take(10);
    packets.extend(sender.take(50));
    sender.take(5);
    packets.extend(sender.take(50));
    let timeline = run(packets);
    let away = |cause| Hole {
        start: BASE + 7_900,
        end: BASE + 8_100,
        cause,
    };
    for cause in [Cause::Restart, Cause::Failover] {
        let gaps = find_gaps(
            &timeline.placements,
            BASE,
            BASE + 26_400,
            150,
            &[away(cause)],
        );
        let causes: Vec<_> = gaps.iter().map(|gap| gap.cause).collect();
        assert_eq!(causes, [cause, Cause::Network]);
    }
}

#[test]
fn a_silence_over_a_restart_stays_a_silence() {
    let mut sender = Sender::new();
    let mut packets = sender.take(50);
    sender.at_ms += 1_000;
    sender.timestamp += 8_000;
    packets.extend(sender.take(50));
    let timeline = run(packets);
    let away = Hole {
        start: BASE + 8_100,
        end: BASE + 15_000,
        cause: Cause::Restart,
    };
    let gaps = find_gaps(&timeline.placements, BASE, BASE + 24_000, 100, &[away]);
    assert_eq!(gaps[0].cause, Cause::Silence);
}
