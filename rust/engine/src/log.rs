//! The open capture log: appends whole blocks, and keeps what the disk does not take.

use crate::clock::Clock;
use crate::death;
use crate::error::Error;
use crate::known::{Interface, Known};
use crate::notice::{Kind, Notice, Notices};
use crate::restore::restore;
use crate::shelter::estate::{Found, Piece};
use crate::shelter::figures::Slot;
use crate::shelter::flight::Aim;
use crate::shelter::place::Place;
use crate::shelter::Shelter;
use crate::survey::{self, Survey};
use siprecord_core::pcapng::block::{boundary, count, own_length};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether a block may be given up when memory for unwritten blocks runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    IfRoom,
    /// For interface descriptions: without one, all later interface numbers would be wrong.
    Always,
}

/// Whoever goes on with a log has to read no more of it than that, and what was written last.
const NOTE_EVERY: u64 = 64 * 1024;

/// A file that only grows, by whole blocks.
///
/// When a write is cut short, the rest waits in the shelter and is retried, so the file becomes whole again
/// before anything else follows.
pub struct Log {
    file: File,
    path: PathBuf,
    name: String,
    notices: Arc<Notices>,
    place: Place,
    max_pending: usize,
    written: u64,
    /// The position that the place was told last.
    noted: u64,
    dropped: u64,
    /// While writing fails: the value of `dropped` when that began.
    failing_since: Option<u64>,
    /// Somebody has deleted the file, and it can't be brought back so far.
    deleted: bool,
}

impl Log {
    /// Creates the file, which must not exist.
    ///
    /// `header` must be on the disk before anything else counts: when it can't be written, no file stays.
    pub fn create(
        path: &Path,
        header: &[u8],
        notices: Arc<Notices>,
        shelter: &Arc<Shelter>,
    ) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o640)
            .custom_flags(libc::O_CLOEXEC)
            .open(path)?;
        let _ = lock(&file); // nobody else can have it yet
        let place = file
            .write_all(header)
            .and_then(|()| shelter.place(path))
            .inspect_err(|_| {
                let _ = std::fs::remove_file(path);
            })?;
        Ok(Self::around(
            (file, path),
            notices,
            (place, shelter.layout().max_pending),
            header.len() as u64,
        ))
    }

    /// Opens an existing log for append, and writes what its writer died on. Half a block that is left at its end is
    /// cut off.
    pub fn resume(
        path: &Path,
        notices: Arc<Notices>,
        shelter: &Arc<Shelter>,
        found: &Found,
    ) -> Result<(Self, Survey), Error> {
        let resume = || {
            let file = OpenOptions::new()
                .append(true)
                .custom_flags(libc::O_CLOEXEC)
                .open(path)?;
            lock(&file)?;
            let length = file.metadata()?.len();
            let place = (shelter.place(path)?, shelter.layout().max_pending);
            let mut log = Self::around((file, path), notices, place, length);
            found.pieces.iter().for_each(|piece| log.replay(piece));
            let survey = log.survey(found)?;
            Ok((log, survey))
        };
        resume().map_err(|error| Error::Resume {
            path: path.display().to_string(),
            error,
        })
    }

    fn around(
        (file, path): (File, &Path),
        notices: Arc<Notices>,
        (place, max_pending): (Place, usize),
        written: u64,
    ) -> Self {
        Self {
            file,
            path: path.to_owned(),
            name: path.display().to_string(),
            notices,
            place,
            max_pending,
            written,
            noted: 0,
            dropped: 0,
            failing_since: None,
            deleted: false,
        }
    }

    /// Writes what is not in the file of blocks that belong there.
    fn replay(&mut self, piece: &Piece) {
        let end = piece.position + piece.blocks.len() as u64;
        if self.position() < end {
            // A file that is shorter than it was gets all of it, wherever that is now.
            let there = self.position().saturating_sub(piece.position) as usize;
            self.append_from(&piece.blocks, there, Keep::Always);
        }
    }

    /// Learns which interfaces there are, and cuts off half a block.
    fn survey(&mut self, found: &Found) -> io::Result<Survey> {
        let length = self.file.metadata()?.len();
        let survey = match &found.known {
            Some((whole, known)) if *whole <= length => {
                survey::tail(&self.path, *whole, known.clone())?
            }
            _ => survey::survey(&self.path)?,
        };
        if survey.whole < survey.length && self.place.backlog.is_empty() {
            self.file.set_len(survey.whole)?;
            self.written = survey.whole;
        }
        survey
            .interfaces
            .iter()
            .for_each(|each| self.place.add(each));
        self.place.know(survey.whole);
        Ok(survey)
    }

    /// Appends whole blocks by one write, if nothing older waits.
    pub fn append(&mut self, blocks: &[u8], keep: Keep) {
        if !blocks.is_empty() {
            self.append_from(blocks, 0, keep);
        }
    }

    /// Appends the description of an interface, without which all later blocks would be worth nothing.
    pub fn append_interface(&mut self, block: &[u8], known: Known) {
        let offset = self.position();
        self.append(block, Keep::Always);
        self.place.add(&Interface { offset, known });
    }

    /// The header that the file was created with describes this interface.
    pub fn knows(&self, interface: &Interface) {
        self.place.add(interface);
        self.place.know(self.written);
    }

    /// The recording's clock, for the next life.
    pub fn note_clock(&self, clock: &Clock) {
        self.place.note_clock(clock);
    }

    /// Room for the figures of a stream.
    pub fn figures(&self, interface: u32) -> Option<Slot> {
        self.place.figures(interface)
    }

    /// Where the next blocks belong, and whose they are.
    pub fn aim(&self) -> Aim {
        Aim {
            place: self.place.index(),
            position: self.position(),
        }
    }

    fn position(&self) -> u64 {
        if self.place.backlog.is_empty() {
            self.written
        } else {
            self.place.backlog.end()
        }
    }

    /// Appends blocks of which `there` bytes are in the file, or with what waits, already.
    fn append_from(&mut self, blocks: &[u8], there: usize, keep: Keep) {
        if !self.place.backlog.is_empty() {
            return self.keep(&blocks[there..], keep);
        }
        self.note_whole(self.written - (there - boundary(blocks, there)) as u64);
        let taken = there + self.write(&blocks[there..]);
        if taken == blocks.len() {
            return self.recovered();
        }
        self.refused(blocks, taken, keep);
    }

    /// Not at each write: the place is memory that nothing else needs just then.
    fn note_whole(&mut self, position: u64) {
        if position.abs_diff(self.noted) >= NOTE_EVERY {
            self.noted = position;
            self.place.note_whole(position);
        }
    }

    /// The disk took only so many bytes.
    fn refused(&mut self, blocks: &[u8], taken: usize, keep: Keep) {
        let whole = boundary(blocks, taken);
        let torn = taken - whole;
        let base = self.written - torn as u64;
        self.place.backlog.begin(base, torn);
        self.keep(&blocks[whole..], keep);
        if self.place.backlog.is_empty() && torn > 0 && self.file.set_len(base).is_ok() {
            self.written = base;
        }
    }

    /// Tries again to write what waits.
    pub fn retry(&mut self) {
        if self.place.backlog.is_empty() {
            return;
        }
        let (taken, error) = put(&mut self.file, self.place.backlog.rest());
        self.note(taken, error);
        self.place.backlog.advance(taken);
        if self.place.backlog.waiting() == 0 {
            self.place.backlog.clear();
            self.recovered();
        }
    }

    /// The last attempt. What the disk still refuses is given up, and the file is cut back to whole blocks.
    pub fn finish(&mut self, sync: bool) -> io::Result<()> {
        self.retry();
        if !self.place.backlog.is_empty() {
            self.give_up()?;
        }
        self.bring_back()?;
        unlock(&self.file);
        if sync {
            self.file.sync_data()
        } else {
            Ok(())
        }
    }

    /// Brings the file back if somebody has deleted it. For now and then: it costs a system call.
    pub fn watch(&mut self) {
        match self.bring_back() {
            Ok(()) => self.deleted = false,
            Err(error) if !self.deleted => {
                self.deleted = true;
                let text = "somebody deleted the capture log, and it can't be restored so far";
                self.tell(Kind::WriteFailed, format!("{text}: {error}"), 0);
            }
            Err(_) => {}
        }
    }

    fn bring_back(&mut self) -> io::Result<()> {
        if let Some(file) = restore(&self.file, &self.path)? {
            let _ = lock(&file); // nobody else can have it yet
            self.file = file;
            let text = "somebody deleted the capture log while it was written; it is restored";
            self.tell(Kind::WriteFailed, text.to_owned(), 0);
        }
        Ok(())
    }

    pub fn bytes_written(&self) -> u64 {
        self.written
    }

    pub fn pending_bytes(&self) -> usize {
        self.place.backlog.waiting()
    }

    /// Packets, messages and events that never reached the file.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// Says something about this recording to the application.
    pub fn tell(&self, kind: Kind, text: String, dropped: u64) {
        self.notices.push(Notice {
            recording: self.name.clone(),
            kind,
            text,
            dropped,
            interface: 0,
        });
    }

    /// Says something about one of its streams.
    pub fn tell_of(&self, interface: u32, kind: Kind, text: String) {
        self.notices.push(Notice {
            recording: self.name.clone(),
            kind,
            text,
            dropped: 0,
            interface,
        });
    }

    fn write(&mut self, data: &[u8]) -> usize {
        let (taken, error) = put(&mut self.file, data);
        self.note(taken, error);
        taken
    }

    fn note(&mut self, taken: usize, error: Option<io::Error>) {
        self.written += taken as u64;
        if let Some(error) = error {
            self.failed(&error);
        }
    }

    fn failed(&mut self, error: &io::Error) {
        if self.failing_since.is_none() {
            self.failing_since = Some(self.dropped);
            self.tell(
                Kind::WriteFailed,
                format!("writing the capture log failed: {error}"),
                0,
            );
        }
    }

    fn recovered(&mut self) {
        if let Some(before) = self.failing_since.take() {
            let text = "the capture log is being written again".to_owned();
            self.tell(Kind::WriteRecovered, text, self.dropped - before);
        }
    }

    /// Keeps the rest of a torn block in any case, and whole blocks while there is room: where one is dropped, all
    /// that come with it and follow are.
    fn keep(&mut self, rest: &[u8], keep: Keep) {
        let backlog = &mut self.place.backlog;
        let torn = backlog.is_empty() && backlog.started() > 0;
        let room = self.max_pending + backlog.started();
        let mut kept = 0;
        while kept < rest.len() {
            let next = kept + own_length(&rest[kept..]);
            let wanted = keep == Keep::Always || (torn && kept == 0);
            if !wanted && backlog.length() + next > room {
                break;
            }
            kept = next;
        }
        if kept > 0 && !backlog.add(&rest[..kept]) {
            kept = 0;
        }
        if backlog.is_empty() {
            backlog.clear();
        }
        self.dropped += count(&rest[kept..]);
    }

    fn give_up(&mut self) -> io::Result<()> {
        let backlog = &mut self.place.backlog;
        let (blocks, started) = (backlog.blocks(), backlog.started());
        let whole = boundary(blocks, started);
        self.written -= (started - whole) as u64;
        self.dropped += count(&blocks[whole..]);
        backlog.clear();
        let dropped = self.dropped - self.failing_since.take().unwrap_or(self.dropped);
        let text = "the capture log was closed before the disk took everything".to_owned();
        self.tell(Kind::WriteFailed, text, dropped);
        self.file.set_len(self.written)
    }
}

/// Writes what the disk takes: how many bytes, and why not more.
fn put(file: &mut File, data: &[u8]) -> (usize, Option<io::Error>) {
    death::step();
    #[cfg(test)]
    death::tear(file, data);
    let mut taken = 0;
    while taken < data.len() {
        match file.write(&data[taken..]) {
            Ok(0) => return (taken, Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => taken += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (taken, Some(error)),
        }
    }
    death::step();
    (taken, None)
}

/// Keeps other recorders from writing to the same log; a dead one's lock is gone with it.
///
/// A file system that knows no locks is no reason not to record.
fn lock(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open; no pointers are passed.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock {
        return Err(io::Error::other("it is being written already"));
    }
    Ok(())
}

fn unlock(file: &File) {
    // SAFETY: the descriptor is open; no pointers are passed.
    unsafe {
        libc::flock(file.as_raw_fd(), libc::LOCK_UN);
    }
}

#[cfg(test)]
mod tests;
