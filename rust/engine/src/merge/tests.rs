use std::path::PathBuf;

use siprecord_core::ip::Datagram;
use siprecord_core::pcapng::block::{LINK_EXPORTED, LINK_RAW_IP};
use siprecord_core::pcapng::write::{custom, datagram, interface, section_header, Section};

use super::*;
use crate::reader::{Item, ItemReader};

const MILLISECOND: i64 = 1_000_000;
const START: i64 = 1_700_000_000_000_000_000;

/// One recorder's view of one call.
struct View {
    name: &'static str,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    ahead_ms: i64,
    numbers: Vec<u16>,
}

impl View {
    fn log(&self, test: &str) -> Log {
        let mut out = Vec::new();
        section_header(&mut out, &Section::default());
        interface(&mut out, LINK_EXPORTED, "sip", "");
        interface(&mut out, LINK_RAW_IP, "1", "");
        custom(&mut out, br#"{"event":"recording.started"}"#);
        for number in &self.numbers {
            let time = START + (i64::from(*number) * 20 + self.ahead_ms) * MILLISECOND;
            let payload = self.rtp(*number);
            let packet = Datagram {
                source: "192.0.2.1:4000".parse().unwrap(),
                destination: "198.51.100.1:5000".parse().unwrap(),
                payload: &payload,
                original: payload.len(),
            };
            datagram(&mut out, 1, time as u64, &packet);
        }
        custom(&mut out, br#"{"event":"recording.ended"}"#);
        Log::new(&format!("{test}-{}", self.name), &out)
    }

    fn rtp(&self, number: u16) -> Vec<u8> {
        let mut out = vec![0x80, 0];
        out.extend_from_slice(&self.sequence.wrapping_add(number).to_be_bytes());
        let timestamp = self.timestamp.wrapping_add(u32::from(number) * 160);
        out.extend_from_slice(&timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend((0..160_u32).map(|at| (u32::from(number) * 31 + at) as u8));
        out.extend_from_slice(&number.to_be_bytes());
        out
    }
}

/// A file of a test, removed with it.
struct Log(PathBuf);

impl Log {
    fn new(name: &str, data: &[u8]) -> Self {
        let name = format!("siprecord-merge-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, data).unwrap();
        Self(path)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn view(name: &'static str, numbers: impl IntoIterator<Item = u16>) -> View {
    View {
        name,
        ssrc: 7,
        sequence: 65_500,
        timestamp: 1_000,
        ahead_ms: 0,
        numbers: numbers.into_iter().collect(),
    }
}

/// Datagrams with their times, and events in the order of the file.
fn written(merge: &Merge, name: &str, events: &[Vec<u8>]) -> (Vec<(i64, Vec<u8>)>, Vec<String>) {
    let out = Log::new(name, b"");
    std::fs::remove_file(&out.0).unwrap();
    merge.write(&out.0, events).unwrap();
    let mut reader = ItemReader::open(&out.0, true).unwrap();
    let (mut packets, mut texts) = (Vec::new(), Vec::new());
    for item in reader.batch(usize::MAX, usize::MAX).unwrap() {
        match item {
            Item::Datagram {
                time_ns, payload, ..
            } => packets.push((time_ns, payload)),
            Item::Event { json, .. } => {
                texts.push(String::from_utf8(json).unwrap().trim().to_owned())
            }
            _ => {}
        }
    }
    assert_eq!((reader.log.damaged(), reader.log.left_over()), (0, 0));
    (packets, texts)
}

#[test]
fn r7_what_is_lost_in_the_end_is_what_both_lost() {
    let lost = |step: u16| move |number: &u16| number % step != 0;
    let first = view("a", (1..200).filter(lost(3)));
    let second = View {
        ssrc: 99,
        sequence: 10,
        timestamp: 4_000_000_000,
        ahead_ms: 1_500,
        ..view("b", (1..200).filter(lost(5)))
    };
    let (one, other) = (first.log("r7"), second.log("r7"));
    let merge = Merge::new(&one.0, &other.0, [vec![], vec![]]).unwrap();
    let report = merge.report();
    let counts = &report.streams[0];
    assert_eq!(
        (counts.both, counts.only_first, counts.only_second),
        (107, 26, 53)
    );
    assert_eq!((counts.differing, counts.withheld), (0, 0));
    assert_eq!(
        (report.offset_ns, report.shared),
        (1_500 * MILLISECOND, 107)
    );
    assert_eq!(report.unmatched, []);

    let (packets, events) = written(&merge, "r7-out", &[b"{\"event\":\"merged\"}".to_vec()]);
    let wanted: Vec<(i64, Vec<u8>)> = (1..200)
        .filter(|number| number % 15 != 0)
        .map(|number| {
            (
                START + i64::from(number) * 20 * MILLISECOND,
                first.rtp(number),
            )
        })
        .collect();
    assert_eq!(packets, wanted);
    let names = ["recording.started", "merged", "recording.ended"];
    assert_eq!(
        events,
        names.map(|name| format!("{{\"event\":\"{name}\"}}"))
    );
}

#[test]
fn r7_a_copy_that_broke_off_is_continued_by_the_other() {
    let (one, other) = (view("a", 0..50).log("off"), view("b", 60..100).log("off"));
    let merge = Merge::new(&one.0, &other.0, [vec![], vec![]]).unwrap();
    let counts = &merge.report().streams[0];
    assert_eq!(
        (counts.both, counts.only_first, counts.only_second),
        (0, 50, 40)
    );
    let (packets, _) = written(&merge, "off-out", &[]);
    assert_eq!(packets.len(), 90);
}

#[test]
fn r7_another_call_is_not_mixed_in() {
    let stranger = View {
        ssrc: 8,
        ..view("b", 1_000..1_100)
    };
    let (one, other) = (view("a", 0..100).log("not"), stranger.log("not"));
    let merge = Merge::new(&one.0, &other.0, [vec![], vec![]]).unwrap();
    let report = merge.report();
    assert_eq!(report.streams[0].only_first, 100);
    assert_eq!(report.unmatched.len(), 1);
    let alone = &report.unmatched[0];
    assert_eq!(
        (alone.ssrc, alone.packets, alone.name.as_str()),
        (8, 100, "1")
    );
    assert_eq!(written(&merge, "not-out", &[]).0.len(), 100);
}

#[test]
fn r7_a_stream_that_one_copy_never_heard_is_taken_whole() {
    let (one, other) = (view("a", []).log("deaf"), view("b", 0..100).log("deaf"));
    let merge = Merge::new(&one.0, &other.0, [vec![], vec![]]).unwrap();
    assert_eq!(merge.report().streams[0].only_second, 100);
    assert_eq!(written(&merge, "deaf-out", &[]).0.len(), 100);
}

#[test]
fn r7_a_pause_of_either_copy_covers_both() {
    let pause = |from: i64, to: i64| Pause {
        interface: 1,
        from_ns: START + from * 20 * MILLISECOND,
        to_ns: START + to * 20 * MILLISECOND,
    };
    let first = view("a", (0..100).filter(|number| !(20..30).contains(number)));
    let second = view("b", (0..100).filter(|number| !(50..70).contains(number)));
    let (one, other) = (first.log("pause"), second.log("pause"));
    let pauses = [vec![pause(20, 30)], vec![pause(50, 70)]];
    let merge = Merge::new(&one.0, &other.0, pauses).unwrap();
    assert_eq!(merge.report().streams[0].withheld, 30);
    let (packets, _) = written(&merge, "pause-out", &[]);
    let kept = (0..100).filter(|number| !(20..30).contains(number) && !(50..70).contains(number));
    let wanted: Vec<Vec<u8>> = kept.map(|number| first.rtp(number)).collect();
    assert_eq!(
        packets.into_iter().map(|(_, rtp)| rtp).collect::<Vec<_>>(),
        wanted
    );
}

#[test]
fn an_existing_file_is_not_written_over() {
    let (one, other) = (view("a", 0..20).log("over"), view("b", 0..20).log("over"));
    let merge = Merge::new(&one.0, &other.0, [vec![], vec![]]).unwrap();
    let error = merge.write(&one.0, &[]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
}
