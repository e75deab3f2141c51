//! Sockets that send, many packets in one system call.

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use super::schedule::HEADER;

/// As many packets as the kernel takes in one `sendmmsg` (UIO_MAXIOV).
const BATCH: usize = 1024;
/// Room for a burst of a whole load test; the kernel may grant less.
const SEND_BUFFER: libc::c_int = 4 << 20;
const PAIR_TRIES: usize = 64;

/// A socket for RTP, and its neighbour for RTCP.
#[derive(Debug)]
pub struct PortPair {
    rtp: UdpSocket,
    /// Keeps the port, so that no other program gets the peer's reports.
    _rtcp: UdpSocket,
}

impl PortPair {
    /// Binds `port` and the next one, or any even port and the next one if `port` is 0.
    ///
    /// # Errors
    /// As `bind(2)`; `AddrInUse` if no pair of ports is free.
    pub fn bind(host: IpAddr, port: u16) -> io::Result<Self> {
        if port != 0 {
            return Self::of(UdpSocket::bind((host, port))?);
        }
        let mut odd = Vec::new();
        for _ in 0..PAIR_TRIES {
            let rtp = UdpSocket::bind((host, 0))?;
            if rtp.local_addr()?.port() % 2 == 1 {
                // Held, so that the kernel does not offer it again.
                odd.push(rtp);
            } else if let Ok(pair) = Self::of(rtp) {
                return Ok(pair);
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    fn of(rtp: UdpSocket) -> io::Result<Self> {
        let mut next = rtp.local_addr()?;
        let port = next
            .port()
            .checked_add(1)
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        next.set_port(port);
        rtp.set_nonblocking(true)?;
        enlarge_send_buffer(&rtp);
        let rtcp = UdpSocket::bind(next)?;
        Ok(Self { rtp, _rtcp: rtcp })
    }

    /// The port that RTP comes from.
    ///
    /// # Errors
    /// As `getsockname(2)`.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.rtp.local_addr()?.port())
    }
}

fn enlarge_send_buffer(socket: &UdpSocket) {
    let size = SEND_BUFFER;
    // SAFETY: the option's value is an int that lives through the call. A refusal does no harm.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDBUF,
            (&raw const size).cast(),
            mem::size_of_val(&size) as libc::socklen_t,
        );
    }
}

/// A destination in the kernel's form.
#[derive(Clone, Copy)]
pub struct Destination {
    address: libc::sockaddr_storage,
    length: libc::socklen_t,
}

impl From<SocketAddr> for Destination {
    fn from(address: SocketAddr) -> Self {
        // SAFETY: all-zero is a valid sockaddr_storage.
        let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
        let target = &raw mut storage;
        let length = match address {
            SocketAddr::V4(v4) => {
                let value = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr {
                        s_addr: u32::from_ne_bytes(v4.ip().octets()),
                    },
                    sin_zero: [0; 8],
                };
                // SAFETY: sockaddr_storage is at least as large and as aligned as any address.
                unsafe { target.cast::<libc::sockaddr_in>().write(value) };
                mem::size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(v6) => {
                let value = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr {
                        s6_addr: v6.ip().octets(),
                    },
                    sin6_scope_id: v6.scope_id(),
                };
                // SAFETY: as above.
                unsafe { target.cast::<libc::sockaddr_in6>().write(value) };
                mem::size_of::<libc::sockaddr_in6>()
            }
        };
        Self {
            address: storage,
            length: length as libc::socklen_t,
        }
    }
}

/// One packet on its way: header, payload, destination, all owned elsewhere until it is sent.
pub struct Outgoing<'a> {
    pub header: [u8; HEADER],
    pub payload: &'a [u8],
    pub destination: &'a Destination,
}

/// Sends `packets` through `socket`, in as few system calls as it can; calls `result` once for each, in order.
pub fn send_all(socket: &PortPair, packets: &[Outgoing<'_>], mut result: impl FnMut(usize, bool)) {
    for (number, batch) in packets.chunks(BATCH).enumerate() {
        send_batch(&socket.rtp, batch, |index, sent| {
            result(number * BATCH + index, sent)
        });
    }
}

fn send_batch(socket: &UdpSocket, batch: &[Outgoing<'_>], mut result: impl FnMut(usize, bool)) {
    let mut slices: Vec<[libc::iovec; 2]> = batch.iter().map(slices_of).collect();
    let mut messages: Vec<libc::mmsghdr> = batch
        .iter()
        .zip(&mut slices)
        .map(|(packet, slices)| message_of(packet, slices))
        .collect();
    let mut done = 0;
    while done < messages.len() {
        let rest = &mut messages[done..];
        // SAFETY: the headers point to slices, payloads and destinations that outlive the call.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                rest.as_mut_ptr(),
                rest.len() as libc::c_uint,
                0,
            )
        };
        if let Ok(sent) = usize::try_from(sent) {
            (done..done + sent).for_each(|index| result(index, true));
            done += sent;
        } else if !again(socket) {
            // The error is of the first packet: it is lost, the others go on.
            result(done, false);
            done += 1;
        }
    }
}

/// Whether the last error is one that trying again overcomes; waits a little if the buffer is full.
fn again(socket: &UdpSocket) -> bool {
    match io::Error::last_os_error().kind() {
        io::ErrorKind::Interrupted => true,
        io::ErrorKind::WouldBlock => {
            let mut poll = libc::pollfd {
                fd: socket.as_raw_fd(),
                events: libc::POLLOUT,
                revents: 0,
            };
            // SAFETY: one pollfd that lives through the call.
            unsafe { libc::poll(&raw mut poll, 1, 20) > 0 }
        }
        _ => false,
    }
}

fn slices_of(packet: &Outgoing<'_>) -> [libc::iovec; 2] {
    // The kernel only reads; iovec has no const form.
    let slice = |bytes: &[u8]| libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    [slice(&packet.header), slice(packet.payload)]
}

fn message_of(packet: &Outgoing<'_>, slices: &mut [libc::iovec; 2]) -> libc::mmsghdr {
    // SAFETY: all-zero is a valid msghdr (it has private padding on some systems).
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_name = (&raw const packet.destination.address).cast_mut().cast();
    message.msg_hdr.msg_namelen = packet.destination.length;
    message.msg_hdr.msg_iov = slices.as_mut_ptr();
    message.msg_hdr.msg_iovlen = slices.len() as _;
    message
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::testing::PATIENCE;

    fn receiver(host: IpAddr) -> (UdpSocket, Destination) {
        let socket = UdpSocket::bind((host, 0)).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let address = socket.local_addr().expect("an address");
        (socket, address.into())
    }

    fn exchange(host: IpAddr) {
        let pair = PortPair::bind(host, 0).expect("a free pair");
        let port = pair.port().expect("a port");
        assert_eq!(port % 2, 0);
        let (socket, destination) = receiver(host);
        let payloads = [[7; 3], [8; 3]];
        let packets: Vec<Outgoing<'_>> = payloads
            .iter()
            .map(|payload| Outgoing {
                header: [1; HEADER],
                payload,
                destination: &destination,
            })
            .collect();
        let mut results = Vec::new();
        send_all(&pair, &packets, |index, sent| results.push((index, sent)));
        assert_eq!(results, [(0, true), (1, true)]);
        for payload in payloads {
            let mut buffer = [0; 64];
            let (length, source) = socket.recv_from(&mut buffer).expect("a packet");
            assert_eq!(source.port(), port);
            assert_eq!(buffer[..length], [&[1; HEADER][..], &payload].concat());
        }
    }

    #[test]
    fn packets_arrive_over_ipv4() {
        exchange(Ipv4Addr::LOCALHOST.into());
    }

    #[test]
    fn packets_arrive_over_ipv6() {
        if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
            exchange(Ipv6Addr::LOCALHOST.into());
        }
    }

    #[test]
    fn a_packet_that_cannot_be_sent_does_not_hold_up_the_next() {
        let pair = PortPair::bind(Ipv4Addr::LOCALHOST.into(), 0).expect("a free pair");
        let (_socket, good) = receiver(Ipv4Addr::LOCALHOST.into());
        let bad = Destination::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let packets = [&bad, &good].map(|destination| Outgoing {
            header: [0; HEADER],
            payload: &[],
            destination,
        });
        let mut results = Vec::new();
        send_all(&pair, &packets, |index, sent| results.push((index, sent)));
        assert_eq!(results, [(0, false), (1, true)]);
    }

    #[test]
    fn a_taken_port_is_refused() {
        let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = taken.local_addr().expect("an address").port();
        let refused = PortPair::bind(Ipv4Addr::LOCALHOST.into(), port);
        assert_eq!(
            refused.map_err(|error| error.kind()).err(),
            Some(io::ErrorKind::AddrInUse)
        );
    }
}
