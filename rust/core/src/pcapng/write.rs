//! The blocks of a capture log, appended to a buffer that holds whole blocks only.

use super::block::{self, option, padding, tag};
use crate::ip::Datagram;
use std::net::{IpAddr, SocketAddr};

/// Most bytes kept of one SIP message with its tags: Wireshark refuses a whole file that has a packet of more
/// than 262,144.
pub const MAX_SIP_PACKET: usize = 262_000;

/// Where blocks go: a buffer that grows, or memory of a fixed size.
pub trait Sink {
    /// Appends `length` bytes to be filled in by the caller, all of them: what they hold is not defined.
    fn room(&mut self, length: usize) -> &mut [u8];
}

impl Sink for Vec<u8> {
    fn room(&mut self, length: usize) -> &mut [u8] {
        let start = self.len();
        self.resize(start + length, 0);
        &mut self[start..]
    }
}

/// What the section header says of us; empty texts are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Section<'a> {
    pub hardware: &'a str,
    pub os: &'a str,
    pub application: &'a str,
    pub comment: &'a str,
}

/// Begins a file, or a new section within one.
pub fn section_header(out: &mut Vec<u8>, section: &Section<'_>) {
    let start = begin(out, block::SECTION_HEADER);
    put32(out, block::BYTE_ORDER_MAGIC);
    out.extend_from_slice(&[1, 0, 0, 0]); // version 1.0
    out.extend_from_slice(&[0xff; 8]); // section length: not known
    put_text(out, option::COMMENT, section.comment);
    put_text(out, option::SECTION_HARDWARE, section.hardware);
    put_text(out, option::SECTION_OS, section.os);
    put_text(out, option::SECTION_APPLICATION, section.application);
    end_options(out);
    end(out, start);
}

/// Describes the next interface; interfaces are numbered from 0 in the order of their blocks.
pub fn interface(out: &mut Vec<u8>, link_type: u16, name: &str, description: &str) {
    let start = begin(out, block::INTERFACE_DESCRIPTION);
    put32(out, u32::from(link_type));
    put32(out, 0); // no limit on the captured length
    put_text(out, option::INTERFACE_NAME, name);
    put_text(out, option::INTERFACE_DESCRIPTION, description);
    put_option(out, option::INTERFACE_RESOLUTION, &[9]);
    end_options(out);
    end(out, start);
}

/// Appends a datagram on an interface of the raw IP link type.
#[inline]
pub fn datagram(out: &mut impl Sink, interface: u32, time_ns: u64, datagram: &Datagram<'_>) {
    let headers = datagram.headers_length();
    let captured = headers + datagram.payload.len();
    let pad = padding(captured);
    let length = 32 + captured + pad;
    let head = packet_head(
        interface,
        time_ns,
        length as u32,
        (captured, headers + datagram.original),
    );
    let block = out.room(length);
    let (front, rest) = block.split_at_mut(head.len());
    front.copy_from_slice(&head);
    let (front, rest) = rest.split_at_mut(headers);
    datagram.put_headers(front);
    let (front, rest) = rest.split_at_mut(datagram.payload.len());
    front.copy_from_slice(datagram.payload);
    let (front, rest) = rest.split_at_mut(pad);
    front.fill(0);
    rest.copy_from_slice(&(length as u32).to_le_bytes());
}

fn packet_head(
    interface: u32,
    time_ns: u64,
    length: u32,
    (captured, original): (usize, usize),
) -> [u8; 28] {
    let mut head = [0; 28];
    head[0..4].copy_from_slice(&block::ENHANCED_PACKET.to_le_bytes());
    head[4..8].copy_from_slice(&length.to_le_bytes());
    head[8..12].copy_from_slice(&interface.to_le_bytes());
    head[12..16].copy_from_slice(&((time_ns >> 32) as u32).to_le_bytes());
    head[16..20].copy_from_slice(&(time_ns as u32).to_le_bytes());
    head[20..24].copy_from_slice(&(captured as u32).to_le_bytes());
    head[24..28].copy_from_slice(&(original as u32).to_le_bytes());
    head
}

/// How a SIP message travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    /// TCP, and TLS over it.
    Tcp,
}

/// A SIP message and the way it took.
#[derive(Clone, Copy, Debug)]
pub struct SipMessage<'a> {
    pub data: &'a [u8],
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub transport: Transport,
    pub inbound: bool,
}

/// Appends a SIP message on an interface of the exported link type.
///
/// A message beyond [`MAX_SIP_PACKET`] is cut and tells its true length.
pub fn sip(out: &mut Vec<u8>, interface: u32, time_ns: u64, message: &SipMessage<'_>) {
    let tags = sip_tags(message);
    let original = tags.len() + message.data.len();
    let captured = original.min(MAX_SIP_PACKET);
    let pad = padding(captured);
    let length = (32 + captured + pad + 12) as u32;
    out.reserve(length as usize);
    out.extend_from_slice(&packet_head(
        interface,
        time_ns,
        length,
        (captured, original),
    ));
    out.extend_from_slice(&tags);
    out.extend_from_slice(&message.data[..captured - tags.len()]);
    out.extend_from_slice(&[0; 3][..pad]);
    let direction: u32 = if message.inbound { 1 } else { 2 };
    put_option(out, option::PACKET_FLAGS, &direction.to_le_bytes());
    end_options(out);
    put32(out, length);
}

fn sip_tags(message: &SipMessage<'_>) -> Vec<u8> {
    let port_type: u32 = match message.transport {
        Transport::Tcp => 2,
        Transport::Udp => 3,
    };
    let (source, destination) = (message.source, message.destination);
    let mut out = Vec::with_capacity(96);
    put_tag(&mut out, tag::DISSECTOR, b"sip\0");
    put_address(&mut out, source.ip(), tag::IPV4_SOURCE, tag::IPV6_SOURCE);
    put_address(
        &mut out,
        destination.ip(),
        tag::IPV4_DESTINATION,
        tag::IPV6_DESTINATION,
    );
    put_tag(&mut out, tag::PORT_TYPE, &port_type.to_be_bytes());
    put_tag(
        &mut out,
        tag::SOURCE_PORT,
        &u32::from(source.port()).to_be_bytes(),
    );
    put_tag(
        &mut out,
        tag::DESTINATION_PORT,
        &u32::from(destination.port()).to_be_bytes(),
    );
    put_tag(&mut out, tag::END, b"");
    out
}

fn put_address(out: &mut Vec<u8>, address: IpAddr, v4: u16, v6: u16) {
    match address {
        IpAddr::V4(address) => put_tag(out, v4, &address.octets()),
        IpAddr::V6(address) => put_tag(out, v6, &address.octets()),
    }
}

/// Appends a tag whose value is a multiple of four bytes.
fn put_tag(out: &mut Vec<u8>, number: u16, value: &[u8]) {
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
}

/// Appends one of our events: a JSON text, padded with spaces because a custom block has no length of its own.
pub fn custom(out: &mut impl Sink, json: &[u8]) {
    let length = 16 + json.len() + padding(json.len());
    let block = out.room(length);
    block[..4].copy_from_slice(&block::CUSTOM.to_le_bytes());
    block[4..8].copy_from_slice(&(length as u32).to_le_bytes());
    block[8..12].copy_from_slice(&block::ENTERPRISE.to_le_bytes());
    let (text, rest) = block[12..].split_at_mut(json.len());
    text.copy_from_slice(json);
    let (blank, end) = rest.split_at_mut(rest.len() - 4);
    blank.fill(b' ');
    end.copy_from_slice(&(length as u32).to_le_bytes());
}

fn begin(out: &mut Vec<u8>, kind: u32) -> usize {
    let start = out.len();
    put32(out, kind);
    put32(out, 0);
    start
}

fn end(out: &mut Vec<u8>, start: usize) {
    let length = (out.len() + 4 - start) as u32;
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    put32(out, length);
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, code: u16, text: &str) {
    if !text.is_empty() {
        let mut end = text.len().min(usize::from(u16::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        put_option(out, code, &text.as_bytes()[..end]);
    }
}

fn put_option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    out.extend_from_slice(&[0; 3][..padding(value.len())]);
}

fn end_options(out: &mut Vec<u8>) {
    put32(out, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks the blocks; panics unless every length agrees with its copy at the end.
    fn blocks(data: &[u8]) -> Vec<(u32, &[u8])> {
        let mut found = Vec::new();
        let mut rest = data;
        while let Some((kind, length)) = block::head(rest) {
            assert_eq!(length % 4, 0);
            assert_eq!(rest[length - 4..length], (length as u32).to_le_bytes());
            found.push((kind, &rest[8..length - 4]));
            rest = &rest[length..];
        }
        assert!(rest.is_empty());
        found
    }

    #[test]
    fn the_section_header_is_known() {
        let mut out = Vec::new();
        section_header(
            &mut out,
            &Section {
                application: "abc",
                ..Section::default()
            },
        );
        let expected = [
            0x0a, 0x0d, 0x0d, 0x0a, 40, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff,
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 0, 3, 0, b'a', b'b', b'c', 0, 0, 0, 0, 0, 40, 0,
            0, 0,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn the_interface_description_is_known() {
        let mut out = Vec::new();
        interface(&mut out, block::LINK_RAW_IP, "1", "");
        let expected = [
            1, 0, 0, 0, 40, 0, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, b'1', 0, 0, 0, 9, 0, 1,
            0, 9, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn datagrams_of_every_length_are_whole_blocks() {
        let payload: Vec<u8> = (0..200).map(|index| index as u8).collect();
        let mut out = Vec::new();
        for length in 0..payload.len() {
            let sent = Datagram {
                source: "192.0.2.1:5000".parse().unwrap(),
                destination: "192.0.2.2:40000".parse().unwrap(),
                payload: &payload[..length],
                original: length,
            };
            datagram(&mut out, 3, 0x1122_3344_5566_7788, &sent);
        }
        for (length, (kind, body)) in blocks(&out).into_iter().enumerate() {
            assert_eq!(kind, block::ENHANCED_PACKET);
            assert_eq!(body[..4], 3_u32.to_le_bytes());
            assert_eq!(
                body[4..12],
                [0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55]
            );
            assert_eq!(body[12..16], (28 + length as u32).to_le_bytes());
            let read = crate::ip::parse(&body[20..48 + length]).unwrap();
            assert_eq!(read.payload, &payload[..length]);
        }
    }

    #[test]
    fn a_truncated_datagram_tells_its_original_length() {
        let mut out = Vec::new();
        let sent = Datagram {
            source: "192.0.2.1:5000".parse().unwrap(),
            destination: "192.0.2.2:40000".parse().unwrap(),
            payload: &[1, 2, 3, 4],
            original: 5_000,
        };
        datagram(&mut out, 1, 0, &sent);
        let (_, body) = blocks(&out)[0];
        assert_eq!(body[12..20], [32, 0, 0, 0, 0xa4, 0x13, 0, 0]);
    }

    #[test]
    fn a_sip_message_carries_its_tags() {
        let mut out = Vec::new();
        let message = SipMessage {
            data: b"OPTIONS",
            source: "192.0.2.1:5060".parse().unwrap(),
            destination: "192.0.2.2:5061".parse().unwrap(),
            transport: Transport::Tcp,
            inbound: true,
        };
        sip(&mut out, 0, 1, &message);
        let (kind, body) = blocks(&out)[0];
        assert_eq!(kind, block::ENHANCED_PACKET);
        let expected = [
            0, 12, 0, 4, b's', b'i', b'p', 0, 0, 20, 0, 4, 192, 0, 2, 1, 0, 21, 0, 4, 192, 0, 2, 2,
            0, 24, 0, 4, 0, 0, 0, 2, 0, 25, 0, 4, 0, 0, 0x13, 0xc4, 0, 26, 0, 4, 0, 0, 0x13, 0xc5,
            0, 0, 0, 0,
        ];
        assert_eq!(body[20..72], expected);
        assert_eq!(&body[72..79], b"OPTIONS");
        assert_eq!(body[80..], [2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_huge_sip_message_is_cut_and_tells_its_length() {
        let data = vec![b'x'; 300_000];
        for length in [261_947, 261_948, 261_949, 261_950, 300_000] {
            let mut out = Vec::new();
            let message = SipMessage {
                data: &data[..length],
                source: "192.0.2.1:5060".parse().unwrap(),
                destination: "192.0.2.2:5061".parse().unwrap(),
                transport: Transport::Tcp,
                inbound: true,
            };
            sip(&mut out, 0, 1, &message);
            let (_, body) = blocks(&out)[0];
            let original = length + 52;
            let captured = original.min(MAX_SIP_PACKET);
            assert_eq!(body[12..16], (captured as u32).to_le_bytes());
            assert_eq!(body[16..20], (original as u32).to_le_bytes());
            assert_eq!(body.len(), 20 + captured + padding(captured) + 12);
        }
    }

    #[test]
    fn events_are_padded_with_spaces() {
        for length in 0..20 {
            let json = vec![b'x'; length];
            let mut out = Vec::new();
            custom(&mut out, &json);
            let (kind, body) = blocks(&out)[0];
            assert_eq!(
                (kind, &body[..4]),
                (block::CUSTOM, &32_473_u32.to_le_bytes()[..])
            );
            assert_eq!(body[4..].trim_ascii_end(), json);
            assert!(body.len() - 4 - length < 4);
        }
    }

    #[test]
    fn texts_too_long_for_an_option_are_cut_between_characters() {
        let mut out = Vec::new();
        let text = "é".repeat(40_000);
        interface(&mut out, block::LINK_RAW_IP, "1", &text);
        let (_, body) = blocks(&out)[0];
        assert_eq!(body[18..20], 65_534_u16.to_le_bytes());
    }
}
