//! The least that a recorder must do, as a yardstick: `recvmmsg` and one `write` for each file and tick, and for
//! protected streams the cryptography in between.
//!
//! Nothing else is done: no RTCP, no headers, no statistics, no judging of senders, and nothing that would outlive a
//! death in between.

use crate::drain::thread_cpu_ns;
use siprecord_srtp::{MasterKey, Receiver};
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::os::fd::RawFd;
use std::path::Path;
use std::ptr;
use std::time::{Duration, Instant};

const BATCH: usize = 64;
const SLOT: usize = 2_048;
/// What the engine stores beside each payload: a block's frame and the IPv4 and UDP headers.
const FRAME: [u8; 64] = [0; 64];

#[derive(Clone, Debug)]
pub struct Plan {
    /// Sockets whose datagrams go to one file.
    pub sockets_per_file: usize,
    pub interval: Duration,
    pub duration: Duration,
    /// Whether to fetch and store as much as the engine does: time stamps, addresses, and as many bytes.
    pub same_stores: bool,
    /// The key of all senders, when they send SRTP: what is not authentic is not stored.
    pub key: Option<MasterKey>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    pub packets: u64,
    pub bytes: u64,
    pub cpu_ns: u64,
}

/// Empties the sockets each tick and appends the bare payloads to files in `folder`, in this thread.
pub fn run(sockets: &[RawFd], folder: &Path, plan: &Plan) -> io::Result<Outcome> {
    let mut sources: Vec<_> = sockets
        .iter()
        .map(|socket| Source::new(*socket, plan.key.clone()))
        .collect();
    let per_file = plan.sockets_per_file.max(1);
    let mut files = (0..sources.len().div_ceil(per_file))
        .map(|index| File::create(folder.join(format!("floor-{index}.bin"))))
        .collect::<io::Result<Vec<_>>>()?;
    let mut buffers = Buffers::new(plan.same_stores);
    let mut outcome = Outcome::default();
    let (begin, start) = (thread_cpu_ns(), Instant::now());
    let mut due = start;
    while due < start + plan.duration {
        due += plan.interval;
        for (group, file) in sources.chunks_mut(per_file).zip(&mut files) {
            buffers.gathered.clear();
            for source in group {
                outcome.packets += buffers.drain(source)?;
            }
            outcome.bytes += buffers.gathered.len() as u64;
            file.write_all(&buffers.gathered)?;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    outcome.cpu_ns = thread_cpu_ns() - begin;
    Ok(outcome)
}

/// A socket, and what opens the packets that it gets.
struct Source {
    socket: RawFd,
    srtp: Option<Receiver>,
}

impl Source {
    fn new(socket: RawFd, key: Option<MasterKey>) -> Self {
        let srtp = key.map(|key| Receiver::new(vec![key]));
        Self { socket, srtp }
    }

    /// Appends the packet as it is stored; false when it is not authentic.
    fn store(&mut self, packet: &[u8], out: &mut Vec<u8>) -> bool {
        match &mut self.srtp {
            Some(srtp) => srtp.open_media(packet, 0, out).is_ok(),
            None => {
                out.extend_from_slice(packet);
                true
            }
        }
    }
}

struct Buffers {
    slots: Vec<[u8; SLOT]>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<[u64; 8]>,
    _vectors: Vec<libc::iovec>,
    messages: Vec<libc::mmsghdr>,
    gathered: Vec<u8>,
    used: usize,
    same_stores: bool,
}

impl Buffers {
    fn new(same_stores: bool) -> Self {
        let mut slots = vec![[0; SLOT]; BATCH];
        let mut controls = vec![[0_u64; 8]; BATCH];
        // SAFETY: all-zero bytes are a valid value of this plain C structure.
        let mut names: Vec<libc::sockaddr_storage> = vec![unsafe { mem::zeroed() }; BATCH];
        let mut vectors: Vec<_> = slots
            .iter_mut()
            .map(|slot| libc::iovec {
                iov_base: slot.as_mut_ptr().cast(),
                iov_len: SLOT,
            })
            .collect();
        // SAFETY: all-zero bytes are a valid value of this plain C structure.
        let mut messages: Vec<libc::mmsghdr> = vec![unsafe { mem::zeroed() }; BATCH];
        for (index, message) in messages.iter_mut().enumerate() {
            message.msg_hdr.msg_iov = &mut vectors[index];
            message.msg_hdr.msg_iovlen = 1;
            if same_stores {
                message.msg_hdr.msg_name = ptr::from_mut(&mut names[index]).cast();
                message.msg_hdr.msg_control = controls[index].as_mut_ptr().cast();
            }
        }
        Self {
            slots,
            names,
            controls,
            _vectors: vectors,
            messages,
            gathered: Vec::new(),
            used: 0,
            same_stores,
        }
    }

    /// Answers how many packets were stored.
    fn drain(&mut self, source: &mut Source) -> io::Result<u64> {
        let mut total = 0;
        loop {
            let count = self.receive(source.socket)?;
            for index in 0..count {
                let length = (self.messages[index].msg_len as usize).min(SLOT);
                if self.same_stores {
                    self.gathered.extend_from_slice(&FRAME);
                }
                let packet = &self.slots[index][..length];
                total += u64::from(source.store(packet, &mut self.gathered));
            }
            if count < BATCH {
                return Ok(total);
            }
        }
    }

    fn receive(&mut self, socket: RawFd) -> io::Result<usize> {
        if self.same_stores {
            let (name, control) = (
                mem::size_of_val(&self.names[0]),
                mem::size_of_val(&self.controls[0]),
            );
            for message in &mut self.messages[..self.used] {
                message.msg_hdr.msg_namelen = name as u32;
                message.msg_hdr.msg_controllen = control;
            }
        }
        // SAFETY: each message points to a vector, a slot and perhaps a control buffer that `self` owns.
        let count = unsafe {
            let messages = self.messages.as_mut_ptr();
            libc::recvmmsg(
                socket,
                messages,
                BATCH as u32,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        self.used = usize::try_from(count).unwrap_or(0);
        match usize::try_from(count) {
            Ok(count) => Ok(count),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error => Err(error),
            },
        }
    }
}
