//! Mapped memory: of a memfd, so that it outlives this process, or our own.

use crate::death;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{compiler_fence, AtomicU64, Ordering};

const PAGE: usize = 4_096;

/// A mapping that ends with this value.
#[derive(Debug)]
pub struct Memory {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: a mapping belongs to no thread; access goes through `&mut`, atomics, or pointers whose users say why.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// A part of a file, which must be that long; both numbers are whole pages.
    pub fn of(file: BorrowedFd<'_>, offset: u64, length: usize) -> io::Result<Self> {
        Self::map(file.as_raw_fd(), offset, length, libc::MAP_SHARED)
    }

    /// Zeros that nobody else sees.
    pub fn own(length: usize) -> io::Result<Self> {
        Self::map(-1, 0, length, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)
    }

    fn map(fd: i32, offset: u64, length: usize, flags: i32) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: the kernel chooses where; nothing that exists is replaced.
        let start = unsafe {
            let flags = flags | libc::MAP_NORESERVE;
            libc::mmap(ptr::null_mut(), length, access, flags, fd, offset)
        };
        match NonNull::new(start.cast::<u8>()) {
            Some(start) if start.as_ptr().cast() != libc::MAP_FAILED => Ok(Self { start, length }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Has these bytes in memory from now on, so that the kernel can write to them without a page fault.
    ///
    /// Where the limit of locked memory is too low they could still be swapped out.
    pub fn settle(&self, at: usize, length: usize) {
        for page in (at / PAGE * PAGE..at + length).step_by(PAGE) {
            let byte = self.pointer(page, 1);
            // SAFETY: the byte is within the mapping.
            unsafe { byte.write_volatile(byte.read_volatile()) };
        }
        // SAFETY: the range is within the mapping; nothing is changed but where it may lie.
        unsafe { libc::mlock(self.pointer(at, length).cast(), length) };
    }

    /// Where `length` bytes from `at` lie; panics beyond the end.
    pub fn pointer(&self, at: usize, length: usize) -> *mut u8 {
        assert!(at <= self.length && length <= self.length - at);
        // SAFETY: within the mapping.
        unsafe { self.start.as_ptr().add(at) }
    }

    /// A copy of these bytes; panics beyond the end.
    pub fn read(&self, at: usize, length: usize) -> Vec<u8> {
        let from = self.pointer(at, length);
        // SAFETY: the range is within the mapping, and any bytes are valid.
        unsafe { std::slice::from_raw_parts(from, length) }.to_vec()
    }

    /// Panics beyond the end.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        let to = self.pointer(at, bytes.len());
        // SAFETY: the range is within the mapping, which no Rust value borrows.
        unsafe { ptr::copy(bytes.as_ptr(), to, bytes.len()) };
    }

    /// A word at a multiple of eight.
    pub fn word(&self, at: usize) -> Word<'_> {
        assert!(at % 8 == 0);
        // SAFETY: aligned, since mappings begin with a page; within the mapping; only ever used as an atomic.
        Word(unsafe { AtomicU64::from_ptr(self.pointer(at, 8).cast()) })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing that points into it outlives this value.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// A word that a later process reads.
#[derive(Clone, Copy)]
pub struct Word<'a>(&'a AtomicU64);

impl Word<'_> {
    pub fn get(self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Stores the value in its place among all stores of the program: those before are before it, those after
    /// are after it, whenever the process is killed. The reader begins after this process has ended, so what
    /// other processors see meanwhile does not matter; the compiler does.
    pub fn set(self, value: u64) {
        compiler_fence(Ordering::SeqCst);
        self.0.store(value, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        death::step();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_words_come_back() {
        let memory = Memory::own(2 * PAGE).unwrap();
        memory.settle(100, PAGE);
        memory.write(3, b"some bytes");
        assert_eq!(memory.read(3, 10), b"some bytes");
        memory.word(PAGE).set(7);
        assert_eq!(memory.word(PAGE).get(), 7);
    }

    #[test]
    #[should_panic]
    fn nothing_is_read_beyond_the_end() {
        Memory::own(PAGE).unwrap().read(PAGE - 1, 2);
    }
}
