//! Packets as they come, and places as they are handed out.

use super::*;

const BASE: i64 = 1_700_000_000 * 8_000;

fn packet(at_ms: i64, sequence: u16, timestamp: u32) -> LivePacket {
    LivePacket {
        arrival_ns: 1_700_000_000_000_000_000 + at_ms * 1_000_000,
        timestamp,
        clock: 8_000,
        samples: 8_000,
        quiet: false,
        ticks: 160,
        ssrc: 1,
        sequence,
        payload_type: 0,
        payload: vec![sequence as u8; 160],
    }
}

fn steady(number: u16) -> LivePacket {
    packet(i64::from(number) * 20, number, u32::from(number) * 160)
}

/// Sequence numbers (as marked in the payload) and starts of what comes out.
fn take(stream: &mut LiveStream, flush: bool) -> Vec<(u8, i64)> {
    let pieces = stream.take(flush);
    pieces
        .iter()
        .map(|piece| (piece.payload[0], piece.start - BASE))
        .collect()
}

#[test]
fn packets_come_out_at_once_and_in_order() {
    let mut stream = LiveStream::new(8_000);
    stream.push(steady(0));
    stream.push(steady(1));
    assert_eq!(take(&mut stream, false), [(0, 0), (1, 160)]);
    stream.push(steady(3));
    assert_eq!(take(&mut stream, false), []);
    stream.push(packet(65, 2, 320));
    assert_eq!(take(&mut stream, false), [(2, 320), (3, 480)]);
}

#[test]
fn a_lost_packet_is_not_waited_for_long() {
    let mut stream = LiveStream::new(8_000);
    for number in [0, 2, 3, 4] {
        stream.push(steady(number));
    }
    assert_eq!(take(&mut stream, false), [(0, 0)]);
    stream.push(steady(5));
    assert_eq!(
        take(&mut stream, false),
        [(2, 320), (3, 480), (4, 640), (5, 800)]
    );
    stream.push(packet(120, 1, 160));
    assert_eq!((take(&mut stream, false), stream.late()), (vec![], 1));
}

#[test]
fn what_waits_is_given_up_at_the_end() {
    let mut stream = LiveStream::new(8_000);
    stream.push(steady(0));
    stream.push(steady(2));
    assert_eq!(take(&mut stream, true), [(0, 0), (2, 320)]);
}

#[test]
fn a_new_ssrc_and_a_restart_go_on_at_their_arrival() {
    let mut stream = LiveStream::new(8_000);
    stream.push(steady(0));
    stream.push(LivePacket {
        ssrc: 2,
        ..packet(100, 7, 4_000_000_000)
    });
    stream.push(LivePacket {
        ssrc: 2,
        ..packet(5_000, 0, 10)
    });
    assert_eq!(take(&mut stream, false), [(0, 0), (7, 800), (0, 40_000)]);
}

#[test]
fn a_stopped_timestamp_moves_the_time_line_after_two_seconds() {
    let mut stream = LiveStream::new(8_000);
    for number in 0..300_u16 {
        let pause = if number < 50 { 0 } else { 5_000 };
        stream.push(packet(
            i64::from(number) * 20 + pause,
            number,
            u32::from(number) * 160,
        ));
    }
    let starts: Vec<i64> = take(&mut stream, false)
        .iter()
        .map(|piece| piece.1)
        .collect();
    assert_eq!(
        (starts.len(), starts[50], starts[299]),
        (300, 8_000, 299 * 160 + 40_000)
    );
}

#[test]
fn clocks_that_differ_share_one_time_line() {
    let mut stream = LiveStream::new(48_000);
    stream.push(steady(0));
    let wide = LivePacket {
        clock: 48_000,
        samples: 48_000,
        ticks: 960,
        ..packet(20, 1, 960)
    };
    stream.push(wide);
    stream.push(LivePacket {
        clock: 44_100,
        ..packet(40, 2, 320)
    });
    stream.push(steady(3));
    let pieces = stream.take(true);
    let places: Vec<_> = pieces
        .iter()
        .map(|p| (p.start - 6 * BASE, p.ticks))
        .collect();
    assert_eq!(places, [(0, 960), (960, 960), (2_880, 960)]);
    stream.set_rate(8_000);
    stream.push(steady(4));
    let pieces = stream.take(true);
    assert!((640..=642).contains(&(pieces[0].start - BASE)));
}

#[test]
fn numbers_wrap() {
    let mut stream = LiveStream::new(8_000);
    for number in 0..200_u16 {
        let (sequence, timestamp) = (number.wrapping_add(65_500), u32::from(number) * 160);
        stream.push(packet(
            i64::from(number) * 20,
            sequence,
            timestamp.wrapping_sub(3_000),
        ));
    }
    let starts: Vec<i64> = take(&mut stream, false)
        .iter()
        .map(|piece| piece.1)
        .collect();
    assert_eq!(
        starts,
        (0..200).map(|number| number * 160).collect::<Vec<_>>()
    );
}
