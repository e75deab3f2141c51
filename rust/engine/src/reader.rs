//! Reads a capture log from its file, block by block, through one bounded buffer.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::known::Interface;
use siprecord_core::pcapng::block::{ENTERPRISE, LINK_EXPORTED, LINK_RAW_IP};
use siprecord_core::pcapng::read::{
    parse_upper_pdu, Block, Frame, Limits, Packet, Parser, Resync, Transport,
};
use siprecord_core::{ip, rtcp, rtp};

/// Bytes that are read at once, and the buffer's size unless a block is larger.
const CHUNK: usize = 256 * 1024;

/// Whether the end of the file is the end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nobody writes any more.
    Final,
    /// More may come: half a block at the end is no damage yet.
    Growing,
}

/// One block and where it begins in the file.
#[derive(Debug)]
pub struct Located<'a> {
    pub offset: u64,
    /// The first interface of the current section (see [`Parser::interface_base`]).
    pub base: u32,
    pub block: Block<'a>,
}

/// A log file being read.
#[derive(Debug)]
pub struct LogReader {
    file: File,
    path: PathBuf,
    parser: Parser,
    ending: Ending,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    position: u64,
    damaged: u64,
    /// In the middle of damage: what lies at the start of the buffer is known to be no block.
    lost: bool,
}

impl LogReader {
    pub fn open(path: &Path, ending: Ending) -> io::Result<Self> {
        Self::open_at(path, ending, 0, &[])
    }

    /// Begins with the block at `position`, in a log of our own with these interfaces.
    pub fn open_at(
        path: &Path,
        ending: Ending,
        position: u64,
        known: &[Interface],
    ) -> io::Result<Self> {
        let limits = Limits::default();
        let before = known.iter().filter(|each| each.offset < position);
        let parser = match position {
            0 => Parser::new(limits),
            _ => Parser::within_section(limits, before.map(|each| each.known.link_type)),
        };
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(position))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            parser,
            ending,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            position,
            damaged: 0,
            lost: false,
        })
    }

    /// The next whole block; nothing at the end of what the file holds by now. A growing log may be asked again.
    pub fn next_block(&mut self) -> io::Result<Option<Located<'_>>> {
        let length = loop {
            if self.lost && !self.step_over_damage()? {
                return Ok(None);
            }
            match self.parser.frame(&self.buffer[self.start..self.end]) {
                Frame::Whole(length) => break length,
                Frame::NeedMore(length) => {
                    if !self.fill(length)? {
                        if !self.is_overrun() {
                            return Ok(None);
                        }
                        self.lost = true;
                    }
                }
                Frame::Damaged => self.lost = true,
            }
        };
        let (from, offset) = (self.start, self.position);
        self.advance(length);
        let block = self.parser.decode(&self.buffer[from..from + length]);
        Ok(Some(Located {
            offset,
            base: self.parser.interface_base(),
            block,
        }))
    }

    /// Bytes read past the last whole block: half a block, or what damage left behind.
    pub fn left_over(&self) -> u64 {
        (self.end - self.start) as u64
    }

    /// Bytes that were stepped over because they are no block.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The parser, which knows the interfaces that have been read.
    pub fn into_parser(self) -> Parser {
        self.parser
    }

    /// How far the file has been read: whole blocks and stepped-over damage.
    pub fn position(&self) -> u64 {
        self.position
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
        self.position += count as u64;
    }

    /// Makes `needed` bytes available; false when the file does not have them now.
    fn fill(&mut self, needed: usize) -> io::Result<bool> {
        self.make_room(needed)?;
        let room = self.buffer.len() - self.start;
        while self.end - self.start < needed.min(room) {
            match self.file.read(&mut self.buffer[self.end..]) {
                Ok(0) if self.ending == Ending::Growing && self.reopen()? => {}
                Ok(0) => return Ok(false),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(needed <= room)
    }

    /// Makes the buffer large enough, but never much larger than what is left of the file: lengths may be damaged.
    fn make_room(&mut self, needed: usize) -> io::Result<()> {
        if self.start + needed <= self.buffer.len() {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < needed {
            let left = self.file.metadata()?.len().saturating_sub(self.position);
            let useful = needed.min(usize::try_from(left).unwrap_or(needed));
            // Twice as much, so that bytes are not moved again for each of many small blocks.
            let size = (2 * useful).next_multiple_of(CHUNK);
            self.buffer.resize(size.max(self.buffer.len()), 0);
        }
        Ok(())
    }

    /// Whether the file ends in a block that will never be whole, as later blocks lie where its rest should be.
    ///
    /// A crash on a bad disk leaves that behind, or a length that was damaged. In a growing log the block may be
    /// in the middle of being written, whatever its content looks like, so there two blocks must follow.
    fn is_overrun(&self) -> bool {
        let data = self.buffer.get(self.start + 1..self.end);
        let data = data.unwrap_or_default();
        let Resync::Found(found) = self.parser.resync(data, true) else {
            return false;
        };
        match self.parser.frame(&data[found..]) {
            Frame::Whole(length) if self.ending == Ending::Growing => {
                matches!(self.parser.frame(&data[found + length..]), Frame::Whole(_))
            }
            _ => true,
        }
    }

    /// A log that was deleted is restored as another file of the same content; false when there is none.
    fn reopen(&mut self) -> io::Result<bool> {
        if self.file.metadata()?.nlink() > 0 {
            return Ok(false);
        }
        let at = self.file.stream_position()?;
        let Ok(mut file) = File::open(&self.path) else {
            return Ok(false);
        };
        if file.seek(SeekFrom::End(0))? <= at {
            return Ok(false); // not restored, or nothing has come since
        }
        file.seek(SeekFrom::Start(at))?;
        self.file = file;
        Ok(true)
    }

    /// Moves to the next block that proves itself; false when there is none in what the file holds by now.
    fn step_over_damage(&mut self) -> io::Result<bool> {
        loop {
            let available = self.end - self.start;
            let more = self.fill(available + CHUNK / 2)?;
            let at_end = !more && self.ending == Ending::Final;
            let data = &self.buffer[self.start + 1..self.end];
            match self.parser.resync(data, at_end) {
                Resync::Found(offset) => {
                    self.damaged += 1 + offset as u64;
                    self.advance(1 + offset);
                    self.lost = false;
                    self.parser.resume();
                    return Ok(true);
                }
                Resync::KeepFrom(offset) => {
                    // One byte before it stays, as the place from which the search goes on.
                    self.damaged += offset as u64;
                    self.advance(offset);
                    if !more {
                        return Ok(false);
                    }
                }
            }
        }
    }
}

/// One RTP packet of a log.
#[derive(Debug)]
pub struct RtpView<'a> {
    pub packet: rtp::Packet<'a>,
    pub source: SocketAddr,
    /// Offset of the payload from the start of the block.
    pub payload_at: usize,
}

/// What a packet of a media interface turned out to be.
#[derive(Debug)]
pub enum Media<'a> {
    Rtp(RtpView<'a>),
    /// A compound packet; see [`rtcp::walk`].
    Rtcp {
        compound: &'a [u8],
        source: SocketAddr,
    },
    Malformed,
}

/// Reads a packet of a raw IP interface.
pub fn media<'a>(packet: &Packet<'a>) -> Media<'a> {
    let Ok(datagram) = ip::parse(packet.data) else {
        return Media::Malformed;
    };
    if rtcp::looks_like_rtcp(datagram.payload) {
        return Media::Rtcp {
            compound: datagram.payload,
            source: datagram.source,
        };
    }
    let Ok(found) = rtp::Packet::parse(datagram.payload) else {
        return Media::Malformed;
    };
    let within = found.payload.as_ptr() as usize - packet.data.as_ptr() as usize;
    Media::Rtp(RtpView {
        packet: found,
        source: datagram.source,
        payload_at: packet.data_at + within,
    })
}

/// One thing a person or a program wants to know of a log, with its own copy of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Interface {
        index: u32,
        linktype: u16,
        name: Vec<u8>,
        description: Vec<u8>,
    },
    /// JSON text; interface numbers in it count from `base`.
    Event { base: u32, json: Vec<u8> },
    Sip {
        time_ns: i64,
        transport: Transport,
        inbound: Option<bool>,
        addresses: (SocketAddr, SocketAddr),
        data: Vec<u8>,
    },
    Datagram {
        interface: u32,
        time_ns: i64,
        addresses: (SocketAddr, SocketAddr),
        payload: Vec<u8>,
    },
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Item::Interface {
                name, description, ..
            } => name.len() + description.len(),
            Item::Event { json, .. } => json.len(),
            Item::Sip { data, .. } => data.len(),
            Item::Datagram { payload, .. } => payload.len(),
        }
    }
}

/// Goes through a finished log and hands out its items in batches.
#[derive(Debug)]
pub struct ItemReader {
    pub log: LogReader,
    datagrams: bool,
}

impl ItemReader {
    /// `datagrams` also hands out every RTP and RTCP packet.
    pub fn open(path: &Path, datagrams: bool) -> io::Result<Self> {
        let log = LogReader::open(path, Ending::Final)?;
        Ok(Self { log, datagrams })
    }

    /// Up to `count` items or about `bytes` of them; an empty batch is the end.
    pub fn batch(&mut self, count: usize, bytes: usize) -> io::Result<Vec<Item>> {
        let (mut items, mut size) = (Vec::new(), 0);
        while items.len() < count && size < bytes {
            let Some(located) = self.log.next_block()? else {
                break;
            };
            if let Some(item) = item(&located, self.datagrams) {
                size += item.size();
                items.push(item);
            }
        }
        Ok(items)
    }
}

/// The item a block makes, if it makes one.
pub fn item(located: &Located<'_>, datagrams: bool) -> Option<Item> {
    match &located.block {
        Block::Interface(found) => Some(Item::Interface {
            index: found.index,
            linktype: found.linktype,
            name: found.name.to_vec(),
            description: found.description.to_vec(),
        }),
        Block::Custom { pen, data } if *pen == ENTERPRISE => Some(Item::Event {
            base: located.base,
            json: data.to_vec(),
        }),
        Block::Packet(packet) if packet.linktype == LINK_EXPORTED => sip(packet),
        Block::Packet(packet) if packet.linktype == LINK_RAW_IP && datagrams => datagram(packet),
        _ => None,
    }
}

fn sip(packet: &Packet<'_>) -> Option<Item> {
    let found = parse_upper_pdu(packet.data)?;
    Some(Item::Sip {
        time_ns: packet.time_ns,
        transport: found.transport,
        inbound: packet.inbound,
        addresses: (found.source, found.destination),
        data: found.data.to_vec(),
    })
}

fn datagram(packet: &Packet<'_>) -> Option<Item> {
    let found = ip::parse(packet.data).ok()?;
    Some(Item::Datagram {
        interface: packet.interface,
        time_ns: packet.time_ns,
        addresses: (found.source, found.destination),
        payload: found.payload.to_vec(),
    })
}

#[cfg(test)]
mod tests;
