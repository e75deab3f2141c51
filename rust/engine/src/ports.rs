//! Pairs of ports: RTP on an even one, RTCP on the odd one above it (RFC 3550 section 11).

use crate::notice::lock;
use crate::socket;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::sync::Mutex;

/// The sockets of one stream.
#[derive(Debug)]
pub struct Pair {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub rtp_port: u16,
}

/// Why there is no pair.
#[derive(Debug)]
pub enum NoPair {
    Exhausted { first: u16, last: u16 },
    Refused { port: u16, error: io::Error },
}

/// Hands out pairs of a range in turn, so that a port rests as long as possible before it is used again.
pub struct PortPool {
    address: IpAddr,
    receive_buffer: usize,
    first: u16,
    last: u16,
    state: Mutex<State>,
}

struct State {
    taken: Vec<bool>,
    next: usize,
}

impl PortPool {
    /// `first` and `last` are the lowest and the highest port that may be used, both included.
    pub fn new(address: IpAddr, (first, last): (u16, u16), receive_buffer: usize) -> Self {
        let even = usize::from(first) + usize::from(first % 2);
        let pairs = (usize::from(last) + 1).saturating_sub(even) / 2;
        let state = Mutex::new(State {
            taken: vec![false; pairs],
            next: 0,
        });
        Self {
            address,
            receive_buffer,
            first,
            last,
            state,
        }
    }

    /// Binds the next pair that neither we nor another program uses.
    pub fn open(&self) -> Result<Pair, NoPair> {
        let pairs = lock(&self.state).taken.len();
        for _ in 0..pairs {
            let Some(index) = self.reserve() else { break };
            match self.bind(self.port(index)) {
                Ok(pair) => return Ok(pair),
                Err(error) => {
                    self.free(index);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return Err(NoPair::Refused {
                            port: self.port(index),
                            error,
                        });
                    }
                }
            }
        }
        Err(NoPair::Exhausted {
            first: self.first,
            last: self.last,
        })
    }

    /// Gives a pair back whose sockets are closed.
    pub fn release(&self, rtp_port: u16) {
        self.free(usize::from(rtp_port.saturating_sub(self.port(0))) / 2);
    }

    /// Local address of the sockets.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    fn port(&self, index: usize) -> u16 {
        self.first + self.first % 2 + index as u16 * 2
    }

    fn reserve(&self) -> Option<usize> {
        let mut state = lock(&self.state);
        let pairs = state.taken.len();
        let index = (0..pairs)
            .map(|step| (state.next + step) % pairs)
            .find(|index| !state.taken[*index])?;
        state.taken[index] = true;
        state.next = (index + 1) % pairs;
        Some(index)
    }

    fn free(&self, index: usize) {
        if let Some(taken) = lock(&self.state).taken.get_mut(index) {
            *taken = false;
        }
    }

    fn bind(&self, rtp_port: u16) -> io::Result<Pair> {
        let rtp = socket::bind(self.address, rtp_port, self.receive_buffer)?;
        // Reports are few and small: the system's own buffer size is plenty.
        let rtcp = socket::bind(self.address, rtp_port + 1, 0)?;
        Ok(Pair {
            rtp,
            rtcp,
            rtp_port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn pairs_are_even_and_odd_and_rest_before_reuse() {
        let pool = PortPool::new(LOCAL, (23_101, 23_109), 0);
        let ports: Vec<u16> = (0..4).map(|_| pool.open().unwrap().rtp_port).collect();
        assert_eq!(ports, [23_102, 23_104, 23_106, 23_108]);
        assert!(matches!(
            pool.open(),
            Err(NoPair::Exhausted {
                first: 23_101,
                last: 23_109
            })
        ));
        pool.release(23_106);
        pool.release(23_102);
        assert_eq!(pool.open().unwrap().rtp_port, 23_102);
        assert_eq!(pool.open().unwrap().rtp_port, 23_106);
    }

    #[test]
    fn both_sockets_are_bound() {
        let pair = PortPool::new(LOCAL, (23_110, 23_111), 0).open().unwrap();
        assert_eq!(pair.rtp.local_addr().unwrap().port(), 23_110);
        assert_eq!(pair.rtcp.local_addr().unwrap().port(), 23_111);
    }

    #[test]
    fn ports_of_other_programs_are_skipped() {
        let _rtp = UdpSocket::bind((LOCAL, 23_120)).unwrap();
        let _rtcp = UdpSocket::bind((LOCAL, 23_123)).unwrap();
        let pool = PortPool::new(LOCAL, (23_120, 23_125), 0);
        assert_eq!(pool.open().unwrap().rtp_port, 23_124);
        assert!(matches!(pool.open(), Err(NoPair::Exhausted { .. })));
        drop(_rtcp);
        assert_eq!(pool.open().unwrap().rtp_port, 23_122);
    }

    #[test]
    fn an_address_that_is_not_ours_is_an_error_of_its_own() {
        let pool = PortPool::new("192.0.2.1".parse().unwrap(), (23_130, 23_139), 0);
        assert!(matches!(
            pool.open(),
            Err(NoPair::Refused { port: 23_130, .. })
        ));
    }

    #[test]
    fn ranges_at_the_edges() {
        for (range, pairs) in [
            ((65_534, 65_535), 1),
            ((65_535, 65_535), 0),
            ((7, 8), 0),
            ((9, 1), 0),
            ((0, 65_535), 32_768),
        ] {
            let pool = PortPool::new(LOCAL, range, 0);
            assert_eq!(lock(&pool.state).taken.len(), pairs, "{range:?}");
        }
    }
}
