//! LINKTYPE_WIRESHARK_UPPER_PDU: tags that say what the payload is and whence it came, then the payload.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::pcapng::block::tag::{
    DESTINATION_PORT, END, IPV4_DESTINATION, IPV4_SOURCE, IPV6_DESTINATION, IPV6_SOURCE, PORT_TYPE,
    SOURCE_PORT,
};

/// What carried the message, as far as the log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Unknown,
    Tcp,
    Udp,
}

/// One SIP message with its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpperPdu<'a> {
    pub transport: Transport,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub data: &'a [u8],
}

/// Splits tags from payload; nothing when the tags do not end inside `packet`.
pub fn parse_upper_pdu(packet: &[u8]) -> Option<UpperPdu<'_>> {
    let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let mut found = UpperPdu {
        transport: Transport::Unknown,
        source: nowhere,
        destination: nowhere,
        data: b"",
    };
    let mut rest = packet;
    loop {
        let (code, length) = (be_u16(rest, 0)?, usize::from(be_u16(rest, 2)?));
        let value = rest.get(4..4 + length)?;
        rest = rest
            .get(4 + length.next_multiple_of(4)..)
            .unwrap_or_default();
        if code == END {
            found.data = rest;
            return Some(found);
        }
        apply(&mut found, code, value);
    }
}

fn apply(found: &mut UpperPdu<'_>, code: u16, value: &[u8]) {
    match code {
        IPV4_SOURCE | IPV6_SOURCE => set_ip(&mut found.source, value),
        IPV4_DESTINATION | IPV6_DESTINATION => set_ip(&mut found.destination, value),
        SOURCE_PORT => set_port(&mut found.source, value),
        DESTINATION_PORT => set_port(&mut found.destination, value),
        PORT_TYPE => {
            found.transport = match value {
                [0, 0, 0, 2] => Transport::Tcp,
                [0, 0, 0, 3] => Transport::Udp,
                _ => Transport::Unknown,
            }
        }
        _ => {}
    }
}

fn set_ip(address: &mut SocketAddr, value: &[u8]) {
    if let Ok(bytes) = <[u8; 4]>::try_from(value) {
        address.set_ip(IpAddr::V4(Ipv4Addr::from(bytes)));
    } else if let Ok(bytes) = <[u8; 16]>::try_from(value) {
        address.set_ip(IpAddr::V6(Ipv6Addr::from(bytes)));
    }
}

fn set_port(address: &mut SocketAddr, value: &[u8]) {
    if let Ok([0, 0, high, low]) = <[u8; 4]>::try_from(value) {
        address.set_port(u16::from_be_bytes([high, low]));
    }
}

fn be_u16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*data.get(at)?, *data.get(at + 1)?]))
}
