//! What a desk says of the datagrams that are on their way from a socket to a log.

use super::memory::Memory;
use crate::ports::Port;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Bytes at the start of a desk's memory.
pub const LENGTH: usize = 4_096;
const COMMIT: usize = 0;
const BASE: usize = 8;
const OWNER: usize = 16;
const SWITCHED: usize = 24;
const ADDRESS: usize = 32;
/// A batch is being taken: what is untouched in it is still in the socket.
const TAKING: u64 = 1 << 63;

/// The socket that a batch comes from, and what is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub interface: u32,
    pub port: Port,
    /// Local address of the socket.
    pub local: SocketAddr,
    pub paused: bool,
    /// See `Stream::switch`.
    pub switched_at: u64,
    /// Its datagrams may be stored as they are, whoever does it.
    pub plain: bool,
}

/// The log that the blocks are for, and where they belong in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    pub place: u32,
    pub position: u64,
}

/// The first page of a desk's memory.
///
/// One word, `COMMIT`, says what counts: how many bytes of blocks, and whether a batch is being taken. All that
/// it speaks of is in the memory before it is set.
pub struct Flight(pub Arc<Memory>);

impl Flight {
    /// No blocks are there yet: says for whom the next ones are.
    pub fn aim(&self, aim: Aim) {
        self.0.word(BASE).set(aim.position);
        let low = self.0.word(OWNER).get() >> 32 << 32;
        self.0.word(OWNER).set(low | u64::from(aim.place));
    }

    pub fn aimed(&self) -> Aim {
        Aim {
            place: self.0.word(OWNER).get() as u32,
            position: self.0.word(BASE).get(),
        }
    }

    /// A batch is about to be taken; `length` bytes of blocks are there.
    pub fn taking(&self, origin: &Origin, length: usize) {
        let owner = self.0.word(OWNER).get() & u64::from(u32::MAX);
        self.0
            .word(OWNER)
            .set(owner | u64::from(origin.interface) << 32);
        self.0.word(SWITCHED).set(origin.switched_at);
        self.0.write(ADDRESS, &packed(origin));
        self.0.word(COMMIT).set(TAKING | length as u64);
    }

    /// No batch is being taken, and `length` bytes of blocks are there.
    pub fn hold(&self, length: usize) {
        self.0.word(COMMIT).set(length as u64);
    }

    /// Blocks are in their log; a batch that is being taken stays.
    pub fn emptied(&self) {
        self.0.word(COMMIT).set(self.0.word(COMMIT).get() & TAKING);
    }

    /// Bytes of blocks, and from where a batch is being taken.
    pub fn held(&self) -> (usize, Option<Origin>) {
        let commit = self.0.word(COMMIT).get();
        let origin = (commit & TAKING != 0).then(|| self.origin());
        ((commit & !TAKING) as usize, origin)
    }

    fn origin(&self) -> Origin {
        let bytes = self.0.read(ADDRESS, 20);
        let address = Ipv6Addr::from(*bytes.first_chunk::<16>().expect("twenty bytes"));
        Origin {
            interface: (self.0.word(OWNER).get() >> 32) as u32,
            port: if bytes[18] & 1 == 0 {
                Port::Rtp
            } else {
                Port::Rtcp
            },
            local: SocketAddr::new(
                IpAddr::V6(address).to_canonical(),
                u16::from_le_bytes([bytes[16], bytes[17]]),
            ),
            paused: bytes[18] & 2 != 0,
            switched_at: self.0.word(SWITCHED).get(),
            plain: bytes[18] & 4 != 0,
        }
    }
}

fn packed(origin: &Origin) -> [u8; 20] {
    let mut bytes = [0; 20];
    let address = match origin.local.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    bytes[..16].copy_from_slice(&address.octets());
    bytes[16..18].copy_from_slice(&origin.local.port().to_le_bytes());
    bytes[18] = u8::from(origin.port == Port::Rtcp)
        | u8::from(origin.paused) << 1
        | u8::from(origin.plain) << 2;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back() {
        let flight = Flight(Arc::new(Memory::own(LENGTH).unwrap()));
        assert_eq!(flight.held(), (0, None));
        let aim = Aim {
            place: 7,
            position: 1 << 40,
        };
        flight.aim(aim);
        for (local, port) in [
            ("192.0.2.1:4", Port::Rtp),
            ("[2001:db8::1]:65535", Port::Rtcp),
        ] {
            let origin = Origin {
                interface: u32::MAX,
                port,
                local: local.parse().unwrap(),
                paused: port == Port::Rtp,
                switched_at: 12,
                plain: port == Port::Rtcp,
            };
            flight.taking(&origin, 100);
            assert_eq!(flight.held(), (100, Some(origin)));
            assert_eq!(flight.aimed(), aim);
        }
        flight.emptied();
        assert_eq!(flight.held().0, 0);
        assert!(flight.held().1.is_some());
        flight.hold(5);
        assert_eq!(flight.held(), (5, None));
    }
}
