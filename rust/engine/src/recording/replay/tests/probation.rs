//! Deaths before a stream's sender has proved himself: in the end he is followed from his first packet on.

use super::*;
use crate::reader::{media, Media};
use siprecord_core::source::{Decision, Ruling, Source};
use std::net::SocketAddr;

impl Scene {
    /// Packets of this set, from the sender or from somebody else.
    fn send_some(&self, from: &UdpSocket, numbers: std::ops::Range<usize>) {
        let to = self.rtp.local_addr().unwrap();
        numbers.for_each(|number| {
            from.send_to(&self.packets[number], to).unwrap();
        });
    }

    /// How many RTP packets of an address are in the log, and how many of them are in the audio.
    fn own(&self, address: SocketAddr) -> (usize, usize) {
        let mut log = LogReader::open(&self.path, Ending::Final).unwrap();
        let (mut heard, mut decisions) = (Vec::new(), Vec::new());
        while let Some(found) = log.next_block().unwrap() {
            match found.block {
                Block::Packet(packet) => {
                    if let Media::Rtp(found) = media(&packet) {
                        let ssrc = found.packet.ssrc;
                        let source = Source {
                            address: found.source,
                            ssrc,
                        };
                        heard.push((source, packet.time_ns as u64));
                    }
                }
                Block::Custom { data, .. } => decisions.extend(Decision::read(data)),
                _ => {}
            }
        }
        let ruling = Ruling::new(decisions.into_iter().map(|(_, each)| each).collect());
        heard.retain(|(source, _)| source.address == address);
        let own = heard
            .iter()
            .filter(|(source, time_ns)| ruling.admits(*source, *time_ns));
        (heard.len(), own.count())
    }

    /// Lives until so many packets of an address are in the log.
    fn lives_until(&mut self, address: SocketAddr, count: usize) {
        let end = Instant::now() + PATIENCE;
        self.lives(self.work());
        while self.own(address).0 < count && Instant::now() < end {
            self.lives(self.work());
        }
    }
}

/// One packet, a death at each step, the second one, a death at some step, and then more. Answers the steps.
fn killed_on_probation(scene: &mut Scene, stray: bool) -> usize {
    let sender = scene.sender.try_clone().unwrap();
    let address = sender.local_addr().unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut first = 0;
    loop {
        scene.prepare();
        if stray {
            scene.send_some(&other, 0..1);
        }
        scene.send_some(&sender, 0..1);
        let died = scene.dies(first, None);
        scene.send_some(&sender, 1..2);
        let second = first * 7 % 23;
        let _ = scene.dies(second, None);
        scene.send_some(&sender, 2..5);
        scene.lives_until(address, 5);
        let what = format!("killed at steps {first} and {second}");
        assert_eq!(scene.own(address), (5, 5), "{what}");
        if stray {
            assert_eq!(scene.own(other.local_addr().unwrap()), (1, 0), "{what}");
        }
        if !died {
            return first;
        }
        first += 1;
    }
}

#[test]
fn killed_before_the_sender_has_proved_himself_he_is_followed_from_his_first_packet_on() {
    let mut scene = Scene::new("probation");
    assert!(killed_on_probation(&mut scene, false) > 10);
}

#[test]
fn killed_before_that_a_stray_that_came_first_is_not_followed() {
    let mut scene = Scene::new("stray");
    assert!(killed_on_probation(&mut scene, true) > 10);
}

#[test]
fn killed_before_that_the_sender_of_a_protected_stream_is_followed_from_his_first_packet_on() {
    let mut scene = Scene::new("sealed");
    scene.protected = true;
    assert!(killed_on_probation(&mut scene, false) > 10);
}

#[test]
fn of_a_stream_that_was_silent_for_long_the_end_of_the_log_tells_who_was_on_probation() {
    let mut scene = Scene::new("long");
    let sender = scene.sender.try_clone().unwrap();
    let address = sender.local_addr().unwrap();
    scene.prepare();
    let mut log = std::fs::read(&scene.path).unwrap();
    for _ in 0..100 {
        siprecord_core::pcapng::write::custom(&mut log, &[b' '; 1_000]);
    }
    std::fs::write(&scene.path, log).unwrap();
    scene.lives(scene.work());
    scene.send_some(&sender, 0..1);
    scene.lives_until(address, 1);
    assert_eq!(scene.own(address), (1, 0));
    scene.send_some(&sender, 1..3);
    scene.lives_until(address, 3);
    assert_eq!(scene.own(address), (3, 3));
}
