//! The shelter: memory for what was taken from a socket and is not in its log yet, which outlives this process.
//!
//! It is one memfd for each life of the engine. Whoever keeps a duplicate of its descriptor can hand it to the
//! next process, which writes what is missing (`estate.rs`). Every byte of a log has its position in the file
//! from the moment it is gathered here, so that a reader sees by the length of the file what is in it already.

pub mod backlog;
pub mod desk;
pub mod estate;
pub mod figures;
pub mod flight;
pub mod layout;
pub mod memory;
pub mod place;
pub mod reached;

use crate::notice::lock;
use layout::{at, Layout, PLACES};
use memory::Memory;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex};

pub struct Shelter {
    file: OwnedFd,
    layout: Layout,
    head: Memory,
    free: Mutex<Free>,
}

/// Which places and desks are in use.
#[derive(Default)]
struct Free {
    /// Places that were used before; all from `places` on never were.
    places_left: BTreeSet<u32>,
    places: u32,
    desks: u32,
}

impl Shelter {
    /// `datagram_bytes` is the most that is kept of one datagram, `max_pending` of one recording.
    pub fn new(datagram_bytes: usize, max_pending: usize) -> io::Result<Arc<Self>> {
        // SAFETY: the name lives through the call; a non-negative result is a new descriptor that we own.
        let file = unsafe {
            match libc::memfd_create(c"siprecord-shelter".as_ptr(), libc::MFD_CLOEXEC) {
                -1 => return Err(io::Error::last_os_error()),
                fd => OwnedFd::from_raw_fd(fd),
            }
        };
        Self::within(file, Layout::new(datagram_bytes, max_pending))
    }

    /// In an empty memfd.
    pub fn within(file: OwnedFd, layout: Layout) -> io::Result<Arc<Self>> {
        // Nothing but holes: memory is taken where something is written.
        std::fs::File::from(file.try_clone()?).set_len(layout.file_length())?;
        let head = Memory::of(file.as_fd(), 0, layout::HEAD)?;
        layout.write(&head);
        Ok(Arc::new(Self {
            file,
            layout,
            head,
            free: Mutex::default(),
        }))
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// A place for one recording.
    pub fn place(self: &Arc<Self>, path: &Path) -> io::Result<place::Place> {
        let index = self.take_place()?;
        place::Place::new(self.clone(), index, path)
    }

    fn take_place(&self) -> io::Result<u32> {
        let mut free = lock(&self.free);
        if let Some(index) = free.places_left.pop_first() {
            return Ok(index);
        }
        if free.places == PLACES {
            return Err(io::Error::other("there are too many recordings"));
        }
        free.places += 1;
        self.head.word(at::PLACES).set(u64::from(free.places));
        Ok(free.places - 1)
    }

    fn put_back(&self, index: u32) {
        lock(&self.free).places_left.insert(index);
    }

    /// Memory for a desk.
    pub fn desk(&self) -> io::Result<Memory> {
        let mut free = lock(&self.free);
        let layout = self.layout;
        let offset = layout.desk(free.desks);
        if free.desks == layout::DESKS {
            return Err(io::Error::other("there are too many threads"));
        }
        let memory = Memory::of(self.file.as_fd(), offset, layout.desk_length())?;
        free.desks += 1;
        self.head.word(at::DESKS).set(u64::from(free.desks));
        Ok(memory)
    }

    /// Gives memory back to the system.
    fn clear(&self, offset: u64, length: usize) {
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        let (offset, length) = (offset as libc::off_t, length as libc::off_t);
        // SAFETY: no pointers are passed.
        unsafe {
            libc::fallocate(
                std::os::fd::AsRawFd::as_raw_fd(&self.file),
                mode,
                offset,
                length,
            );
        }
    }
}

impl AsFd for Shelter {
    /// For a process that keeps it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
