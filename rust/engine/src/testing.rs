//! What tests need of a network that other programs, and other tests, use at the same time.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// Longer than any machine is busy; it only ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A loopback address that no other test of this run has, nor one of another run beside it.
pub fn own_address() -> IpAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = GIVEN.fetch_add(1, Relaxed).to_be_bytes()[3];
    Ipv4Addr::new(127, high | 1, low, number.max(1)).into()
}

/// As many ports in a row, from an even one on, that nobody uses on this address of our own.
pub fn free_ports(address: IpAddr, count: u16) -> (u16, u16) {
    let mut first = 10_000;
    loop {
        let last = first + count - 1;
        let taken = (first..=last).find(|port| UdpSocket::bind((address, *port)).is_err());
        match taken {
            None => return (first, last),
            Some(port) => first = (port + 2) & !1,
        }
    }
}

/// Waits until a datagram has come, and leaves it there: the kernel may deliver it later than it was sent.
pub fn await_datagram(socket: &UdpSocket) {
    let mut poll = libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = i32::try_from(PATIENCE.as_millis()).expect("a minute");
    // SAFETY: one entry that lives through the call.
    let ready = unsafe { libc::poll(&raw mut poll, 1, limit) };
    assert_eq!(ready, 1, "no datagram came");
}
