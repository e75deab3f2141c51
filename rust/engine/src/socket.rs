//! UDP sockets with kernel time stamps, and the batch receiver that empties them.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::time::Duration;

/// Datagrams taken by one system call.
pub const BATCH: usize = 64;
/// A whole IPv4 or IPv6 datagram fits, so nothing is cut unless the settings say so.
pub const WHOLE_DATAGRAM: usize = 65_536;
const CONTROL: usize = 160;

/// Binds a socket and asks the kernel for time stamps, for its count of dropped datagrams, and for the local
/// address where the bound one does not tell it.
pub fn bind(address: IpAddr, port: u16, receive_buffer: usize) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::new(address, port))?;
    prepare(&socket, address, receive_buffer)?;
    Ok(socket)
}

fn prepare(socket: &UdpSocket, address: IpAddr, receive_buffer: usize) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    set(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
    set(socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1)?;
    if address.is_unspecified() {
        match address {
            IpAddr::V4(_) => set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?,
            IpAddr::V6(_) => set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?,
        }
    }
    let size = libc::c_int::try_from(receive_buffer).unwrap_or(libc::c_int::MAX);
    // The forced size needs a capability; without it the kernel's limit cuts the plain one silently.
    if size > 0 && set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, size).is_err() {
        set(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, size)?;
    }
    Ok(())
}

/// Prepares a socket that another process has bound, and answers its local address.
///
/// Datagrams that it holds stay in it.
pub fn adopt(socket: &UdpSocket) -> io::Result<SocketAddr> {
    if get(socket, libc::SOL_SOCKET, libc::SO_TYPE)? != libc::SOCK_DGRAM {
        return Err(io::Error::other("not a UDP socket"));
    }
    let bound = socket.local_addr()?;
    prepare(socket, bound.ip(), 0)?;
    Ok(bound)
}

fn get(socket: &UdpSocket, level: i32, name: i32) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut length = mem::size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointers lead to `value` and its length, which live through the call.
    let outcome = unsafe {
        let value = ptr::from_mut(&mut value).cast();
        libc::getsockopt(socket.as_raw_fd(), level, name, value, &mut length)
    };
    if outcome == 0 {
        Ok(value)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn set(socket: &UdpSocket, level: i32, name: i32, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`, which lives through the call.
    let outcome = unsafe {
        let value = ptr::from_ref(&value).cast();
        let length = mem::size_of::<libc::c_int>() as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), level, name, value, length)
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Opens a socket that makes the kernel stamp every packet on arrival for as long as it stays open.
///
/// The kernel begins to stamp some time after the first socket asks for it, and a packet that came before is
/// stamped when it is read. A pause must know what came before it, so this waits until stamping has begun,
/// for a second at most.
pub fn keep_stamping() -> io::Result<UdpSocket> {
    let socket = bind(IpAddr::V4(Ipv4Addr::LOCALHOST), 0, 0)?;
    let address = socket.local_addr()?;
    let mut receiver = Receiver::new(64);
    for _ in 0..1_000 {
        if socket.send_to(b"", address).is_err() {
            break; // no loopback interface, so nothing to learn
        }
        std::thread::sleep(Duration::from_millis(1));
        let read_at = wall_clock();
        let count = receiver.receive(socket.as_raw_fd())?;
        if count > 0 && receiver.datagram(0).control.time_ns < Some(read_at) {
            break;
        }
    }
    Ok(socket)
}

/// Nanoseconds since 1970 by the same clock that stamps the packets.
pub fn wall_clock() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}

/// Sends a datagram at once or not at all; an IPv6 socket reaches IPv4 addresses too.
pub fn send(socket: &UdpSocket, bound: IpAddr, data: &[u8], to: SocketAddr) -> bool {
    let to = match (bound, to.ip()) {
        (IpAddr::V6(_), IpAddr::V4(v4)) => SocketAddr::new(v4.to_ipv6_mapped().into(), to.port()),
        _ => to,
    };
    socket.send_to(data, to).is_ok()
}

/// A number that nobody can foresee.
pub fn random() -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: the pointer and the length describe `bytes`, which lives through the call.
    let filled = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if filled == 8 {
        u64::from_ne_bytes(bytes)
    } else {
        wall_clock()
    }
}

/// Nanoseconds of a clock that never goes back.
pub fn steady_clock() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure lives through the call.
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time);
    }
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A datagram in a receiver's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub data: &'a [u8],
    /// Length on the wire; more than `data` has when the buffer was too small.
    pub original: usize,
    pub source: SocketAddr,
    pub control: Control,
}

/// What the kernel says beside a datagram.
#[derive(Clone, Copy, Debug, Default)]
pub struct Control {
    pub time_ns: Option<u64>,
    /// The address it was sent to, where the socket is bound to any.
    pub local: Option<IpAddr>,
    /// Datagrams this socket has dropped since it was opened, for want of buffer.
    pub kernel_dropped: Option<u32>,
}

#[repr(C, align(8))]
struct ControlBuffer([u8; CONTROL]);

/// Buffers for one `recvmmsg` call. One for each thread, however many sockets it empties.
pub struct Receiver {
    slots: Vec<u8>,
    slot: usize,
    stride: usize,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<ControlBuffer>,
    _vectors: Vec<libc::iovec>,
    messages: Vec<libc::mmsghdr>,
    used: usize,
}

// SAFETY: the raw pointers lead only into the heap buffers that the same value owns and never reallocates.
unsafe impl Send for Receiver {}

impl Receiver {
    /// `slot` is the most bytes kept of one datagram. Memory is touched only as datagrams need it.
    pub fn new(slot: usize) -> Self {
        // Slots a whole number of pages apart would fight for the same cache lines.
        let stride = slot.next_multiple_of(64) + 320;
        let mut slots = vec![0_u8; stride * BATCH];
        // SAFETY: all-zero bytes are valid values of these plain C structures.
        let mut names: Vec<libc::sockaddr_storage> = vec![unsafe { mem::zeroed() }; BATCH];
        let mut controls: Vec<_> = (0..BATCH).map(|_| ControlBuffer([0; CONTROL])).collect();
        let mut vectors: Vec<_> = (0..BATCH)
            .map(|index| libc::iovec {
                iov_base: slots[index * stride..].as_mut_ptr().cast(),
                iov_len: slot,
            })
            .collect();
        let messages = (0..BATCH)
            .map(|index| message(&mut names[index], &mut controls[index], &mut vectors[index]))
            .collect();
        Self {
            slots,
            slot,
            stride,
            names,
            controls,
            _vectors: vectors,
            messages,
            used: 0,
        }
    }

    /// Takes what the socket has, at most [`BATCH`] datagrams; 0 when it is empty.
    pub fn receive(&mut self, socket: RawFd) -> io::Result<usize> {
        for message in &mut self.messages[..self.used] {
            message.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as u32;
            message.msg_hdr.msg_controllen = CONTROL as _;
        }
        self.used = 0;
        loop {
            // SAFETY: each message points to a name, a control buffer, a vector and a slot of the lengths it
            // gives, all owned by `self`.
            let count = unsafe {
                let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
                let messages = self.messages.as_mut_ptr();
                libc::recvmmsg(socket, messages, BATCH as u32, flags as _, ptr::null_mut())
            };
            if count >= 0 {
                self.used = count as usize;
                return Ok(self.used);
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => return Ok(0),
                _ => return Err(error),
            }
        }
    }

    /// A datagram of the last batch.
    pub fn datagram(&self, index: usize) -> Received<'_> {
        let message = &self.messages[..self.used][index];
        let original = message.msg_len as usize;
        let start = index * self.stride;
        Received {
            data: &self.slots[start..start + original.min(self.slot)],
            original,
            source: address(&self.names[index]),
            control: self.control(index, &message.msg_hdr),
        }
    }

    fn control(&self, index: usize, header: &libc::msghdr) -> Control {
        let mut control = Control::default();
        let mut rest = &self.controls[index].0[..header.msg_controllen.min(CONTROL)];
        while let Some((level, kind, data)) = next_control(&mut rest) {
            read_control(&mut control, (level, kind), data);
        }
        control
    }
}

fn message(
    name: &mut libc::sockaddr_storage,
    control: &mut ControlBuffer,
    vector: &mut libc::iovec,
) -> libc::mmsghdr {
    // SAFETY: all-zero bytes are a valid value of this plain C structure.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_name = ptr::from_mut(name).cast();
    message.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as u32;
    message.msg_hdr.msg_iov = vector;
    message.msg_hdr.msg_iovlen = 1;
    message.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
    message.msg_hdr.msg_controllen = CONTROL as _;
    message
}

/// Splits the first control message off: its level, its type and its data.
fn next_control<'a>(rest: &mut &'a [u8]) -> Option<(i32, i32, &'a [u8])> {
    const HEAD: usize = mem::size_of::<libc::cmsghdr>();
    const WORD: usize = mem::size_of::<usize>();
    let length = usize::from_ne_bytes(*rest.first_chunk()?);
    let level = i32::from_ne_bytes(*rest.get(WORD..)?.first_chunk()?);
    let kind = i32::from_ne_bytes(*rest.get(WORD + 4..)?.first_chunk()?);
    let data = rest.get(HEAD..length)?;
    *rest = rest.get(length.next_multiple_of(WORD)..).unwrap_or(&[]);
    Some((level, kind, data))
}

fn read_control(control: &mut Control, kind: (i32, i32), data: &[u8]) {
    match kind {
        (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => control.time_ns = time_stamp(data),
        (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
            control.kernel_dropped = data.first_chunk().map(|count| u32::from_ne_bytes(*count));
        }
        // struct in_pktinfo: interface, local address, header's destination address
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            let octets = data.get(8..).and_then(|address| address.first_chunk::<4>());
            control.local = octets.map(|octets| IpAddr::from(*octets));
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            let octets = data.first_chunk::<16>();
            control.local = octets.map(|octets| IpAddr::from(*octets).to_canonical());
        }
        _ => {}
    }
}

/// A `timespec` of two native words.
fn time_stamp(data: &[u8]) -> Option<u64> {
    let seconds = i64::from_ne_bytes(*data.first_chunk()?);
    let rest = i64::from_ne_bytes(*data.get(8..)?.first_chunk()?);
    u64::try_from(seconds)
        .ok()?
        .checked_mul(1_000_000_000)?
        .checked_add(rest as u64)
}

fn address(storage: &libc::sockaddr_storage) -> SocketAddr {
    let storage = ptr::from_ref(storage);
    // SAFETY: the storage is large and aligned enough for either, and any bytes are valid in both.
    unsafe {
        if i32::from((*storage).ss_family) == libc::AF_INET6 {
            let name = &*storage.cast::<libc::sockaddr_in6>();
            let address = IpAddr::V6(Ipv6Addr::from(name.sin6_addr.s6_addr)).to_canonical();
            return SocketAddr::new(address, u16::from_be(name.sin6_port));
        }
        let name = &*storage.cast::<libc::sockaddr_in>();
        let address = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
        SocketAddr::new(IpAddr::V4(address), u16::from_be(name.sin_port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::await_datagram;

    fn receive_one(receiver: &mut Receiver, socket: &UdpSocket) -> usize {
        await_datagram(socket);
        receiver.receive(socket.as_raw_fd()).unwrap()
    }

    #[test]
    fn a_datagram_with_its_time_and_addresses() {
        let socket = bind("0.0.0.0".parse().unwrap(), 0, 0).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut receiver = Receiver::new(2_048);
        assert_eq!(receiver.receive(socket.as_raw_fd()).unwrap(), 0);
        for round in 1..4_u8 {
            let before = wall_clock();
            sender.send_to(&[round; 172], ("127.0.0.1", port)).unwrap();
            assert_eq!(receive_one(&mut receiver, &socket), 1);
            let datagram = receiver.datagram(0);
            assert_eq!((datagram.data, datagram.original), (&[round; 172][..], 172));
            assert_eq!(datagram.source, sender.local_addr().unwrap());
            assert_eq!(datagram.control.local, Some("127.0.0.1".parse().unwrap()));
            let time = datagram.control.time_ns.unwrap();
            assert!(before <= time && time <= wall_clock());
        }
    }

    #[test]
    fn packets_are_stamped_on_arrival_and_not_when_read() {
        let _keeper = keep_stamping().unwrap();
        let socket = bind("127.0.0.1".parse().unwrap(), 0, 0).unwrap();
        UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .send_to(b"x", socket.local_addr().unwrap())
            .unwrap();
        await_datagram(&socket);
        let arrived = wall_clock();
        let mut receiver = Receiver::new(2_048);
        assert_eq!(receiver.receive(socket.as_raw_fd()).unwrap(), 1);
        assert!(receiver.datagram(0).control.time_ns.unwrap() <= arrived);
    }

    #[test]
    fn a_datagram_larger_than_its_slot_keeps_its_length() {
        let socket = bind("127.0.0.1".parse().unwrap(), 0, 1 << 20).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender
            .send_to(&vec![9; 65_000], socket.local_addr().unwrap())
            .unwrap();
        let mut receiver = Receiver::new(2_048);
        assert_eq!(receive_one(&mut receiver, &socket), 1);
        let datagram = receiver.datagram(0);
        assert_eq!((datagram.data.len(), datagram.original), (2_048, 65_000));
    }

    #[test]
    fn ipv6_names_its_source() {
        let Ok(socket) = bind("::1".parse().unwrap(), 0, 0) else {
            return;
        };
        let sender = UdpSocket::bind("[::1]:0").unwrap();
        sender.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        let mut receiver = Receiver::new(2_048);
        assert_eq!(receive_one(&mut receiver, &socket), 1);
        assert_eq!(receiver.datagram(0).source, sender.local_addr().unwrap());
    }

    #[test]
    fn broken_control_data_is_not_followed() {
        for bytes in [
            vec![],
            vec![1; 7],
            vec![0; 64],
            vec![0xff; 64],
            vec![20, 0, 0, 0, 0, 0, 0, 0],
        ] {
            let mut rest = &bytes[..];
            let found = std::iter::from_fn(|| next_control(&mut rest)).count();
            assert_eq!(found, 0);
        }
    }
}
