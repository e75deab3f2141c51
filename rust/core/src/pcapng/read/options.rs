//! The options of an interface description block.

use super::{read_u16, read_u32};

use crate::pcapng::block::option::{
    INTERFACE_DESCRIPTION, INTERFACE_NAME, INTERFACE_RESOLUTION, PACKET_FLAGS,
};

const END: u16 = 0;
const TIME_OFFSET: u16 = 14;
/// Without an option an interface counts microseconds.
const MICROSECONDS: u8 = 6;

pub(super) struct InterfaceOptions<'a> {
    pub name: &'a [u8],
    pub description: &'a [u8],
    pub resolution: u8,
    pub offset: i64,
}

/// Reads what is there; a broken option list ends quietly, as the interface itself is still good.
pub(super) fn interface_options(mut rest: &[u8], big_endian: bool) -> InterfaceOptions<'_> {
    let mut found = InterfaceOptions {
        name: b"",
        description: b"",
        resolution: MICROSECONDS,
        offset: 0,
    };
    while let Some((code, value)) = take_option(&mut rest, big_endian) {
        match (code, value.len()) {
            (INTERFACE_NAME, _) => found.name = value,
            (INTERFACE_DESCRIPTION, _) => found.description = value,
            (INTERFACE_RESOLUTION, 1) => found.resolution = value[0],
            (TIME_OFFSET, 8) => found.offset = seconds(value, big_endian),
            _ => {}
        }
    }
    found
}

/// The direction that a packet's flags give: the two lowest bits, 1 inbound, 2 outbound.
pub(super) fn inbound(mut rest: &[u8], big_endian: bool) -> Option<bool> {
    while let Some((code, value)) = take_option(&mut rest, big_endian) {
        if code == PACKET_FLAGS && value.len() == 4 {
            return match read_u32(value, 0, big_endian) & 3 {
                1 => Some(true),
                2 => Some(false),
                _ => None,
            };
        }
    }
    None
}

fn take_option<'a>(rest: &mut &'a [u8], big_endian: bool) -> Option<(u16, &'a [u8])> {
    if rest.len() < 4 {
        return None;
    }
    let code = read_u16(rest, 0, big_endian);
    let length = usize::from(read_u16(rest, 2, big_endian));
    let value = rest[4..].get(..length)?;
    *rest = rest
        .get(4 + length.next_multiple_of(4)..)
        .unwrap_or_default();
    (code != END).then_some((code, value))
}

fn seconds(value: &[u8], big_endian: bool) -> i64 {
    let (first, second) = (
        u64::from(read_u32(value, 0, big_endian)),
        u64::from(read_u32(value, 4, big_endian)),
    );
    let joined = if big_endian {
        (first << 32) | second
    } else {
        (second << 32) | first
    };
    joined as i64
}
