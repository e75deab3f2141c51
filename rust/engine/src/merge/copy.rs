//! One of the two logs, read once: its streams, and the packets of each source.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use siprecord_core::fnv::fnv1a;
use siprecord_core::merge::Track;
use siprecord_core::pcapng::block::LINK_RAW_IP;
use siprecord_core::pcapng::read::{Block, Packet};
use siprecord_core::source::Source;

use super::owners::Owners;
use super::Pause;
use crate::reader::{media, Ending, LogReader, Media};

#[derive(Clone, Debug)]
pub struct Stream {
    pub interface: u32,
    pub name: String,
}

/// The packets of one SSRC on one stream.
#[derive(Debug)]
pub struct StreamTrack {
    pub interface: u32,
    pub packets: Track,
    /// From where its first packet came.
    pub address: SocketAddr,
    /// Where the block of each packet begins in the file, in the order of `packets.packets`.
    pub offsets: Vec<u64>,
}

#[derive(Debug)]
pub struct Copy {
    pub file: File,
    pub path: std::path::PathBuf,
    pub streams: Vec<Stream>,
    pub tracks: Vec<StreamTrack>,
    pub pauses: Vec<Pause>,
    pub owners: Owners,
}

impl Copy {
    pub fn read(path: &Path, pauses: Vec<Pause>) -> io::Result<Self> {
        let mut copy = Self {
            file: File::open(path)?,
            path: path.to_owned(),
            streams: Vec::new(),
            tracks: Vec::new(),
            pauses,
            owners: Owners::read(path)?,
        };
        let mut log = LogReader::open(path, Ending::Final)?;
        let mut tracks = HashMap::new();
        while let Some(located) = log.next_block()? {
            match located.block {
                Block::Interface(found) if found.linktype == LINK_RAW_IP => {
                    copy.streams.push(Stream {
                        interface: found.index,
                        name: String::from_utf8_lossy(found.name).into_owned(),
                    });
                }
                Block::Packet(packet) if packet.linktype == LINK_RAW_IP => {
                    copy.take(&packet, located.offset, &mut tracks);
                }
                _ => {}
            }
        }
        Ok(copy)
    }

    fn take(&mut self, packet: &Packet<'_>, offset: u64, tracks: &mut HashMap<(u32, u32), usize>) {
        let Media::Rtp(view) = media(packet) else {
            return;
        };
        let rtp = view.packet;
        let source = Source {
            address: view.source,
            ssrc: rtp.ssrc,
        };
        if !self.owners.own(packet.interface, source, packet.time_ns) {
            return;
        }
        let number = *tracks
            .entry((packet.interface, rtp.ssrc))
            .or_insert_with(|| {
                self.tracks.push(StreamTrack {
                    interface: packet.interface,
                    packets: Track::new(rtp.ssrc),
                    address: view.source,
                    offsets: Vec::new(),
                });
                self.tracks.len() - 1
            });
        let track = &mut self.tracks[number];
        let print = fnv1a(rtp.payload) ^ u64::from(rtp.payload_type);
        (track.packets).push(rtp.sequence, rtp.timestamp, print, packet.time_ns);
        track.offsets.push(offset);
    }

    pub fn name(&self, interface: u32) -> String {
        let found = self
            .streams
            .iter()
            .find(|stream| stream.interface == interface);
        found.map(|stream| stream.name.clone()).unwrap_or_default()
    }

    pub fn has_packets(&self, interface: u32) -> bool {
        self.tracks.iter().any(|track| track.interface == interface)
    }

    pub fn paused(&self, interface: u32, at_ns: i64) -> bool {
        let covers = |pause: &Pause| {
            pause.interface == interface && pause.from_ns <= at_ns && at_ns < pause.to_ns
        };
        self.pauses.iter().any(covers)
    }
}
