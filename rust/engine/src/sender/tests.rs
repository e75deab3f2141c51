use std::net::{Ipv4Addr, UdpSocket};

use siprecord_srtp::Suite;

use super::*;
use crate::testing::PATIENCE;

const FRAME: Duration = Duration::from_millis(2);

struct Peer {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Peer {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let address = socket.local_addr().expect("an address");
        Self { socket, address }
    }

    fn sequence_numbers(&self, count: usize) -> Vec<u16> {
        let mut buffer = [0; 2048];
        let mut next = || {
            let length = self.socket.recv(&mut buffer).expect("a packet");
            assert!(length > 12);
            u16::from_be_bytes([buffer[2], buffer[3]])
        };
        (0..count).map(|_| next()).collect()
    }
}

fn spec(socket: usize, peer: &Peer) -> SendSpec {
    SendSpec {
        socket,
        destination: peer.address,
        packets: Packets {
            clip: Arc::from(vec![0xff; 16 * 5]),
            frame_bytes: 16,
            frame_samples: 16,
            payload_type: 0,
            ssrc: 7,
            sequence: 100,
            timestamp: 0,
            first_frame: 0,
        },
        clock_rate: 8000,
        start_delay: Duration::ZERO,
        total: Some(5),
        impairments: Impairments::default(),
        key: None,
    }
}

fn sender() -> (RtpSender, usize) {
    let sender = RtpSender::new(Duration::from_micros(500));
    let (socket, port) = sender
        .bind(Ipv4Addr::LOCALHOST.into(), 0)
        .expect("a free pair");
    assert!(port > 0);
    (sender, socket)
}

#[test]
fn packets_leave_in_order_and_not_before_their_time() {
    let (sender, socket) = sender();
    let peer = Peer::new();
    let numbers = sender
        .add(vec![spec(socket, &peer)])
        .expect("a good specification");
    assert!(!sender.wait(Some(Duration::from_millis(1))));
    let before = Instant::now();
    sender.start().expect("a thread");
    assert!(sender.wait(Some(PATIENCE)));
    assert!(before.elapsed() >= FRAME * 4);
    assert_eq!(peer.sequence_numbers(5), [100, 101, 102, 103, 104]);
    let done = Progress {
        sent: 5,
        failed: 0,
        done: true,
    };
    assert_eq!(sender.progress_of(numbers[0]), Some(done));
}

#[test]
fn streams_join_while_others_run_and_can_be_stopped() {
    let (sender, socket) = sender();
    let (one, other) = (Peer::new(), Peer::new());
    sender.start().expect("a thread");
    let endless = SendSpec {
        total: None,
        ..spec(socket, &one)
    };
    let first = sender.add(vec![endless]).expect("a good specification");
    assert_eq!(one.sequence_numbers(8).len(), 8);
    sender
        .add(vec![spec(socket, &other)])
        .expect("a good specification");
    assert_eq!(other.sequence_numbers(5), [100, 101, 102, 103, 104]);
    sender.stop_streams(&first);
    assert!(sender.wait(Some(PATIENCE)));
    assert!(sender.progress().iter().all(|progress| progress.done));
}

#[test]
fn scripted_faults_reach_the_wire() {
    let (sender, socket) = sender();
    let peer = Peer::new();
    let impairments = Impairments {
        drop: vec![1],
        duplicate: vec![3],
        delay: vec![(2, FRAME * 5)],
        ..Impairments::default()
    };
    let spec = SendSpec {
        impairments,
        ..spec(socket, &peer)
    };
    sender.add(vec![spec]).expect("a good specification");
    sender.start().expect("a thread");
    assert_eq!(peer.sequence_numbers(5), [100, 103, 103, 104, 102]);
}

#[test]
fn stopping_ends_everything_at_once() {
    let (sender, socket) = sender();
    let peer = Peer::new();
    let endless = SendSpec {
        total: None,
        start_delay: Duration::from_secs(3600),
        ..spec(socket, &peer)
    };
    sender
        .add(vec![endless.clone()])
        .expect("a good specification");
    sender.start().expect("a thread");
    sender.stop();
    assert!(sender.wait(None));
    sender.add(vec![endless]).expect("a good specification");
    assert!(sender.progress().iter().all(|progress| progress.done));
}

#[test]
fn stopping_before_the_start_counts_as_done() {
    let (sender, socket) = sender();
    let peer = Peer::new();
    let numbers = sender
        .add(vec![spec(socket, &peer), spec(socket, &peer)])
        .expect("good specifications");
    sender.stop_streams(&numbers[..1]);
    assert!(sender.progress()[0].done);
    assert!(!sender.wait(Some(Duration::ZERO)));
    sender.stop();
    assert!(sender.wait(None));
}

#[test]
fn senseless_specifications_are_refused() {
    let (sender, socket) = sender();
    let peer = Peer::new();
    let good = spec(socket, &peer);
    let mut empty = good.clone();
    empty.packets.clip = Arc::from(Vec::new());
    let bad = [
        SendSpec {
            socket: 9,
            ..good.clone()
        },
        SendSpec {
            clock_rate: 0,
            ..good.clone()
        },
        empty,
    ];
    for spec in bad {
        assert!(sender.add(vec![good.clone(), spec]).is_err());
    }
    assert!(sender.progress().is_empty());
}

#[test]
fn protected_packets_are_opened_by_who_has_the_key() {
    let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &[1; 16], &[2; 14]).expect("a key");
    let (sender, socket) = sender();
    let peer = Peer::new();
    let protected = SendSpec {
        key: Some(key.clone()),
        ..spec(socket, &peer)
    };
    let mut receiver = siprecord_srtp::Receiver::new(vec![key]);
    sender
        .add(vec![protected.clone()])
        .expect("a good specification");
    sender.start().expect("a thread");
    assert!(sender.wait(Some(Duration::from_secs(10))));
    for index in 0..5 {
        let mut buffer = [0; 2048];
        let length = peer.socket.recv(&mut buffer).expect("a packet");
        assert_eq!(length, 12 + 16 + 10);
        let mut clear = Vec::new();
        let opened = receiver.open_media(&buffer[..length], 0, &mut clear);
        assert_eq!(opened, Ok(()));
        let packets = &protected.packets;
        assert_eq!(
            clear,
            [&packets.header(index)[..], packets.payload(index)].concat()
        );
    }
}
