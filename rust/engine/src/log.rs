//! The open capture log: appends whole blocks, and keeps what the disk does not take.

use crate::error::Error;
use crate::notice::{Kind, Notice, Notices};
use crate::restore::restore;
use crate::survey::{survey, Survey};
use siprecord_core::pcapng::block;
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

/// A file that only grows, by whole blocks.
///
/// When a write is cut short, the rest waits in memory and is retried, so the file becomes whole again before
/// anything else follows.
pub struct Log {
    file: File,
    path: PathBuf,
    name: String,
    notices: Arc<Notices>,
    pending: Vec<u8>,
    max_pending: usize,
    /// Bytes in the file of a block that is not complete there, and how many of it wait in `pending`.
    torn: (usize, usize),
    written: u64,
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
        max_pending: usize,
    ) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o640)
            .custom_flags(libc::O_CLOEXEC)
            .open(path)?;
        let _ = lock(&file); // nobody else can have it yet
        if let Err(error) = file.write_all(header) {
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(Self::around(
            file,
            path,
            notices,
            max_pending,
            header.len() as u64,
        ))
    }

    /// Opens an existing log for append. Half a block at its end, left by a writer that died, is cut off.
    pub fn resume(
        path: &Path,
        notices: Arc<Notices>,
        max_pending: usize,
    ) -> Result<(Self, Survey), Error> {
        let resume = || {
            let file = OpenOptions::new()
                .append(true)
                .custom_flags(libc::O_CLOEXEC)
                .open(path)?;
            lock(&file)?;
            let survey = survey(path)?;
            if survey.whole < survey.length {
                file.set_len(survey.whole)?;
            }
            Ok((file, survey))
        };
        let (file, survey) = resume().map_err(|error| Error::Resume {
            path: path.display().to_string(),
            error,
        })?;
        let log = Self::around(file, path, notices, max_pending, survey.whole);
        Ok((log, survey))
    }

    fn around(
        file: File,
        path: &Path,
        notices: Arc<Notices>,
        max_pending: usize,
        written: u64,
    ) -> Self {
        Self {
            file,
            path: path.to_owned(),
            name: path.display().to_string(),
            notices,
            pending: Vec::new(),
            max_pending,
            torn: (0, 0),
            written,
            dropped: 0,
            failing_since: None,
            deleted: false,
        }
    }

    /// Appends whole blocks by one write, if nothing older waits.
    pub fn append(&mut self, blocks: &[u8], keep: Keep) {
        if blocks.is_empty() {
            return;
        }
        let taken = if self.pending.is_empty() {
            self.write(blocks)
        } else {
            0
        };
        if taken == blocks.len() {
            return self.recovered();
        }
        if self.pending.is_empty() {
            self.note_tear(blocks, taken);
        }
        self.keep(&blocks[taken..], keep);
    }

    /// Tries again to write what waits.
    pub fn retry(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        let taken = self.write(&pending);
        self.note_tear(&pending, taken);
        self.pending = pending;
        self.pending.drain(..taken);
        if self.pending.is_empty() {
            self.pending = Vec::new();
            self.recovered();
        }
    }

    /// The last attempt. What the disk still refuses is given up, and the file is cut back to whole blocks.
    pub fn finish(&mut self, sync: bool) -> io::Result<()> {
        self.retry();
        if !self.pending.is_empty() {
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
        self.pending.len()
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
        let mut taken = 0;
        while taken < data.len() {
            match self.file.write(&data[taken..]) {
                Ok(0) => {
                    self.failed(&io::Error::from(io::ErrorKind::WriteZero));
                    break;
                }
                Ok(count) => taken += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed(&error);
                    break;
                }
            }
        }
        self.written += taken as u64;
        taken
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

    /// Finds the block that a write of the first `taken` bytes of `data` has left incomplete.
    fn note_tear(&mut self, data: &[u8], taken: usize) {
        let (in_file, waiting) = self.torn;
        if taken < waiting {
            self.torn = (in_file + taken, waiting - taken);
            return;
        }
        let mut start = waiting;
        self.torn = (0, 0);
        while start < taken {
            let length = block_length(&data[start..]);
            if start + length > taken {
                self.torn = (taken - start, start + length - taken);
            }
            start += length;
        }
    }

    /// Keeps the rest of a torn block in any case, and whole blocks while there is room.
    fn keep(&mut self, rest: &[u8], keep: Keep) {
        let torn = if self.pending.is_empty() {
            self.torn.1
        } else {
            0
        };
        self.pending.extend_from_slice(&rest[..torn]);
        let mut start = torn;
        while start < rest.len() {
            let length = block_length(&rest[start..]);
            if keep == Keep::Always || self.pending.len() + length <= self.max_pending {
                self.pending.extend_from_slice(&rest[start..start + length]);
            } else {
                self.dropped += 1;
            }
            start += length;
        }
    }

    fn give_up(&mut self) -> io::Result<()> {
        let (in_file, waiting) = self.torn;
        let mut lost = u64::from(in_file > 0);
        let mut start = waiting;
        while start < self.pending.len() {
            start += block_length(&self.pending[start..]);
            lost += 1;
        }
        self.pending = Vec::new();
        self.dropped += lost;
        self.written -= in_file as u64;
        self.torn = (0, 0);
        let dropped = self.dropped - self.failing_since.take().unwrap_or(self.dropped);
        let text = "the capture log was closed before the disk took everything".to_owned();
        self.tell(Kind::WriteFailed, text, dropped);
        self.file.set_len(self.written)
    }
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

/// Length of the block at the start of `data`, all of which we have built ourselves.
fn block_length(data: &[u8]) -> usize {
    block::head(data).map_or(data.len(), |(_, length)| {
        length.clamp(12, data.len().max(12))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use siprecord_core::pcapng::write;

    fn event(length: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write::custom(&mut out, &vec![b'x'; length]);
        out
    }

    fn log(name: &str, max_pending: usize) -> (Log, std::path::PathBuf, Arc<Notices>) {
        let path =
            std::env::temp_dir().join(format!("siprecord-log-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let notices = Arc::new(Notices::new().unwrap());
        (
            Log::create(&path, b"", notices.clone(), max_pending).unwrap(),
            path,
            notices,
        )
    }

    /// A log whose writes all fail, as it is open for reading only.
    fn refusing(name: &str, max_pending: usize) -> (Log, std::path::PathBuf, Arc<Notices>) {
        let (mut log, path, notices) = log(name, max_pending);
        log.file = File::open(&path).unwrap();
        (log, path, notices)
    }

    fn mend(log: &mut Log, path: &Path) {
        log.file = OpenOptions::new().append(true).open(path).unwrap();
    }

    #[test]
    fn a_file_that_exists_is_not_touched() {
        let (_, path, notices) = log("exists", 0);
        assert!(Log::create(&path, b"", notices, 0).is_err());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_refused_waits_and_is_written_in_order() {
        let (mut log, path, notices) = refusing("waits", 1_000);
        let blocks = [event(10), event(20), event(30)].concat();
        log.append(&blocks, Keep::IfRoom);
        log.retry();
        assert_eq!(
            (log.bytes_written(), log.pending_bytes()),
            (0, blocks.len())
        );
        assert!(log.is_failing());
        mend(&mut log, &path);
        log.append(&event(40), Keep::IfRoom);
        log.retry();
        assert_eq!(std::fs::read(&path).unwrap(), [blocks, event(40)].concat());
        let kinds: Vec<_> = notices
            .drain()
            .into_iter()
            .map(|notice| notice.kind)
            .collect();
        assert_eq!(kinds, [Kind::WriteFailed, Kind::WriteRecovered]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn beyond_the_bound_whole_blocks_are_dropped_and_counted() {
        let (mut log, path, notices) = refusing("bound", 100);
        for _ in 0..10 {
            log.append(&event(24), Keep::IfRoom);
        }
        log.append(&event(4), Keep::Always);
        assert_eq!((log.pending_bytes(), log.dropped()), (80 + 20, 8));
        log.append(&event(400), Keep::Always);
        mend(&mut log, &path);
        log.retry();
        let expected = [event(24), event(24), event(4), event(400)].concat();
        assert_eq!(std::fs::read(&path).unwrap(), expected);
        assert_eq!(notices.drain()[1].dropped, 8);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn every_tear_is_known_and_mended() {
        let blocks = [event(10), event(20), event(30)].concat();
        for cut in 0..=blocks.len() {
            let (mut log, path, _) = log(&format!("tear-{cut}"), 0);
            // As if the disk had taken `cut` bytes and then refused.
            log.file.write_all(&blocks[..cut]).unwrap();
            log.written = cut as u64;
            log.note_tear(&blocks, cut);
            log.keep(&blocks[cut..], Keep::Always);
            let whole = log.written - log.torn.0 as u64;
            assert!([0, 28, 64, 112].contains(&whole), "{cut}: {whole}");
            for step in 0..log.pending.len() {
                log.note_tear(&log.pending.clone(), step.min(1));
                log.file.write_all(&log.pending[..step.min(1)]).unwrap();
                log.pending.drain(..step.min(1));
            }
            log.retry();
            assert_eq!(
                (std::fs::read(&path).unwrap(), log.torn),
                (blocks.clone(), (0, 0))
            );
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn closing_on_a_full_disk_leaves_whole_blocks() {
        let blocks = [event(10), event(20), event(30)].concat();
        for cut in 0..blocks.len() {
            let (mut log, path, notices) = log(&format!("close-{cut}"), 0);
            log.file.write_all(&blocks[..cut]).unwrap();
            log.written = cut as u64;
            log.failing_since = Some(0);
            log.note_tear(&blocks, cut);
            log.keep(&blocks[cut..], Keep::Always);
            log.give_up().unwrap();
            let whole = [0, 28, 64]
                .into_iter()
                .filter(|end| *end <= cut)
                .max()
                .unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), blocks[..whole]);
            let lost = notices.drain()[0].dropped;
            assert_eq!(
                lost,
                [0, 28, 64]
                    .into_iter()
                    .filter(|start| *start >= whole)
                    .count() as u64
            );
            std::fs::remove_file(path).unwrap();
        }
    }
}
