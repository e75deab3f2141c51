//! The engine: a few threads, each of which empties the sockets of its own recordings by the clock.

use crate::error::Error;
use crate::notice::{lock, Kind, Notice, Notices};
use crate::prefetch;
use crate::recording::{Recording, Resources, Settled};
use crate::settings::Settings;
use crate::shelter::desk::Desk;
use crate::socket;
use crate::stream::Yield;
use siprecord_core::pcapng::write::Section;
use std::any::Any;
use std::collections::HashMap;
use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Reports are rare, seconds lie between them: their sockets are emptied on every tenth tick only.
const RTCP_EVERY: u64 = 10;
/// Batches of 64 datagrams that one socket gets before the others have their turn.
const TURN: usize = 4;

/// Work done by all threads since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    pub packets: u64,
    pub bytes: u64,
    pub cpu_seconds: f64,
    pub recordings: usize,
    /// Rounds that began late, because the one before took longer than the interval.
    pub late_ticks: u64,
}

pub struct Engine {
    resources: Arc<Resources>,
    workers: Vec<Arc<Worker>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What was gone on with and is not settled yet.
    resumed: Mutex<HashMap<PathBuf, Weak<Recording>>>,
    _stamping: UdpSocket,
}

impl Engine {
    pub fn start(settings: &Settings) -> Result<Self, Error> {
        let notices = Notices::new().map_err(Error::Start)?;
        let resources = Resources::new(settings, notices).map_err(Error::Start)?;
        let mut engine = Self {
            resources: Arc::new(resources),
            workers: Vec::new(),
            threads: Mutex::default(),
            resumed: Mutex::default(),
            _stamping: socket::keep_stamping().map_err(Error::Start)?,
        };
        for number in 0..thread_count(settings.threads) {
            engine
                .add_thread(number, settings.interval)
                .map_err(Error::Start)?;
        }
        Ok(engine)
    }

    fn add_thread(&mut self, number: usize, interval: Duration) -> std::io::Result<()> {
        let worker = Arc::new(Worker::default());
        self.workers.push(worker.clone());
        let desk = self.resources.desk()?;
        let thread = thread::Builder::new()
            .name(format!("drain-{number}"))
            .spawn(move || worker.run(desk, interval))?;
        lock(&self.threads).push(thread);
        Ok(())
    }

    /// Creates a capture log.
    pub fn open_log(&self, path: &Path, section: &Section<'_>) -> Result<Arc<Recording>, Error> {
        let recording = Arc::new(Recording::create(self.resources.clone(), path, section)?);
        self.assign(&recording);
        Ok(recording)
    }

    /// Goes on with an existing capture log; also answers the names of its interfaces.
    pub fn resume_log(&self, path: &Path) -> Result<(Arc<Recording>, Vec<String>), Error> {
        let (recording, names) = Recording::resume(self.resources.clone(), path)?;
        let recording = Arc::new(recording);
        lock(&self.resumed).insert(path.to_owned(), Arc::downgrade(&recording));
        self.assign(&recording);
        Ok((recording, names))
    }

    /// Where this engine keeps what is on its way to a log. Whoever keeps a duplicate of this can hand it to the
    /// next engine.
    pub fn shelter(&self) -> BorrowedFd<'_> {
        self.resources.shelter.as_fd()
    }

    /// Takes in what an earlier engine left. Then resume its logs and streams, and then `settle`.
    pub fn inherit(&self, shelter: OwnedFd) -> Result<(), Error> {
        self.resources.inherit(shelter)
    }

    /// Writes what earlier engines left for logs and streams that were not resumed, and forgets those engines.
    ///
    /// A log that can't be completed is told of by a notice.
    pub fn settle(&self) -> Settled {
        let mut total = Settled::default();
        let resumed = std::mem::take(&mut *lock(&self.resumed));
        for (path, recording) in &resumed {
            if let Some(recording) = recording.upgrade() {
                total.add(recording.settle());
                self.resources.let_go(path);
            }
        }
        for path in self.resources.left_for() {
            match Recording::complete(&self.resources, &path) {
                Ok(settled) => total.add(settled),
                Err(error) => self.resources.notices.push(Notice {
                    recording: path.display().to_string(),
                    kind: Kind::WriteFailed,
                    text: error.to_string(),
                    dropped: 0,
                    interface: 0,
                }),
            }
        }
        self.resources.forget();
        total
    }

    /// Gives a recording to the thread with the fewest.
    fn assign(&self, recording: &Arc<Recording>) {
        let idlest = self
            .workers
            .iter()
            .min_by_key(|worker| worker.recordings.load(Relaxed));
        if let Some(worker) = idlest {
            worker.recordings.fetch_add(1, Relaxed);
            lock(&worker.inbox).push(recording.clone());
        }
    }

    pub fn notices(&self) -> &Notices {
        &self.resources.notices
    }

    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for worker in &self.workers {
            totals.packets += worker.packets.load(Relaxed);
            totals.bytes += worker.bytes.load(Relaxed);
            totals.cpu_seconds += worker.cpu_ns.load(Relaxed) as f64 / 1e9;
            totals.recordings += worker.recordings.load(Relaxed);
            totals.late_ticks += worker.late_ticks.load(Relaxed);
        }
        totals
    }

    /// Ends the threads after one last round. Open recordings can still be closed.
    pub fn close(&self) {
        for worker in &self.workers {
            worker.stop.store(true, Relaxed);
        }
        for thread in lock(&self.threads).drain(..) {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

fn thread_count(wanted: usize) -> usize {
    match wanted {
        0 => thread::available_parallelism()
            .map_or(1, usize::from)
            .min(4),
        wanted => wanted,
    }
}

#[derive(Default)]
struct Worker {
    inbox: Mutex<Vec<Arc<Recording>>>,
    stop: AtomicBool,
    recordings: AtomicUsize,
    packets: AtomicU64,
    bytes: AtomicU64,
    cpu_ns: AtomicU64,
    late_ticks: AtomicU64,
}

impl Worker {
    fn run(&self, mut desk: Desk, interval: Duration) {
        leave_signals_to_others();
        let mut mine = Vec::new();
        let mut next = Instant::now();
        for tick in 0_u64.. {
            let stopping = self.stop.load(Relaxed);
            next = (next + interval).max(Instant::now());
            self.renew(&mut mine);
            self.round(&mine, tick, next, &mut desk);
            self.cpu_ns.store(thread_cpu_ns(), Relaxed);
            if stopping {
                break;
            }
            self.wait(next);
        }
    }

    /// Takes new recordings in and lets closed ones go.
    fn renew(&self, mine: &mut Vec<Arc<Recording>>) {
        mine.append(&mut lock(&self.inbox));
        let before = mine.len();
        mine.retain(|recording| !recording.is_closed());
        self.recordings.fetch_sub(before - mine.len(), Relaxed);
    }

    /// Visits every recording once, then those that had more until the next tick is due.
    fn round(&self, mine: &[Arc<Recording>], tick: u64, due: Instant, desk: &mut Desk) {
        let mut busy: Vec<&Arc<Recording>> = Vec::new();
        let now = socket::steady_clock();
        for (index, recording) in mine.iter().enumerate() {
            let with_rtcp = (tick + index as u64) % RTCP_EVERY == 0;
            if let Some(soon) = mine.get(index + 2) {
                prefetch::value(&**soon);
            }
            if let Some(next) = mine.get(index + 1) {
                next.prefetch();
            }
            if self.visit(recording, (with_rtcp, now), desk) {
                busy.push(recording);
            }
        }
        while !busy.is_empty() && Instant::now() < due {
            busy.retain(|recording| self.visit(recording, (false, now), desk));
        }
    }

    /// Drains one recording; true when it has more. A defect ends the recording, not the thread.
    fn visit(&self, recording: &Recording, (with_rtcp, now): (bool, u64), desk: &mut Desk) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            recording.drain(desk, TURN, with_rtcp, now)
        }));
        let Yield {
            packets,
            bytes,
            more,
        } = outcome.unwrap_or_else(|panic| {
            desk.clear();
            recording.fail(&panic_text(panic.as_ref()));
            Yield::default()
        });
        self.packets.fetch_add(packets, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        more
    }

    fn wait(&self, due: Instant) {
        let mut now = Instant::now();
        if now >= due {
            self.late_ticks.fetch_add(1, Relaxed);
        }
        while now < due && !self.stop.load(Relaxed) {
            thread::park_timeout(due - now);
            now = Instant::now();
        }
    }
}

/// The text of a caught panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(owned)
        .unwrap_or("a defect without a text")
        .to_owned()
}

/// Signals belong to the application's main thread.
fn leave_signals_to_others() {
    // SAFETY: the set is initialised by `sigfillset` and lives through both calls.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigfillset(&mut set);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
}

/// CPU time that this thread has used.
pub fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure lives through the call.
    unsafe {
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
    }
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests;
