//! Makes blocks of what earlier lives took from a socket and died on.

use super::inner::Inner;
use super::{Recording, Resources};
use crate::error::Error;
use crate::notice::lock;
use crate::shelter::desk::Desk;
use crate::shelter::estate::Batch;
use siprecord_core::ip::Datagram;
use siprecord_core::pcapng::write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// What became of what earlier lives left, beyond the streams that go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Logs that were completed.
    pub logs: u64,
    /// Datagrams that were stored, and those that can't be stored by anybody but their stream.
    pub stored: u64,
    pub lost: u64,
}

impl Settled {
    pub fn add(&mut self, other: Self) {
        self.logs += other.logs;
        self.stored += other.stored;
        self.lost += other.lost;
    }
}

impl Inner {
    /// For a stream that goes on: as if it had just received them.
    pub(super) fn take_over(&mut self, index: usize, batch: &Batch) {
        let mut desk = Desk::of(batch, self.log.aim().position);
        self.streams[index].take_over(&batch.origin, &mut desk);
        self.put_down(&mut desk);
    }

    /// For a stream that is no more: stored as they are, where that may be.
    fn take_plain(&mut self, batch: &Batch) -> Settled {
        let mut settled = Settled::default();
        let mut desk = Desk::of(batch, self.log.aim().position);
        let origin = &batch.origin;
        for index in 0..desk.receiver.count() {
            let received = desk.receiver.datagram(index);
            let time_ns = match received.control.time_ns {
                Some(stamp) => self.clock.arrival(stamp),
                None => self.clock.now(),
            };
            let wanted = (time_ns > origin.switched_at) != origin.paused;
            if !wanted || !origin.plain {
                settled.lost += u64::from(wanted);
                continue;
            }
            let local = received.control.local.unwrap_or(origin.local.ip());
            let datagram = Datagram {
                source: received.source,
                destination: SocketAddr::new(local, origin.local.port()),
                payload: received.data,
                original: received.original,
            };
            write::datagram(&mut desk.blocks, origin.interface, time_ns, &datagram);
            settled.stored += 1;
        }
        desk.taken();
        self.put_down(&mut desk);
        settled
    }
}

impl Recording {
    /// Writes what is left for this log, whose streams are no more.
    pub fn settle(&self) -> Settled {
        let mut total = Settled::default();
        let path = Path::new(&self.path);
        let mut inner = lock(&self.inner);
        while let Some(batch) = lock(&self.resources.estate).batch(path, None) {
            total.add(inner.take_plain(&batch));
        }
        total
    }

    /// Completes a log that nobody goes on with.
    pub fn complete(resources: &Arc<Resources>, path: &Path) -> Result<Settled, Error> {
        let (recording, _) = Self::resume(resources.clone(), path)?;
        let settled = recording.settle();
        recording.close(false)?;
        resources.let_go(path);
        Ok(Settled { logs: 1, ..settled })
    }
}

impl Resources {
    /// Takes in the shelter of an earlier life.
    pub fn inherit(&self, file: std::os::fd::OwnedFd) -> Result<(), Error> {
        lock(&self.estate).inherit(file).map_err(Error::Shelter)
    }

    /// The logs that something may be left for.
    pub fn left_for(&self) -> Vec<std::path::PathBuf> {
        lock(&self.estate).paths()
    }

    /// All that was left for this log is with it.
    pub(crate) fn let_go(&self, path: &Path) {
        lock(&self.estate).let_go(path);
    }

    /// Nothing is wanted of earlier lives any more.
    pub fn forget(&self) {
        *lock(&self.estate) = Default::default();
    }
}

#[cfg(test)]
mod tests;
