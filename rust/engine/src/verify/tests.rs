use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use siprecord_core::ip::Datagram;
use siprecord_core::pcapng::write::{self, Section};

use super::*;
use crate::sender::Impairments;

const FRAME: u64 = 4;
const TOTAL: u64 = 6;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn stream(name: &str, ssrc: u32) -> Sent {
    Sent {
        name: name.to_owned(),
        spec: SendSpec {
            socket: 0,
            destination: address(20_000),
            packets: Packets {
                clip: Arc::from((0..TOTAL * FRAME).map(|at| at as u8).collect::<Vec<u8>>()),
                frame_bytes: FRAME as usize,
                frame_samples: 160,
                payload_type: 0,
                ssrc,
                sequence: 65_533,
                timestamp: u32::MAX,
                first_frame: u64::from(ssrc),
            },
            clock_rate: 8000,
            start_delay: Duration::ZERO,
            total: Some(TOTAL),
            impairments: Impairments::default(),
            key: None,
        },
        sent: TOTAL,
        failed: 0,
    }
}

fn rtp(sent: &Sent, index: u64) -> Vec<u8> {
    let packets = &sent.spec.packets;
    [&packets.header(index)[..], packets.payload(index)].concat()
}

/// A log with the interfaces `1` and `2`, and these packets of them.
struct Log(Vec<u8>);

impl Log {
    fn new() -> Self {
        let mut out = Vec::new();
        let section = Section {
            hardware: "",
            os: "",
            application: "",
            comment: "",
        };
        write::section_header(&mut out, &section);
        write::interface(&mut out, 252, "sip", "");
        write::interface(&mut out, LINK_RAW_IP, "1", "");
        write::interface(&mut out, LINK_RAW_IP, "2", "");
        Self(out)
    }

    fn add(&mut self, interface: u32, payload: &[u8]) {
        let datagram = Datagram {
            source: address(30_000),
            destination: address(20_000),
            payload,
            original: payload.len(),
        };
        write::datagram(&mut self.0, interface, 1, &datagram);
    }

    fn compare(&self, name: &str, streams: &[Sent]) -> Findings {
        let file = format!("siprecord-verify-{}-{name}.pcapng", std::process::id());
        let path = std::env::temp_dir().join(file);
        fs::write(&path, &self.0).expect("a temporary file");
        let findings = verify(&path, streams).expect("a readable log");
        fs::remove_file(&path).expect("the file is there");
        findings
    }
}

fn whole() -> Found {
    Found {
        stored: TOTAL,
        ..Found::default()
    }
}

#[test]
fn a_whole_log_has_every_packet_in_its_place() {
    let streams = [stream("1", 1), stream("2", 2)];
    let mut log = Log::new();
    for index in 0..TOTAL {
        log.add(1, &rtp(&streams[0], index));
        log.add(2, &rtp(&streams[1], index));
    }
    log.add(1, &[0x80, 201, 0, 1, 0, 0, 0, 1]); // a receiver report
    let findings = log.compare("whole", &streams);
    assert_eq!(findings.streams, [whole(), whole()]);
    assert_eq!(findings.foreign, 0);
}

#[test]
fn lost_repeated_and_damaged_packets_are_told_apart() {
    let streams = [stream("1", 1)];
    let mut log = Log::new();
    for index in [0, 1, 1, 3, 4] {
        log.add(1, &rtp(&streams[0], index));
    }
    let mut damaged = rtp(&streams[0], 5);
    damaged[13] ^= 1;
    log.add(1, &damaged);
    let expected = Found {
        stored: 4,
        lost: 2,
        surplus: 1,
        damaged: 1,
    };
    assert_eq!(log.compare("lost", &streams).streams, [expected]);
}

#[test]
fn packets_of_other_streams_and_calls_are_foreign() {
    let streams = [stream("1", 1), stream("2", 2)];
    let mut log = Log::new();
    log.add(1, &rtp(&streams[1], 0)); // the other stream of the call
    log.add(2, &rtp(&stream("2", 9), 0)); // another call
    let findings = log.compare("foreign", &streams);
    assert_eq!(findings.foreign, 2);
    assert!(findings.streams.iter().all(|found| found.lost == TOTAL));
}

#[test]
fn what_was_never_sent_is_not_missed() {
    let mut sent = stream("1", 1);
    sent.spec.impairments = Impairments {
        drop: vec![0],
        duplicate: vec![2, 2],
        delay: vec![(1, Duration::from_millis(50))],
        ..Impairments::default()
    };
    sent.sent = 5; // 2, 2, 2, 3, 1: stopped before 4 and 5
    let mut log = Log::new();
    for index in [2, 2, 2, 3, 1] {
        log.add(1, &rtp(&sent, index));
    }
    let expected = Found {
        stored: 5,
        ..Found::default()
    };
    assert_eq!(log.compare("impaired", &[sent]).streams, [expected]);
}

#[test]
fn packets_that_the_kernel_refused_are_not_missed() {
    let mut sent = stream("1", 1);
    (sent.sent, sent.failed) = (4, 2);
    let mut log = Log::new();
    for index in [0, 2, 5] {
        log.add(1, &rtp(&sent, index));
    }
    let expected = Found {
        stored: 3,
        lost: 1,
        ..Found::default()
    };
    assert_eq!(log.compare("refused", &[sent]).streams, [expected]);
}
