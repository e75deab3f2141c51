//! UDP sockets with kernel time stamps.

use crate::receiver::Receiver;
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

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
    let mut receiver = Receiver::own(64)?;
    for _ in 0..1_000 {
        if socket.send_to(b"", address).is_err() {
            break; // no loopback interface, so nothing to learn
        }
        std::thread::sleep(Duration::from_millis(1));
        let read_at = wall_clock();
        receiver.reset();
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
