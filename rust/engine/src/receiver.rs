//! The batch receiver that empties sockets: the memory that one `recvmmsg` call writes to.

use crate::shelter::memory::Memory;
use std::io;
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;
use std::ptr;
use std::sync::Arc;

/// Datagrams taken by one system call.
pub const BATCH: usize = 64;
/// A whole IPv4 or IPv6 datagram fits, so nothing is cut unless the settings say so.
pub const WHOLE_DATAGRAM: usize = 65_536;
/// Room for all that the kernel says beside a datagram, and whole cache lines.
const CONTROL: usize = 128;
const NAME: usize = size_of::<libc::sockaddr_storage>();
const MESSAGE: usize = size_of::<libc::mmsghdr>();
/// So much of each slot is there before it is needed: a common datagram meets no page fault in the kernel.
const SETTLED: usize = 2_048;
/// The length of a message that the kernel has not filled in.
const UNTOUCHED: u32 = u32::MAX;

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

/// Bytes of memory that a receiver needs; `slot` is the most that is kept of one datagram.
pub const fn length(slot: usize) -> usize {
    BATCH * (MESSAGE + NAME + CONTROL + stride(slot))
}

/// Slots a whole number of pages apart would fight for the same cache lines.
const fn stride(slot: usize) -> usize {
    slot.next_multiple_of(64) + 320
}

/// Buffers for one `recvmmsg` call. One for each thread, however many sockets it empties.
///
/// All that the kernel writes is in memory that another process can read: message heads, names, control data, and
/// the datagrams. A head says that it is untouched until the kernel has filled in all of its message.
pub struct Receiver {
    memory: Arc<Memory>,
    at: usize,
    slot: usize,
    vectors: Vec<libc::iovec>,
    used: usize,
}

// SAFETY: the raw pointers lead only into the memory that the same value holds.
unsafe impl Send for Receiver {}

impl Receiver {
    /// With memory of its own.
    pub fn own(slot: usize) -> io::Result<Self> {
        let memory = Arc::new(Memory::own(length(slot))?);
        Ok(Self::new(memory, 0, slot))
    }

    /// With `length(slot)` bytes of this memory, which nobody else uses.
    pub fn new(memory: Arc<Memory>, at: usize, slot: usize) -> Self {
        let mut receiver = Self::over(memory, at, slot);
        receiver
            .memory
            .settle(at, BATCH * (MESSAGE + NAME + CONTROL));
        for index in 0..BATCH {
            let slot_at = receiver.slot_at(index);
            receiver.memory.settle(slot_at, slot.min(SETTLED));
        }
        receiver.used = BATCH;
        receiver.reset();
        receiver
    }

    /// Finds what the kernel has written for a process before us, up to the first message that is untouched.
    pub fn left(memory: Arc<Memory>, at: usize, slot: usize) -> Self {
        let mut receiver = Self::over(memory, at, slot);
        let touched = |index: &usize| receiver.message(*index).msg_len != UNTOUCHED;
        receiver.used = (0..BATCH).take_while(touched).count();
        receiver
    }

    fn over(memory: Arc<Memory>, at: usize, slot: usize) -> Self {
        let mut receiver = Self {
            memory,
            at,
            slot,
            vectors: Vec::with_capacity(BATCH),
            used: 0,
        };
        for index in 0..BATCH {
            let vector = libc::iovec {
                iov_base: receiver
                    .memory
                    .pointer(receiver.slot_at(index), slot)
                    .cast(),
                iov_len: slot,
            };
            receiver.vectors.push(vector);
        }
        for index in 0..BATCH {
            receiver.point(index);
        }
        receiver
    }

    /// Points a head to its buffers; its lengths stay.
    fn point(&mut self, index: usize) {
        let name = self.memory.pointer(self.name_at(index), NAME);
        let control = self.memory.pointer(self.control_at(index), CONTROL);
        let vector: *mut _ = &mut self.vectors[index];
        let head = &mut self.message_mut(index).msg_hdr;
        head.msg_name = name.cast();
        head.msg_iov = vector;
        head.msg_iovlen = 1;
        head.msg_control = control.cast();
    }

    fn name_at(&self, index: usize) -> usize {
        self.at + BATCH * MESSAGE + index * NAME
    }

    fn control_at(&self, index: usize) -> usize {
        self.at + BATCH * (MESSAGE + NAME) + index * CONTROL
    }

    fn slot_at(&self, index: usize) -> usize {
        self.at + BATCH * (MESSAGE + NAME + CONTROL) + index * stride(self.slot)
    }

    fn message(&self, index: usize) -> &libc::mmsghdr {
        let head = self.memory.pointer(self.at + index * MESSAGE, MESSAGE);
        // SAFETY: within memory that only this value uses; any bytes are valid; aligned, as `at` is.
        unsafe { &*head.cast() }
    }

    fn message_mut(&mut self, index: usize) -> &mut libc::mmsghdr {
        let head = self.memory.pointer(self.at + index * MESSAGE, MESSAGE);
        // SAFETY: as in `message`, and `self` is borrowed mutably.
        unsafe { &mut *head.cast() }
    }

    /// Says of all messages that they are untouched.
    pub fn reset(&mut self) {
        for index in 0..self.used {
            let message = self.message_mut(index);
            message.msg_len = UNTOUCHED;
            message.msg_hdr.msg_namelen = NAME as u32;
            message.msg_hdr.msg_controllen = CONTROL as _;
        }
        self.used = 0;
    }

    /// Takes what the socket has, at most [`BATCH`] datagrams; 0 when it is empty. Call `reset` before.
    pub fn receive(&mut self, socket: RawFd) -> io::Result<usize> {
        debug_assert_eq!(self.used, 0);
        loop {
            // SAFETY: each message points to a name, a control buffer, a vector and a slot of the lengths it
            // gives, all held by `self`.
            let count = unsafe {
                let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
                let messages: *mut libc::mmsghdr = self.message_mut(0);
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

    /// How many datagrams the last batch has.
    pub fn count(&self) -> usize {
        self.used
    }

    /// A datagram of the last batch.
    #[inline]
    pub fn datagram(&self, index: usize) -> Received<'_> {
        assert!(index < self.used);
        let message = self.message(index);
        let original = message.msg_len as usize;
        let start = self.memory.pointer(self.slot_at(index), self.slot);
        let name = self.memory.pointer(self.name_at(index), NAME);
        // SAFETY: both are within memory that only this value uses, and any bytes are valid; names are aligned.
        let (data, name) = unsafe {
            let data = std::slice::from_raw_parts(start, original.min(self.slot));
            (data, &*name.cast::<libc::sockaddr_storage>())
        };
        Received {
            data,
            original,
            source: address(name),
            control: self.control(index, &message.msg_hdr),
        }
    }

    fn control(&self, index: usize, header: &libc::msghdr) -> Control {
        let mut control = Control::default();
        let start = self.memory.pointer(self.control_at(index), CONTROL);
        // SAFETY: within memory that only this value uses, and any bytes are valid.
        let mut rest =
            unsafe { std::slice::from_raw_parts(start, header.msg_controllen.min(CONTROL)) };
        while let Some((level, kind, data)) = next_control(&mut rest) {
            read_control(&mut control, (level, kind), data);
        }
        control
    }
}

/// Splits the first control message off: its level, its type and its data.
fn next_control<'a>(rest: &mut &'a [u8]) -> Option<(i32, i32, &'a [u8])> {
    const HEAD: usize = size_of::<libc::cmsghdr>();
    const WORD: usize = size_of::<usize>();
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
    use crate::socket::{bind, keep_stamping, wall_clock};
    use crate::testing::await_datagram;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    fn receive_one(receiver: &mut Receiver, socket: &UdpSocket) -> usize {
        await_datagram(socket);
        receiver.reset();
        receiver.receive(socket.as_raw_fd()).unwrap()
    }

    #[test]
    fn another_process_finds_what_was_taken_and_no_more() {
        let socket = bind("127.0.0.1".parse().unwrap(), 0, 0).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let memory = Arc::new(Memory::own(length(2_048)).unwrap());
        for count in [3, 1] {
            let mut receiver = Receiver::new(memory.clone(), 0, 2_048);
            receiver.receive(socket.as_raw_fd()).unwrap();
            assert_eq!(Receiver::left(memory.clone(), 0, 2_048).count(), 0);
            let mut receiver = Receiver::new(memory.clone(), 0, 2_048);
            // An empty datagram counts as well.
            for number in 0..count {
                let data = vec![7; number];
                sender.send_to(&data, socket.local_addr().unwrap()).unwrap();
            }
            assert_eq!(receive_one(&mut receiver, &socket), count);
            let left = Receiver::left(memory.clone(), 0, 2_048);
            assert_eq!(left.count(), count);
            for index in 0..count {
                let (found, sent) = (left.datagram(index), receiver.datagram(index));
                assert_eq!((found.data, found.source), (sent.data, sent.source));
                assert_eq!(found.control.time_ns, sent.control.time_ns);
                assert_eq!(found.data.len(), index);
            }
        }
    }

    #[test]
    fn a_datagram_with_its_time_and_addresses() {
        let socket = bind("0.0.0.0".parse().unwrap(), 0, 0).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut receiver = Receiver::own(2_048).unwrap();
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
        let mut receiver = Receiver::own(2_048).unwrap();
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
        let mut receiver = Receiver::own(2_048).unwrap();
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
        let mut receiver = Receiver::own(2_048).unwrap();
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
