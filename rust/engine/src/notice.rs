//! What happened on the engine's own threads, pulled by the application through one file descriptor.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Notices kept while nobody pulls them; beyond that the oldest is forgotten.
const MOST: usize = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The capture log can't be written; what arrives is kept as far as memory allows.
    WriteFailed,
    /// The capture log is being written again.
    WriteRecovered,
    /// A socket can't be read any more, or a recording has failed as a whole.
    StreamFailed,
    /// A stream follows another sender than before.
    SourceChanged,
    /// Somebody sends to a stream in earnest and is not followed.
    SourceRefused,
    /// Packets can't be authenticated: a wrong key, or somebody who has none.
    SrtpFailed,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WriteFailed => "write_failed",
            Self::WriteRecovered => "write_recovered",
            Self::StreamFailed => "stream_failed",
            Self::SourceChanged => "source_changed",
            Self::SourceRefused => "source_refused",
            Self::SrtpFailed => "srtp_failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The path of the capture log.
    pub recording: String,
    pub kind: Kind,
    pub text: String,
    /// Packets and messages that did not reach the log for this reason.
    pub dropped: u64,
    /// The stream's interface; 0 when the whole recording is meant.
    pub interface: u32,
}

/// A queue whose file descriptor is readable while there is something in it.
pub struct Notices {
    queue: Mutex<VecDeque<Notice>>,
    event: OwnedFd,
}

impl Notices {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed; a non-negative result is a new descriptor that we own.
        let event = unsafe {
            match libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) {
                -1 => return Err(io::Error::last_os_error()),
                fd => OwnedFd::from_raw_fd(fd),
            }
        };
        Ok(Self {
            queue: Mutex::default(),
            event,
        })
    }

    pub fn push(&self, notice: Notice) {
        let mut queue = lock(&self.queue);
        if queue.len() == MOST {
            queue.pop_front();
        }
        queue.push_back(notice);
        // SAFETY: the value lives through the call. It can fail only when the counter is full, thus readable.
        unsafe {
            libc::eventfd_write(self.event.as_raw_fd(), 1);
        }
    }

    /// Takes everything out; the descriptor is not readable afterwards.
    pub fn drain(&self) -> Vec<Notice> {
        let mut queue = lock(&self.queue);
        let mut count = 0;
        // SAFETY: the counter lives through the call; an empty event answers EAGAIN, which is fine.
        unsafe {
            libc::eventfd_read(self.event.as_raw_fd(), &mut count);
        }
        queue.drain(..).collect()
    }
}

impl AsFd for Notices {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// Locks although another thread may have panicked inside: each user of these mutexes leaves valid states.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(number: usize) -> Notice {
        let text = number.to_string();
        Notice {
            recording: "a".into(),
            kind: Kind::WriteFailed,
            text,
            dropped: 0,
            interface: 0,
        }
    }

    fn readable(notices: &Notices) -> bool {
        let mut poll = libc::pollfd {
            fd: notices.as_fd().as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one entry that lives through the call.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    #[test]
    fn readable_while_something_is_there() {
        let notices = Notices::new().unwrap();
        assert!(!readable(&notices));
        notices.push(notice(1));
        notices.push(notice(2));
        assert!(readable(&notices));
        assert_eq!(notices.drain(), [notice(1), notice(2)]);
        assert!(!readable(&notices));
        assert!(notices.drain().is_empty());
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let notices = Notices::new().unwrap();
        for number in 0..MOST + 10 {
            notices.push(notice(number));
        }
        let kept = notices.drain();
        assert_eq!((kept.len(), kept[0].text.as_str()), (MOST, "10"));
    }
}
