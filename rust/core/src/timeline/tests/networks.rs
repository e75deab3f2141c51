//! Networks as they are: what they do to a perfect clock, and to one that is not.

use super::*;

/// A number from 0 to 1, the same for the same arguments.
fn chance(seed: u64, number: i64) -> f64 {
    let mut word = (number as u64 ^ seed.wrapping_mul(0xd6e8_feb8_6659_fd93))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word ^= word >> 29;
    word = word.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((word ^ (word >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Milliseconds that a packet sent after so many milliseconds takes.
type Network = fn(u64, i64) -> f64;

/// A wired network: a millisecond or two.
fn wired(seed: u64, ms: i64) -> f64 {
    -1.5 * (1.0 - chance(seed, ms)).ln()
}

/// Wi-Fi: retries of some milliseconds, and twice a minute or so the air is taken for up to 300 ms.
fn wifi(seed: u64, ms: i64) -> f64 {
    let retries = -6.0 * (1.0 - chance(seed, ms)).ln();
    let slot = ms / 1_500;
    let taken = 300.0 * chance(seed + 1, slot) * f64::from(u8::from(chance(seed + 2, slot) < 0.05));
    let waited = (ms % 1_500) as f64;
    retries.min(60.0) + (taken - waited).max(0.0)
}

/// Mobile: scheduled every 10 ms or so, handovers of up to 400 ms three times a minute.
fn mobile(seed: u64, ms: i64) -> f64 {
    let slot = ms / 4_000;
    let handover =
        400.0 * chance(seed + 3, slot) * f64::from(u8::from(chance(seed + 4, slot) < 0.2));
    10.0 * chance(seed, ms) + 5.0 + (handover - (ms % 4_000) as f64).max(0.0)
}

/// A full buffer in a router: for 20 to 60 s of every two minutes the delay rises to up to 250 ms and falls again.
fn bloated(seed: u64, ms: i64) -> f64 {
    let (slot, at) = (ms / 120_000, (ms % 120_000) as f64);
    let length = 20_000.0 + 40_000.0 * chance(seed + 5, slot);
    let height = 250.0 * chance(seed + 6, slot);
    let queue = (1.0 - (2.0 * at / length - 1.0).abs()).max(0.0) * height;
    wired(seed, ms) + queue
}

/// A busy office: from the twentieth minute on, ten minutes of 15 ms more.
fn busy(seed: u64, ms: i64) -> f64 {
    wired(seed, ms) + f64::from(u8::from((1_200_000..1_800_000).contains(&ms))) * 15.0
}

fn through(network: Network, seed: u64, ppm: f64, seconds: i64) -> Vec<PacketRecord> {
    let mut sender = Sender::new();
    let mut packets = Vec::new();
    let mut last = 0;
    for number in 0..seconds * 50 {
        let mut packet = sender.next();
        let sent = (number * 20_000_000) as f64 * (1.0 + ppm / 1e6);
        let arrives = sent + network(seed, number * 20) * 1e6;
        last = last.max(arrives as i64);
        packet.arrival_ns = START_NS + last;
        packet.offset = sent as u64;
        packet.quiet = number % 150 >= 100;
        packets.push(packet);
    }
    packets
}

/// The worst of some calls: the error of the clock in ppm, samples that were moved, and by how many milliseconds audio
/// moved against the truth while the call went on.
fn worst(network: Network, ppm: f64, seconds: i64) -> (f64, u64, i64) {
    let (mut error, mut moved, mut apart) = (0.0_f64, 0, 0);
    for seed in [100, 700, 1_300] {
        let timeline = run(through(network, seed, ppm, seconds));
        let found = timeline.report.drift_ppm.unwrap_or(ppm);
        error = error.max((found - ppm).abs());
        moved = moved.max(timeline.report.inserted + timeline.report.dropped);
        let late = timeline.placements.iter().map(|found| {
            time_of(found.start - i64::from(found.skip), 8_000) - START_NS - found.offset as i64
        });
        let (least, most) = late.fold((i64::MAX, i64::MIN), |(least, most), late| {
            (least.min(late), most.max(late))
        });
        apart = apart.max((most - least) / 1_000_000);
        assert_eq!(timeline.report.segments, 1);
    }
    (error, moved, apart)
}

#[test]
fn rtp_12_no_network_makes_a_clock_of_delays() {
    for (name, network) in [
        ("wired", wired as Network),
        ("Wi-Fi", wifi),
        ("mobile", mobile),
        ("a full buffer", bloated),
        ("a busy hour", busy),
    ] {
        for seconds in [90, 600] {
            let (error, moved, apart) = worst(network, 0.0, seconds);
            let most = if seconds < 300 { 16.0 } else { 2.0 };
            assert!(error <= most, "{name}, {seconds} s: {error} ppm off");
            assert_eq!(
                (moved, apart),
                (0, 0),
                "{name}, {seconds} s: nothing is touched"
            );
            let (error, _, apart) = worst(network, 100.0, seconds);
            assert!(error <= most, "{name}, {seconds} s: {error} ppm off");
            // What is not believed is not followed: 9 ms in 90 s.
            assert!(apart <= 9, "{name}, {seconds} s: {apart} ms");
        }
    }
}

#[test]
fn a_buffer_that_fills_through_a_whole_short_call_is_no_clock() {
    let filling: Network = |seed, ms| wired(seed, ms) + ms as f64 * 0.0008;
    assert_eq!(worst(filling, 0.0, 120), (0.0, 0, 0));
}
