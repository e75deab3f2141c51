//! The merged log: the first copy's blocks, with the second's packets between them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;

use siprecord_core::ip;
use siprecord_core::pcapng::block::LINK_RAW_IP;
use siprecord_core::pcapng::read::{Block, Limits, Packet, Parser};
use siprecord_core::pcapng::write as blocks;
use siprecord_core::source::Source;

use super::pairs::Link;
use super::Merge;
use crate::reader::{media, Ending, LogReader, Media};

/// One packet that only the second copy has.
#[derive(Clone, Copy, Debug)]
pub struct Addition {
    pub interface: u32,
    /// By the first copy's clock.
    time_ns: i64,
    /// Where its block begins in the second copy.
    offset: u64,
    link: Link,
    /// Left out: the first copy was paused then.
    pub withheld: bool,
    ssrc: u32,
    /// Where the first copy's stream came from; none: as in the second copy.
    address: Option<SocketAddr>,
}

impl Addition {
    /// The sender that the first copy would have heard; `theirs` is the second's.
    fn source(&self, theirs: SocketAddr) -> Source {
        let known = self
            .address
            .filter(|address| address.is_ipv4() == theirs.is_ipv4());
        Source {
            address: known.unwrap_or(theirs),
            ssrc: self.ssrc,
        }
    }
}

impl Merge {
    /// Writes the merged log to `path`, which must not be there yet; `events` are JSON texts, put at the end.
    pub fn write(&self, path: &Path, events: &[Vec<u8>]) -> io::Result<()> {
        let file = File::options().write(true).create_new(true).open(path)?;
        let mut out = Writer {
            merge: self,
            out: BufWriter::with_capacity(1 << 20, file),
            additions: self.ordered().into_iter().peekable(),
            held: Vec::new(),
            adopted: HashSet::new(),
            parser: self.second_parser()?,
        };
        out.copy_first()?;
        out.finish(events)
    }

    fn ordered(&self) -> Vec<Addition> {
        let mut additions: Vec<Addition> = self.additions().filter(|each| !each.withheld).collect();
        additions.sort_by_key(|addition| addition.time_ns);
        additions
    }

    /// What only the second copy has, in no special order.
    pub(super) fn additions(&self) -> impl Iterator<Item = Addition> + '_ {
        let linked = self.pairs.links.iter().zip(&self.second.tracks);
        linked
            .filter_map(|(link, track)| Some((link.as_ref()?, track)))
            .flat_map(move |(link, track)| {
                let mine = link.track.map(|number| &self.first.tracks[number]);
                let missing = move |sequence: i64| {
                    mine.is_none_or(|mine| {
                        mine.packets.at(sequence + link.relation.sequence).is_none()
                    })
                };
                let each = track.packets.packets.iter().zip(&track.offsets);
                each.filter(move |(seen, _)| missing(seen.sequence))
                    .map(move |(seen, offset)| {
                        let time_ns = seen.arrival_ns - self.pairs.offset_ns;
                        Addition {
                            interface: link.interface,
                            time_ns,
                            offset: *offset,
                            link: *link,
                            withheld: self.first.paused(link.interface, time_ns),
                            ssrc: mine.map_or(track.packets.ssrc, |mine| mine.packets.ssrc),
                            address: mine
                                .map(|mine| mine.address)
                                .or_else(|| self.first.owners.address(link.interface)),
                        }
                    })
            })
    }

    /// Whether the second copy was paused on the stream that belongs to `interface` of the first.
    pub(super) fn second_paused(&self, interface: u32, time_ns: i64) -> bool {
        let linked = self.pairs.links.iter().zip(&self.second.tracks);
        linked
            .filter(|(link, _)| link.is_some_and(|link| link.interface == interface))
            .any(|(_, track)| {
                self.second
                    .paused(track.interface, time_ns + self.pairs.offset_ns)
            })
    }

    /// A parser that knows the second copy's interfaces, to decode single blocks with.
    fn second_parser(&self) -> io::Result<Parser> {
        let mut log = LogReader::open(&self.second.path, Ending::Final)?;
        while log.next_block()?.is_some() {}
        Ok(log.into_parser())
    }
}

struct Writer<'a> {
    merge: &'a Merge,
    out: BufWriter<File>,
    additions: std::iter::Peekable<std::vec::IntoIter<Addition>>,
    /// Events since the last packet: the last ones tell the end, and stay there.
    held: Vec<u8>,
    parser: Parser,
    /// Senders that are told of already.
    adopted: HashSet<(u32, Source)>,
}

impl Writer<'_> {
    fn copy_first(&mut self) -> io::Result<()> {
        let first = &self.merge.first;
        let mut log = LogReader::open(&first.path, Ending::Final)?;
        while let Some(located) = log.next_block()? {
            let offset = located.offset;
            let (event, time_ns, kept) = match &located.block {
                Block::Custom { .. } => (true, None, true),
                Block::Packet(packet) => (false, Some(packet.time_ns), self.keeps(packet)),
                _ => (false, None, true),
            };
            let mut block = vec![0; (log.position() - offset) as usize];
            first.file.read_exact_at(&mut block, offset)?;
            if event {
                self.held.extend_from_slice(&block);
                continue;
            }
            self.release()?;
            if let Some(time_ns) = time_ns {
                self.add_until(time_ns)?;
            }
            if kept {
                self.out.write_all(&block)?;
            }
        }
        Ok(())
    }

    /// Whether a packet of the first copy stays: the second copy's pauses hold for it too.
    fn keeps(&self, packet: &Packet<'_>) -> bool {
        let paused = packet.linktype == LINK_RAW_IP
            && self.merge.second_paused(packet.interface, packet.time_ns);
        !(paused && matches!(media(packet), Media::Rtp(_)))
    }

    fn release(&mut self) -> io::Result<()> {
        self.out.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }

    fn add_until(&mut self, time_ns: i64) -> io::Result<()> {
        while let Some(addition) = self.additions.next_if(|next| next.time_ns <= time_ns) {
            self.add(&addition)?;
        }
        Ok(())
    }

    fn add(&mut self, addition: &Addition) -> io::Result<()> {
        let mut head = [0; 8];
        let file = &self.merge.second.file;
        file.read_exact_at(&mut head, addition.offset)?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if length > Limits::default().max_block {
            return Err(changed());
        }
        let mut block = vec![0; length];
        file.read_exact_at(&mut block, addition.offset)?;
        let Block::Packet(packet) = self.parser.decode(&block) else {
            return Err(changed());
        };
        let datagram = ip::parse(packet.data).map_err(|_| changed())?;
        let mut payload = datagram.payload.to_vec();
        renumber(&mut payload, addition).ok_or_else(changed)?;
        let mut bytes = Vec::with_capacity(block.len());
        let moved = ip::Datagram {
            payload: &payload,
            source: addition.source(datagram.source).address,
            ..datagram
        };
        self.adopt(addition, moved.source, &mut bytes);
        let time_ns = u64::try_from(addition.time_ns).unwrap_or(0);
        blocks::datagram(&mut bytes, addition.interface, time_ns, &moved);
        self.out.write_all(&bytes)
    }

    /// Says that a packet is the stream's own, where the first copy knows nothing of its sender; once for each.
    fn adopt(&mut self, addition: &Addition, address: SocketAddr, bytes: &mut Vec<u8>) {
        let source = addition.source(address);
        let owners = &self.merge.first.owners;
        if self.adopted.contains(&(addition.interface, source)) {
            return;
        }
        if let Some(event) = owners.adopt(addition.interface, source, addition.time_ns) {
            blocks::custom(bytes, event.as_bytes());
            self.adopted.insert((addition.interface, source));
        }
    }

    fn finish(mut self, events: &[Vec<u8>]) -> io::Result<()> {
        self.add_until(i64::MAX)?;
        let mut bytes = Vec::new();
        events
            .iter()
            .for_each(|event| blocks::custom(&mut bytes, event));
        self.out.write_all(&bytes)?;
        self.release()?;
        let file = self
            .out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }
}

/// Gives an RTP packet the first copy's numbers (RFC 3550 section 5.1).
fn renumber(rtp: &mut [u8], addition: &Addition) -> Option<()> {
    let relation = addition.link.relation;
    let head: &mut [u8; 12] = rtp.first_chunk_mut()?;
    let sequence = u16::from_be_bytes([head[2], head[3]]).wrapping_add(relation.sequence as u16);
    let timestamp = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    head[2..4].copy_from_slice(&sequence.to_be_bytes());
    head[4..8].copy_from_slice(&timestamp.wrapping_add(relation.timestamp).to_be_bytes());
    head[8..12].copy_from_slice(&addition.ssrc.to_be_bytes());
    Some(())
}

fn changed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the second log changed while it was read",
    )
}
