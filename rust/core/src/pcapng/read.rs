//! Reads pcapng blocks out of a byte slice, one at a time and without ever growing memory.
//!
//! Reading takes two steps, so that a caller may keep its own buffer: [`Parser::frame`] says how long the block
//! at the start of a slice is, [`Parser::decode`] turns exactly that many bytes into a [`Block`].
//!
//! A log may be cut at any byte (the machine died) or carry damage in the middle (a half-written block that
//! later writes followed). The first is [`Frame::NeedMore`] at the end of the file; the second is
//! [`Frame::Damaged`], after which [`Parser::resync`] looks for the next block that proves itself.

mod options;
mod upper_pdu;

pub use upper_pdu::{parse_upper_pdu, Transport, UpperPdu};

use super::block::{
    BYTE_ORDER_MAGIC as MAGIC, CUSTOM, ENHANCED_PACKET, INTERFACE_DESCRIPTION as INTERFACE,
    SECTION_HEADER as SECTION,
};
use options::{inbound, interface_options};

const SIMPLE_PACKET: u32 = 3;
const CUSTOM_NO_COPY: u32 = 0x4000_0BAD;
/// No time stamp beyond the year 2096 is believed, so that sums of times never overflow.
const LATEST_NS: i128 = 4_000_000_000_000_000_000;
/// After damage only blocks up to this size are believed, which bounds what a search must hold.
const MAX_RESYNC_BLOCK: usize = 1 << 20;

/// Bounds on what one log may cost. All are ours; the format sets none.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one block: a SIP message of 10 MB fits.
    pub max_block: usize,
    /// Interfaces of one section.
    pub max_interfaces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_block: 16 << 20,
            max_interfaces: 65_536,
        }
    }
}

/// What the start of a slice holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// One whole block of this many bytes.
    Whole(usize),
    /// At least this many bytes are needed to go on.
    NeedMore(usize),
    /// This can't be a block.
    Damaged,
}

/// Where reading may go on after damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resync {
    /// A whole block that proves itself starts here.
    Found(usize),
    /// Nothing before this offset; from here on more bytes are needed to tell.
    KeepFrom(usize),
}

/// One interface of the capture: in our logs the SIP interface or one media stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Number within the whole file: interfaces of earlier sections count too.
    pub index: u32,
    pub linktype: u16,
    pub name: &'a [u8],
    pub description: &'a [u8],
}

/// One captured packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Number within the whole file, as in [`Interface::index`].
    pub interface: u32,
    pub linktype: u16,
    /// Nanoseconds since 1970, whatever resolution the interface has.
    pub time_ns: i64,
    /// Offset of `data` from the start of the block.
    pub data_at: usize,
    pub data: &'a [u8],
    /// Whether it came in or went out, where the log says so.
    pub inbound: Option<bool>,
}

/// One block, decoded as far as a reader of recordings cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block<'a> {
    Section,
    Interface(Interface<'a>),
    Packet(Packet<'a>),
    /// A custom block: enterprise number and data, padding included.
    Custom {
        pen: u32,
        data: &'a [u8],
    },
    /// A kind that is not read (statistics, names), or one whose content makes no sense.
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    linktype: u16,
    /// `if_tsresol`: power of ten, or of two with the top bit set.
    resolution: u8,
    /// `if_tsoffset`: seconds to add.
    offset: i64,
}

/// Reads one file from its first byte on; holds the byte order and the interfaces seen so far.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    big_endian: bool,
    in_section: bool,
    base: u32,
    clocks: Vec<Clock>,
    /// Whether an interface may have been lost to damage.
    resumed: bool,
}

impl Parser {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            big_endian: false,
            in_section: false,
            base: 0,
            clocks: Vec::new(),
            resumed: false,
        }
    }

    /// For data that begins in the middle of a section of our own, whose interfaces so far have these link types.
    pub fn within_section(limits: Limits, link_types: impl Iterator<Item = u16>) -> Self {
        let mut parser = Self::new(limits);
        parser.in_section = true;
        parser.clocks.extend(link_types.map(Clock::our_own));
        parser
    }

    /// The number of the current section's first interface within the whole file.
    pub fn interface_base(&self) -> u32 {
        self.base
    }

    /// Says how long the block at the start of `data` is; both of its length fields must agree.
    pub fn frame(&self, data: &[u8]) -> Frame {
        if data.len() < 12 {
            return Frame::NeedMore(12);
        }
        let big = match self.byte_order(data) {
            Some(big) => big,
            None => return Frame::Damaged,
        };
        let length = read_u32(data, 4, big) as usize;
        if length < 12 || length % 4 != 0 || length > self.limits.max_block {
            return Frame::Damaged;
        }
        if data.len() < length {
            return Frame::NeedMore(length);
        }
        if read_u32(data, length - 4, big) as usize != length {
            return Frame::Damaged;
        }
        Frame::Whole(length)
    }

    /// The byte order of the block at the start of `data`; nothing before the first section header.
    fn byte_order(&self, data: &[u8]) -> Option<bool> {
        if read_u32(data, 0, false) != SECTION {
            return self.in_section.then_some(self.big_endian);
        }
        match read_u32(data, 8, false) {
            MAGIC => Some(false),
            other if other == MAGIC.swap_bytes() => Some(true),
            _ => None,
        }
    }

    /// Decodes one whole block, as measured by [`Parser::frame`].
    pub fn decode<'a>(&mut self, block: &'a [u8]) -> Block<'a> {
        if block.len() < 12 {
            return Block::Other;
        }
        if let Some(big) = self.byte_order(block) {
            self.big_endian = big;
        }
        let body = &block[8..block.len() - 4];
        match read_u32(block, 0, self.big_endian) {
            SECTION => self.section(),
            INTERFACE => self.interface(body),
            ENHANCED_PACKET => self.packet(body),
            SIMPLE_PACKET => self.simple_packet(body),
            CUSTOM | CUSTOM_NO_COPY if body.len() >= 4 => Block::Custom {
                pen: read_u32(body, 0, self.big_endian),
                data: &body[4..],
            },
            _ => Block::Other,
        }
    }

    /// Searches `data` for the next block that proves itself: a kind we write, two lengths that agree, and behind it
    /// the end or the beginning of another block. Sound and texts may look like one block, hardly like two.
    ///
    /// Call it with a slice that starts one byte after the damage; `at_end` says that no more bytes will come.
    pub fn resync(&self, data: &[u8], at_end: bool) -> Resync {
        let mut at = 0;
        while at + 12 <= data.len() {
            if self.may_start_block(&data[at..]) {
                match self.frame(&data[at..]) {
                    Frame::Whole(length) => match self.goes_on(&data[at + length..], at_end) {
                        Some(true) => return Resync::Found(at),
                        Some(false) => {}
                        None => return Resync::KeepFrom(at),
                    },
                    Frame::NeedMore(length) if !at_end && length <= MAX_RESYNC_BLOCK => {
                        return Resync::KeepFrom(at)
                    }
                    _ => {}
                }
            }
            at += 1;
        }
        Resync::KeepFrom(at.min(data.len()))
    }

    /// Whether the log may go on like this behind a block; nothing when more bytes are needed to tell.
    fn goes_on(&self, data: &[u8], at_end: bool) -> Option<bool> {
        if data.len() < 12 {
            return at_end.then_some(true);
        }
        let begins = self.may_start_block(data) && self.frame(data) != Frame::Damaged;
        let padding = data.iter().take(12).all(|byte| *byte == 0);
        Some(begins || padding)
    }

    /// Says that damage was stepped over: from now on packets may name an interface whose block was lost.
    pub fn resume(&mut self) {
        self.resumed = true;
    }

    /// The clock of an interface; one that was lost to damage had that of the interface before, as all our media have.
    fn clock(&self, interface: u32) -> Option<&Clock> {
        let known = self.clocks.get(interface as usize);
        let believed = self.resumed && (interface as usize) < self.limits.max_interfaces;
        known.or_else(|| self.clocks.last().filter(|_| believed))
    }

    fn may_start_block(&self, data: &[u8]) -> bool {
        matches!(
            read_u32(data, 0, self.big_endian),
            SECTION | INTERFACE | ENHANCED_PACKET | CUSTOM | CUSTOM_NO_COPY
        )
    }

    fn section(&mut self) -> Block<'static> {
        self.base += self.clocks.len() as u32;
        self.clocks.clear();
        self.in_section = true;
        Block::Section
    }

    fn interface<'a>(&mut self, body: &'a [u8]) -> Block<'a> {
        if body.len() < 8 || self.clocks.len() >= self.limits.max_interfaces {
            return Block::Other;
        }
        let linktype = read_u16(body, 0, self.big_endian);
        let found = interface_options(&body[8..], self.big_endian);
        let index = self.base + self.clocks.len() as u32;
        self.clocks.push(Clock {
            linktype,
            resolution: found.resolution,
            offset: found.offset,
        });
        Block::Interface(Interface {
            index,
            linktype,
            name: found.name,
            description: found.description,
        })
    }

    fn packet<'a>(&self, body: &'a [u8]) -> Block<'a> {
        if body.len() < 20 {
            return Block::Other;
        }
        let word = |at| read_u32(body, at, self.big_endian);
        let (interface, length) = (word(0), word(12) as usize);
        let Some(clock) = self.clock(interface) else {
            return Block::Other;
        };
        let Some(data) = body[20..].get(..length) else {
            return Block::Other;
        };
        let options = body[20..]
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
        let ticks = (u64::from(word(4)) << 32) | u64::from(word(8));
        Block::Packet(Packet {
            interface: self.base + interface,
            linktype: clock.linktype,
            time_ns: clock.nanoseconds(ticks),
            data_at: 28,
            data,
            inbound: inbound(options, self.big_endian),
        })
    }

    /// A packet without a time stamp; it belongs to the section's first interface.
    fn simple_packet<'a>(&self, body: &'a [u8]) -> Block<'a> {
        let Some(clock) = self.clocks.first() else {
            return Block::Other;
        };
        if body.len() < 4 {
            return Block::Other;
        }
        let length = (read_u32(body, 0, self.big_endian) as usize).min(body.len() - 4);
        let data = &body[4..4 + length];
        Block::Packet(Packet {
            interface: self.base,
            linktype: clock.linktype,
            time_ns: 0,
            data_at: 12,
            data,
            inbound: None,
        })
    }
}

impl Clock {
    /// Nanoseconds, as our writer has them.
    fn our_own(linktype: u16) -> Self {
        Self {
            linktype,
            resolution: 9,
            offset: 0,
        }
    }

    fn nanoseconds(&self, ticks: u64) -> i64 {
        let ticks = i128::from(ticks);
        let exponent = u32::from(self.resolution & 0x7f);
        let value = match (self.resolution & 0x80 != 0, exponent) {
            (true, bits) => (ticks * 1_000_000_000) >> bits.min(127),
            (false, 0..=9) => ticks * 10_i128.pow(9 - exponent),
            (false, 10..=28) => ticks / 10_i128.pow(exponent - 9),
            (false, _) => 0,
        };
        (value + i128::from(self.offset) * 1_000_000_000).clamp(0, LATEST_NS) as i64
    }
}

/// Reads two bytes; callers have checked the length.
fn read_u16(data: &[u8], at: usize, big_endian: bool) -> u16 {
    let bytes = [data[at], data[at + 1]];
    if big_endian {
        u16::from_be_bytes(bytes)
    } else {
        u16::from_le_bytes(bytes)
    }
}

/// Reads four bytes; callers have checked the length.
fn read_u32(data: &[u8], at: usize, big_endian: bool) -> u32 {
    let bytes = [data[at], data[at + 1], data[at + 2], data[at + 3]];
    if big_endian {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests;
