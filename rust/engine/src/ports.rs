//! Pairs of ports: RTP on an even one, RTCP on the odd one above it (RFC 3550 section 11).

use crate::notice::lock;
use crate::socket;
use siprecord_core::ports::PortTable;
use siprecord_core::source::Trace;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::Mutex;
use std::time::Duration;

/// Which of the two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Rtp,
    Rtcp,
}

/// The sockets of one stream.
#[derive(Debug)]
pub struct Pair {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub rtp_port: u16,
    /// Local address of both.
    pub address: IpAddr,
    /// Who sent to the stream before that had this port.
    pub former: Vec<Trace>,
}

/// Why there is no pair.
#[derive(Debug)]
pub enum NoPair {
    Exhausted {
        first: u16,
        last: u16,
        /// Pairs that rest after use.
        resting: usize,
    },
    Refused {
        port: u16,
        error: io::Error,
    },
    /// Descriptors handed over that are no pair of media sockets.
    Unfit(String),
}

impl fmt::Display for NoPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted {
                first,
                last,
                resting,
            } => {
                write!(formatter, "no free port pair between {first} and {last}")?;
                match resting {
                    0 => Ok(()),
                    1 => write!(formatter, "; one still rests after use"),
                    some => write!(formatter, "; {some} still rest after use"),
                }
            }
            Self::Refused { port, error } => {
                let next = u32::from(*port) + 1;
                write!(
                    formatter,
                    "can't open the media ports {port} and {next}: {error}"
                )
            }
            Self::Unfit(text) => write!(formatter, "can't take over media ports: {text}"),
        }
    }
}

/// Hands out pairs of a range in turn. A pair rests after use.
pub struct PortPool {
    address: IpAddr,
    receive_buffer: usize,
    first: u16,
    last: u16,
    table: Mutex<PortTable>,
    /// Who sent to the last stream of each port.
    former: Mutex<HashMap<u16, Vec<Trace>>>,
}

impl PortPool {
    /// `first` and `last` are the lowest and the highest port that may be used, both included.
    pub fn new(
        address: IpAddr,
        (first, last): (u16, u16),
        receive_buffer: usize,
        quarantine: Duration,
    ) -> Self {
        let rest = u64::try_from(quarantine.as_nanos()).unwrap_or(u64::MAX);
        Self {
            address,
            receive_buffer,
            first,
            last,
            table: Mutex::new(PortTable::new((first, last), rest)),
            former: Mutex::default(),
        }
    }

    /// Binds the next pair that neither we nor another program uses.
    pub fn open(&self) -> Result<Pair, NoPair> {
        let pairs = lock(&self.table).pairs();
        for _ in 0..pairs {
            let Some(port) = lock(&self.table).take(socket::steady_clock()) else {
                break;
            };
            match self.bind(port) {
                Ok(pair) => return Ok(pair),
                Err(error) => {
                    lock(&self.table).put_back(port);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return Err(NoPair::Refused { port, error });
                    }
                }
            }
        }
        Err(NoPair::Exhausted {
            first: self.first,
            last: self.last,
            resting: lock(&self.table).resting(socket::steady_clock()),
        })
    }

    /// Takes over the sockets of a stream that another process has opened; what they hold stays in them.
    ///
    /// The descriptors are duplicated, so the caller still owns the ones it gave.
    pub fn adopt(&self, rtp: RawFd, rtcp: RawFd) -> Result<Pair, NoPair> {
        let (rtp, rtp_at) = self.adopt_one(rtp)?;
        let (rtcp, rtcp_at) = self.adopt_one(rtcp)?;
        let rtp_port = rtp_at.port();
        if rtp_port.checked_add(1) != Some(rtcp_at.port()) || rtp_at.ip() != rtcp_at.ip() {
            return Err(NoPair::Unfit(format!("{rtp_at} and {rtcp_at} are no pair")));
        }
        lock(&self.table).adopt(rtp_port);
        Ok(Pair {
            rtp,
            rtcp,
            rtp_port,
            address: rtp_at.ip(),
            former: Vec::new(),
        })
    }

    fn adopt_one(&self, fd: RawFd) -> Result<(UdpSocket, SocketAddr), NoPair> {
        let unfit = |error: io::Error| NoPair::Unfit(format!("descriptor {fd}: {error}"));
        // SAFETY: no pointers are passed; a non-negative result is a new descriptor that we own.
        let owned = unsafe {
            match libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) {
                -1 => return Err(unfit(io::Error::last_os_error())),
                copy => OwnedFd::from_raw_fd(copy),
            }
        };
        let socket = UdpSocket::from(owned);
        let address = socket::adopt(&socket).map_err(unfit)?;
        Ok((socket, address))
    }

    /// Gives a pair back whose sockets are closed; it rests before it is used again. `former` sent to it.
    pub fn release(&self, rtp_port: u16, former: Vec<Trace>) {
        if !former.is_empty() {
            lock(&self.former).insert(rtp_port, former);
        }
        lock(&self.table).release(rtp_port, socket::steady_clock());
    }

    /// Gives a pair back that nobody was told of.
    pub fn put_back(&self, rtp_port: u16) {
        lock(&self.table).put_back(rtp_port);
    }

    fn bind(&self, rtp_port: u16) -> io::Result<Pair> {
        let rtp = socket::bind(self.address, rtp_port, self.receive_buffer)?;
        // Reports are few and small: the system's own buffer size is plenty.
        let rtcp = socket::bind(self.address, rtp_port + 1, 0)?;
        Ok(Pair {
            rtp,
            rtcp,
            rtp_port,
            address: self.address,
            former: lock(&self.former).remove(&rtp_port).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{await_datagram, free_ports, own_address};
    use std::os::fd::AsRawFd;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// A pool of some ports of its own, and the first of them.
    fn pool(count: u16) -> (PortPool, u16) {
        let address = own_address();
        let (first, last) = free_ports(address, count);
        let pool = PortPool::new(address, (first, last), 0, HOUR);
        (pool, first)
    }

    #[test]
    fn both_sockets_are_bound() {
        let (pool, first) = pool(2);
        let pair = pool.open().unwrap();
        assert_eq!(pair.rtp.local_addr().unwrap().port(), first);
        assert_eq!(pair.rtcp.local_addr().unwrap().port(), first + 1);
    }

    #[test]
    fn a_closed_pair_rests_and_the_error_says_so() {
        let (pool, first) = pool(4);
        let port = pool.open().unwrap().rtp_port;
        pool.release(port, Vec::new());
        assert_eq!(pool.open().unwrap().rtp_port, first + 2);
        assert!(matches!(
            pool.open(),
            Err(NoPair::Exhausted { resting: 1, .. })
        ));
    }

    #[test]
    fn ports_of_other_programs_are_skipped_and_do_not_rest() {
        let (pool, first) = pool(6);
        let _rtp = UdpSocket::bind((pool.address, first)).unwrap();
        let rtcp = UdpSocket::bind((pool.address, first + 3)).unwrap();
        assert_eq!(pool.open().unwrap().rtp_port, first + 4);
        assert!(matches!(pool.open(), Err(NoPair::Exhausted { .. })));
        drop(rtcp);
        assert_eq!(pool.open().unwrap().rtp_port, first + 2);
    }

    #[test]
    fn an_address_that_is_not_ours_is_an_error_of_its_own() {
        let address = "192.0.2.1".parse().unwrap();
        let pool = PortPool::new(address, (23_130, 23_139), 0, HOUR);
        assert!(matches!(
            pool.open(),
            Err(NoPair::Refused { port: 23_130, .. })
        ));
    }

    #[test]
    fn an_adopted_pair_keeps_its_packets_and_its_place() {
        let (pool, first) = pool(4);
        let before = PortPool::new(pool.address, (first, first + 1), 0, HOUR);
        let pair = before.open().unwrap();
        UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .send_to(b"before", (pool.address, first))
            .unwrap();
        let adopted = pool
            .adopt(pair.rtp.as_raw_fd(), pair.rtcp.as_raw_fd())
            .unwrap();
        drop(pair);
        assert_eq!((adopted.rtp_port, adopted.address), (first, pool.address));
        let mut buffer = [0; 16];
        await_datagram(&adopted.rtp);
        assert_eq!(adopted.rtp.recv(&mut buffer).unwrap(), 6);
        assert_eq!(pool.open().unwrap().rtp_port, first + 2);
    }

    #[test]
    fn what_is_no_pair_of_media_sockets_is_not_adopted() {
        let (pool, _) = pool(4);
        let pair = pool.open().unwrap();
        let (rtp, rtcp) = (pair.rtp.as_raw_fd(), pair.rtcp.as_raw_fd());
        let stream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for (one, other) in [
            (rtcp, rtp),
            (rtp, rtp),
            (-1, rtcp),
            (rtp, 1_000_000),
            (stream.as_raw_fd(), rtcp),
            (rtp, file.as_raw_fd()),
        ] {
            let outcome = pool.adopt(one, other);
            assert!(matches!(outcome, Err(NoPair::Unfit(_))), "{outcome:?}");
        }
    }
}
