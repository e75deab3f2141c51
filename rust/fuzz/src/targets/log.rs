//! Capture logs, as bytes and as files.

use std::path::PathBuf;

use siprecord_core::ip::Datagram;
use siprecord_core::pcapng::block::{LINK_EXPORTED, LINK_RAW_IP};
use siprecord_core::pcapng::read::{parse_upper_pdu, Block, Frame, Limits, Parser, Resync};
use siprecord_core::pcapng::write;
use siprecord_engine::reader::{media, Ending, ItemReader, LogReader};
use siprecord_engine::survey::survey;

use super::{outcome, rtp_packet, Outcome, Target};

fn sip_block() -> Vec<u8> {
    let mut out = Vec::new();
    let message = write::SipMessage {
        source: "192.0.2.1:5060".parse().expect("an address"),
        destination: "[2001:db8::1]:5060".parse().expect("an address"),
        transport: write::Transport::Tcp,
        inbound: true,
        data: b"BYE sip:a@b SIP/2.0\r\n\r\n",
    };
    write::sip(&mut out, 0, 1_700_000_000_000_000_000, &message);
    out
}

fn sample() -> Vec<u8> {
    let mut out = Vec::new();
    write::section_header(&mut out, &write::Section::default());
    write::interface(&mut out, LINK_EXPORTED, "sip", "");
    write::interface(&mut out, LINK_RAW_IP, "1", "{}");
    out.extend(sip_block());
    write::custom(&mut out, b"{\"event\":\"recording.started\"}");
    let address = "192.0.2.1:4000".parse().expect("an address");
    for number in 0..3_u16 {
        let packet = rtp_packet(number, u32::from(number) * 20, &[0x55; 20]);
        let datagram = Datagram {
            source: address,
            destination: address,
            payload: &packet,
            original: packet.len(),
        };
        let time_ns = 1_700_000_000_000_000_000 + u64::from(number) * 20_000_000;
        write::datagram(&mut out, 1, time_ns, &datagram);
    }
    out
}

fn big_endian() -> Vec<u8> {
    let mut out = vec![
        0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0,
    ];
    out.extend([0xff; 8]);
    out.extend([0, 0, 0, 28]);
    out.extend([
        0, 0, 0, 1, 0, 0, 0, 32, 0, 101, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0x86, 0, 0, 0,
    ]);
    out.extend([0, 0, 0, 0, 0, 0, 0, 32]);
    out.extend([0, 0, 0, 3, 0, 0, 0, 20, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 20]);
    out
}

/// A SIP packet with its tags.
pub struct Tags;

impl Target for Tags {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let block = sip_block();
        vec![block[28..block.len() - 4].to_vec()]
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        parse_upper_pdu(input).map_or(outcome(&[0, input.len().min(64)]), |found| {
            assert!(found.data.len() <= input.len());
            outcome(&[1, found.data.len(), usize::from(found.source.is_ipv6())])
        })
    }
}

/// The parser, block by block.
pub struct Blocks;

impl Target for Blocks {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![sample(), big_endian(), [sample(), big_endian()].concat()]
    }

    fn longest(&self) -> usize {
        4_096
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        let mut parser = Parser::new(Limits::default());
        let (mut at, mut whole, mut damaged, mut kinds) = (0, 0, 0, 0);
        while at < input.len() {
            match parser.frame(&input[at..]) {
                Frame::Whole(length) => {
                    assert!(length >= 12 && at + length <= input.len());
                    kinds |= kind(parser.decode(&input[at..at + length]), length);
                    at += length;
                    whole += 1;
                }
                Frame::NeedMore(length) => {
                    assert!(length > input.len() - at);
                    break;
                }
                Frame::Damaged => match parser.resync(&input[at + 1..], true) {
                    Resync::Found(offset) => {
                        parser.resume();
                        at += 1 + offset;
                        damaged += 1;
                    }
                    Resync::KeepFrom(offset) => {
                        assert!(at + 1 + offset <= input.len());
                        break;
                    }
                },
            }
        }
        outcome(&[whole, damaged, 1 << kinds])
    }
}

fn kind(block: Block<'_>, length: usize) -> usize {
    match block {
        Block::Section => 1,
        Block::Interface(found) => {
            assert!(found.name.len() + found.description.len() <= length);
            2
        }
        Block::Packet(packet) => {
            assert!(packet.data_at + packet.data.len() <= length);
            assert!(packet.time_ns >= 0);
            media(&packet);
            4
        }
        Block::Custom { data, .. } => {
            assert!(data.len() < length);
            8
        }
        Block::Other => 16,
    }
}

/// A file, through everything that reads one.
pub struct File {
    path: PathBuf,
}

impl File {
    pub fn new() -> Self {
        let shared = PathBuf::from("/dev/shm");
        let folder = if shared.is_dir() {
            shared
        } else {
            std::env::temp_dir()
        };
        let thread = format!("{:?}", std::thread::current().id());
        let name = format!("siprecord-fuzz-{}-{}", std::process::id(), thread.len());
        let unique = thread
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<String>();
        Self {
            path: folder.join(format!("{name}-{unique}")),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Target for File {
    fn seeds(&self) -> Vec<Vec<u8>> {
        Blocks.seeds()
    }

    fn longest(&self) -> usize {
        4_096
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        std::fs::write(&self.path, input).expect("a file that can be written");
        let mut counts = [0; 2];
        for (ending, count) in [Ending::Final, Ending::Growing]
            .into_iter()
            .zip(&mut counts)
        {
            let mut log = LogReader::open(&self.path, ending).expect("the file");
            while log.next_block().expect("a file that can be read").is_some() {
                *count += 1;
            }
            assert!(log.damaged() <= log.position());
            assert!(log.position() + log.left_over() <= input.len() as u64);
        }
        assert!(
            counts[1] <= counts[0],
            "a growing log shows no more than a finished one"
        );
        let mut items = ItemReader::open(&self.path, true).expect("the file");
        while !items.batch(8, 1_000).expect("a file").is_empty() {}
        let surveyed = survey(&self.path);
        if let Ok(found) = &surveyed {
            assert!(found.whole <= found.length);
        }
        outcome(&[counts[0], counts[1], usize::from(surveyed.is_ok())])
    }
}
