//! The least that a recorder must do, as a yardstick: `recvmmsg` and one `write` for each file and tick.

use crate::drain::thread_cpu_ns;
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::os::fd::RawFd;
use std::path::Path;
use std::ptr;
use std::time::{Duration, Instant};

const BATCH: usize = 64;
const SLOT: usize = 2_048;

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Sockets whose datagrams go to one file.
    pub sockets_per_file: usize,
    pub interval: Duration,
    pub duration: Duration,
    /// Whether the control data with the kernel's time stamps is fetched too.
    pub time_stamps: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    pub packets: u64,
    pub bytes: u64,
    pub cpu_ns: u64,
}

/// Empties the sockets each tick and appends the bare payloads to files in `folder`, in this thread.
pub fn run(sockets: &[RawFd], folder: &Path, plan: &Plan) -> io::Result<Outcome> {
    let count = sockets.len().div_ceil(plan.sockets_per_file.max(1));
    let mut files = (0..count)
        .map(|index| File::create(folder.join(format!("floor-{index}.bin"))))
        .collect::<io::Result<Vec<_>>>()?;
    let mut buffers = Buffers::new(plan.time_stamps);
    let mut outcome = Outcome::default();
    let (begin, start) = (thread_cpu_ns(), Instant::now());
    let mut due = start;
    while due < start + plan.duration {
        due += plan.interval;
        for (group, file) in sockets.chunks(plan.sockets_per_file.max(1)).zip(&mut files) {
            buffers.gathered.clear();
            for socket in group {
                outcome.packets += buffers.drain(*socket)?;
            }
            outcome.bytes += buffers.gathered.len() as u64;
            file.write_all(&buffers.gathered)?;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    outcome.cpu_ns = thread_cpu_ns() - begin;
    Ok(outcome)
}

struct Buffers {
    slots: Vec<[u8; SLOT]>,
    controls: Vec<[u64; 8]>,
    _vectors: Vec<libc::iovec>,
    messages: Vec<libc::mmsghdr>,
    gathered: Vec<u8>,
    time_stamps: bool,
}

impl Buffers {
    fn new(time_stamps: bool) -> Self {
        let mut slots = vec![[0; SLOT]; BATCH];
        let mut controls = vec![[0_u64; 8]; BATCH];
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
            if time_stamps {
                message.msg_hdr.msg_control = controls[index].as_mut_ptr().cast();
            }
        }
        Self {
            slots,
            controls,
            _vectors: vectors,
            messages,
            gathered: Vec::new(),
            time_stamps,
        }
    }

    fn drain(&mut self, socket: RawFd) -> io::Result<u64> {
        let mut total = 0;
        loop {
            let count = self.receive(socket)?;
            for index in 0..count {
                let length = (self.messages[index].msg_len as usize).min(SLOT);
                self.gathered
                    .extend_from_slice(&self.slots[index][..length]);
            }
            total += count as u64;
            if count < BATCH {
                return Ok(total);
            }
        }
    }

    fn receive(&mut self, socket: RawFd) -> io::Result<usize> {
        if self.time_stamps {
            let room = mem::size_of_val(&self.controls[0]);
            self.messages
                .iter_mut()
                .for_each(|message| message.msg_hdr.msg_controllen = room as _);
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
        match usize::try_from(count) {
            Ok(count) => Ok(count),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error => Err(error),
            },
        }
    }
}
