//! The options of an interface description block.

use super::{read_u16, read_u32};

const END: u16 = 0;
const NAME: u16 = 2;
const DESCRIPTION: u16 = 3;
const RESOLUTION: u16 = 9;
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
    while rest.len() >= 4 {
        let (code, length) = (
            read_u16(rest, 0, big_endian),
            usize::from(read_u16(rest, 2, big_endian)),
        );
        let Some(value) = rest[4..].get(..length) else {
            break;
        };
        match (code, length) {
            (END, _) => break,
            (NAME, _) => found.name = value,
            (DESCRIPTION, _) => found.description = value,
            (RESOLUTION, 1) => found.resolution = value[0],
            (TIME_OFFSET, 8) => found.offset = seconds(value, big_endian),
            _ => {}
        }
        rest = rest
            .get(4 + length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    found
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
