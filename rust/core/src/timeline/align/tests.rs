//! Two streams of one client, with reports of every kind.

use super::*;
use crate::timeline::{arrange, PacketRecord, Role, StreamPlan};

const START_NS: i64 = 1_700_000_000_000_000_000;
/// The sender's clock is an hour ahead of ours, which matters to nobody.
const SENDER_AHEAD_NS: i64 = 3_600_000_000_000;
const NTP_EPOCH: i64 = 2_208_988_800;

/// One stream: how late the network brings it, when it begins, and how its reports are written.
#[derive(Clone)]
struct Source {
    ssrc: u32,
    late_ms: i64,
    begins_ms: i64,
    seconds: i64,
    name: &'static str,
    /// What the sender's wall clock says too much, in milliseconds, by the number of the report.
    wrong_ms: fn(i64) -> i64,
    ntp: bool,
}

fn source(ssrc: u32, late_ms: i64) -> Source {
    Source {
        ssrc,
        late_ms,
        begins_ms: 0,
        seconds: 60,
        name: "sbc@192.0.2.1",
        wrong_ms: |_| 0,
        ntp: true,
    }
}

impl Source {
    fn arrange(&self) -> Arranged {
        let mut roles = [Role::Foreign; 256];
        roles[0] = Role::Audio;
        let plan = StreamPlan {
            roles,
            rate: 8_000,
            step: 1,
            silences: Vec::new(),
        };
        let packets = (0..self.seconds * 50).map(|number| PacketRecord {
            arrival_ns: START_NS + (self.begins_ms + number * 20 + self.late_ms) * 1_000_000,
            offset: 0,
            timestamp: self.timestamp(number * 20),
            ssrc: self.ssrc,
            sequence: number as u16,
            length: 160,
            ticks: 160,
            payload_type: 0,
            quiet: false,
        });
        arrange(packets.collect(), &plan)
    }

    fn timestamp(&self, ms: i64) -> u32 {
        (ms as u32 * 8).wrapping_add(self.ssrc.wrapping_mul(77_777_777))
    }

    fn told(&self) -> Told {
        let report = |number: i64| {
            let ms = 2_000 + number * 5_000;
            let wrong = (self.wrong_ms)(number);
            let sent = START_NS + (self.begins_ms + ms + wrong) * 1_000_000 + SENDER_AHEAD_NS;
            let (seconds, rest) = (sent / 1_000_000_000 + NTP_EPOCH, sent % 1_000_000_000);
            let ntp = ((seconds as u64) << 32) | (((rest as u64) << 32) / 1_000_000_000);
            SenderTime {
                arrival_ns: START_NS + (self.begins_ms + ms + self.late_ms) * 1_000_000,
                ssrc: self.ssrc,
                ntp: if self.ntp { ntp } else { 0 },
                timestamp: self.timestamp(ms),
            }
        };
        Told {
            times: (0..self.seconds / 5).map(report).collect(),
            names: [(self.ssrc, self.name.into())].into(),
        }
    }
}

/// By what each stream is aligned, and by how many milliseconds it is moved.
fn aligned(sources: &[Source]) -> Vec<(By, i64)> {
    let parts: Vec<_> = sources
        .iter()
        .map(|one| (one.arrange(), one.told()))
        .collect();
    let streams: Vec<_> = parts
        .iter()
        .map(|(arranged, told)| (arranged, told))
        .collect();
    let found = align(&streams);
    found
        .iter()
        .map(|one| (one.by, (one.offset_ns - 500_000) / 1_000_000))
        .collect()
}

#[test]
fn rtcp_05_the_stream_that_took_longer_is_moved_to_the_other() {
    let found = aligned(&[source(1, 5), source(2, 85)]);
    assert_eq!(found, [(By::Rtcp, 0), (By::Rtcp, -80)]);
}

#[test]
fn a_stream_that_begins_later_is_compared_all_the_same() {
    let late = Source {
        begins_ms: 31_234,
        ..source(2, 45)
    };
    assert_eq!(
        aligned(&[source(1, 5), late]),
        [(By::Rtcp, 0), (By::Rtcp, -40)]
    );
}

#[test]
fn reports_without_a_wall_clock_leave_it_to_arrival() {
    let without = Source {
        ntp: false,
        ..source(2, 85)
    };
    let found = aligned(&[source(1, 5), without]);
    assert_eq!(found, [(By::ArrivalAlone, 0), (By::Arrival, 0)]);
}

#[test]
fn streams_of_different_clocks_are_not_compared() {
    let other = Source {
        name: "phone@192.0.2.9",
        ..source(2, 85)
    };
    let found = aligned(&[source(1, 5), other]);
    assert_eq!(found, [(By::ArrivalAlone, 0), (By::ArrivalAlone, 0)]);
}

#[test]
fn reports_that_contradict_arrival_by_seconds_are_not_believed() {
    let wrong = Source {
        wrong_ms: |_| 3_500,
        ..source(2, 85)
    };
    let found = aligned(&[source(1, 5), wrong.clone()]);
    assert!(
        found.iter().all(|one| one.1 == 0 && one.0 != By::Rtcp),
        "{found:?}"
    );
    assert!(
        found.iter().any(|one| one.0 == By::ArrivalContradicted),
        "{found:?}"
    );
    // Of three, two agree.
    let found = aligned(&[source(1, 5), wrong, source(3, 25)]);
    assert_eq!(
        found,
        [(By::Rtcp, 0), (By::ArrivalContradicted, 0), (By::Rtcp, -20)]
    );
}

#[test]
fn time_stamps_that_were_never_sent_are_not_believed() {
    let (first, second) = (source(1, 5), source(2, 85));
    let mut told = second.told();
    for time in &mut told.times {
        time.timestamp = time.timestamp.wrapping_add(1 << 30);
    }
    let parts = (first.arrange(), first.told(), second.arrange());
    let found = align(&[(&parts.0, &parts.1), (&parts.2, &told)]);
    assert_eq!(
        (found[0].by, found[1].by),
        (By::ArrivalAlone, By::ArrivalContradicted)
    );
}

#[test]
fn careless_reports_are_left_aside_and_a_single_wrong_one_does_not_matter() {
    let careless = Source {
        wrong_ms: |number| number * 37 % 90,
        ..source(2, 85)
    };
    let found = aligned(&[source(1, 5), careless]);
    assert_eq!(found[1], (By::ArrivalUnsteady, 0));
    let once = Source {
        wrong_ms: |number| i64::from(number == 4) * 900,
        ..source(2, 85)
    };
    assert_eq!(
        aligned(&[source(1, 5), once]),
        [(By::Rtcp, 0), (By::Rtcp, -80)]
    );
}

#[test]
fn a_wall_clock_that_drifts_does_not_part_streams_of_different_length() {
    fn fast(number: i64) -> i64 {
        number / 2 // half a millisecond in five seconds: 100 parts per million
    }
    let long = Source {
        seconds: 1_800,
        wrong_ms: fast,
        ..source(1, 5)
    };
    let late = Source {
        begins_ms: 1_500_000,
        seconds: 300,
        wrong_ms: |number| fast(number + 300),
        ..source(2, 45)
    };
    let found = aligned(&[long, late]);
    assert_eq!((found[0].0, found[1].0), (By::Rtcp, By::Rtcp));
    let apart = found[1].1 - found[0].1;
    assert!((apart + 40).abs() <= 3, "{found:?}");
}

#[test]
fn one_report_is_no_proof_and_none_is_fine() {
    let one = Source {
        seconds: 9,
        ..source(2, 85)
    };
    assert_eq!(aligned(&[source(1, 5), one])[1], (By::Arrival, 0));
    assert_eq!(align(&[]), []);
    assert_eq!(aligned(&[source(1, 5)]), [(By::ArrivalAlone, 0)]);
}
