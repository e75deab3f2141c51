//! Logs that end or break anywhere: nothing may panic, and what is whole must be found.

use super::*;
use crate::follow::Progress;
use crate::render::{Codec, Renderer, StreamSpec, RATE};
use siprecord_core::ip::Datagram;
use siprecord_core::pcapng::write;
use std::io::Write;
use std::path::PathBuf;

const START_NS: u64 = 1_700_000_000_000_000_000;

/// A file that goes when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("siprecord-reader-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn write(&self, data: &[u8]) -> &Path {
        std::fs::write(&self.0, data).unwrap();
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn event(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::custom(&mut out, text.as_bytes());
    out
}

fn interface(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let link = if name == "sip" {
        LINK_EXPORTED
    } else {
        LINK_RAW_IP
    };
    write::interface(&mut out, link, name, "{}");
    out
}

/// The packet `number` of a stream of G.711: 10 ms.
fn media_packet(interface: u32, number: u16) -> Vec<u8> {
    let mut rtp = vec![0x80, 0];
    rtp.extend(number.to_be_bytes());
    rtp.extend((u32::from(number) * 80).to_be_bytes());
    rtp.extend([0, 0, 0, 9]);
    rtp.extend([0x55; 80]);
    let address = "192.0.2.1:4000".parse().unwrap();
    let datagram = Datagram {
        source: address,
        destination: address,
        payload: &rtp,
        original: rtp.len(),
    };
    let mut out = Vec::new();
    let time_ns = START_NS + u64::from(number) * 10_000_000;
    write::datagram(&mut out, interface, time_ns, &datagram);
    out
}

/// A small log of two streams, block by block.
fn blocks() -> Vec<Vec<u8>> {
    let mut head = Vec::new();
    write::section_header(&mut head, &write::Section::default());
    let mut blocks = vec![head, interface("sip"), interface("1"), interface("2")];
    blocks.push(event("{\"event\":\"recording.started\"}"));
    for number in 0..2 {
        blocks.push(media_packet(1, number));
        blocks.push(media_packet(2, number));
    }
    blocks.push(event("{\"event\":\"recording.ended\"}"));
    blocks
}

/// How many blocks there are, the last event's text, and the bytes stepped over and left over.
fn read(path: &Path, ending: Ending) -> (usize, String, u64, u64) {
    let mut log = LogReader::open(path, ending).unwrap();
    let (mut count, mut last) = (0, String::new());
    while let Some(found) = log.next_block().unwrap() {
        count += 1;
        if let Block::Custom { data, .. } = found.block {
            last = String::from_utf8_lossy(data)
                .trim_end_matches('\0')
                .trim()
                .into();
        }
    }
    (count, last, log.damaged(), log.left_over())
}

fn spec(interface: u32) -> StreamSpec {
    StreamSpec {
        interface,
        codecs: std::array::from_fn(|number| Codec::by_default(number as u8)),
        known: Vec::new(),
        earlier: Vec::new(),
    }
}

/// Everything that reads logs reads this one to its end.
fn read_in_every_way(path: &Path) {
    let (_, _, damaged, left) = read(path, Ending::Final);
    assert!(damaged + left <= std::fs::metadata(path).unwrap().len());
    read(path, Ending::Growing);
    let _ = crate::survey::survey(path);
    let mut items = ItemReader::open(path, true).unwrap();
    while !items.batch(3, 1_000).unwrap().is_empty() {}
    let mut follower = crate::follow::Follower::open(path).unwrap();
    while follower.read(1_000, &mut Vec::new()).unwrap() != Progress::End {}
    follower.audio(true);
    let mut renderer = Renderer::open(path, &[spec(1), spec(2)]).unwrap();
    assert!(renderer.frames() <= u64::from(RATE) * 8 * 24 * 3_600);
    if renderer.frames() < 1_000_000 {
        while !renderer.read(1_000).unwrap().is_empty() {}
    }
}

#[test]
fn a_log_cut_at_every_byte_is_read_in_every_way() {
    let file = Scratch::new("cut");
    let data = blocks().concat();
    for length in 0..data.len() {
        read_in_every_way(file.write(&data[..length]));
    }
}

#[test]
fn a_log_damaged_at_any_byte_is_read_in_every_way() {
    let file = Scratch::new("damage");
    let data = blocks().concat();
    for at in 0..data.len() {
        let mut changed = data.clone();
        changed[at] = [0, 0xff, data[at] ^ 0x80, data[at].wrapping_add(4)][at % 4];
        read_in_every_way(file.write(&changed));
    }
}

#[test]
fn whatever_byte_of_a_block_is_damaged_the_blocks_behind_it_are_found() {
    let file = Scratch::new("behind");
    let blocks = blocks();
    let first: usize = blocks[..4].iter().map(Vec::len).sum();
    let last = blocks.concat().len() - blocks[blocks.len() - 1].len();
    for at in first..last {
        for flip in [0x01, 0x04, 0x80, 0xff] {
            let mut changed = blocks.concat();
            changed[at] ^= flip;
            let path = file.write(&changed);
            let (count, end, damaged, left) = read(path, Ending::Final);
            assert_eq!(end, "{\"event\":\"recording.ended\"}", "byte {at} ^ {flip}");
            assert!(
                count >= blocks.len() - 1,
                "byte {at} ^ {flip}: {count} blocks"
            );
            assert!(
                damaged <= 160 && left == 0,
                "byte {at} ^ {flip}: {damaged}, {left}"
            );
        }
    }
}

#[test]
fn a_torn_block_hides_nothing_wherever_it_breaks_off() {
    let file = Scratch::new("torn");
    let blocks = blocks();
    for torn in 5..blocks.len() - 1 {
        for kept in 1..blocks[torn].len() {
            let mut parts = blocks.clone();
            parts[torn].truncate(kept);
            let path = file.write(&parts.concat());
            let (count, end, damaged, left) = read(path, Ending::Final);
            assert_eq!(
                (count, end.as_str()),
                (blocks.len() - 1, "{\"event\":\"recording.ended\"}")
            );
            assert_eq!(
                (damaged, left),
                (kept as u64, 0),
                "block {torn} cut to {kept}"
            );
        }
    }
}

#[test]
fn a_growing_log_waits_for_the_rest_of_a_block_unless_two_blocks_prove_that_none_comes() {
    let file = Scratch::new("growing");
    let half = &media_packet(1, 0)[..60];
    let head = blocks()[..4].concat();
    file.write(&[&head[..], half].concat());
    let mut log = LogReader::open(&file.0, Ending::Growing).unwrap();
    let whole = |log: &mut LogReader| {
        let mut count = 0;
        while log.next_block().unwrap().is_some() {
            count += 1;
        }
        (count, log.damaged())
    };
    assert_eq!(whole(&mut log), (4, 0));
    let append = |data: &[u8]| {
        let mut end = std::fs::OpenOptions::new()
            .append(true)
            .open(&file.0)
            .unwrap();
        end.write_all(data).unwrap();
    };
    append(&event("{}"));
    assert_eq!(whole(&mut log), (0, 0));
    append(&event("{}"));
    assert_eq!(whole(&mut log), (2, 60));
    append(half);
    assert_eq!(whole(&mut log), (0, 60));
    append(&media_packet(1, 0)[60..]);
    assert_eq!(whole(&mut log), (1, 60));
}

#[test]
fn a_length_beyond_the_file_costs_one_block() {
    let file = Scratch::new("length");
    let mut parts = blocks();
    let torn = parts[5].len();
    parts[5][4..8].copy_from_slice(&(15_u32 << 20).to_le_bytes());
    let (count, end, damaged, _) = read(file.write(&parts.concat()), Ending::Final);
    assert_eq!(
        (count, end.as_str()),
        (parts.len() - 1, "{\"event\":\"recording.ended\"}")
    );
    assert_eq!(damaged, torn as u64);
}

#[test]
fn packets_of_an_interface_whose_block_was_lost_are_read() {
    let file = Scratch::new("interface");
    let mut parts = blocks();
    parts[3].truncate(20);
    let mut log = LogReader::open(file.write(&parts.concat()), Ending::Final).unwrap();
    let mut found = [0; 3];
    while let Some(located) = log.next_block().unwrap() {
        if let Block::Packet(packet) = located.block {
            assert_eq!(packet.linktype, LINK_RAW_IP);
            found[packet.interface as usize] += 1;
        }
    }
    assert_eq!(found, [0, 2, 2]);
}
