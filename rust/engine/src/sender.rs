//! Sends RTP in real time: the media half of a recording client, for test calls and load.
//!
//! One thread serves all streams. Every packet has an absolute deadline (start of its stream plus its index
//! times the frame), so an oversleep never adds up; packets due within one tick leave in one `sendmmsg` for
//! each socket.

mod outbound;
mod schedule;
mod worker;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use siprecord_srtp::MasterKey;

use outbound::PortPair;
pub use schedule::{Impairments, Jitter, Packets, Schedule};
use worker::{Active, Worker};

/// What to send, where, and how.
#[derive(Clone, Debug)]
pub struct SendSpec {
    /// Number of the socket, as [`RtpSender::bind`] gave it.
    pub socket: usize,
    pub destination: SocketAddr,
    pub packets: Packets,
    /// Ticks of the timestamp in a second.
    pub clock_rate: u32,
    /// Silence before the first packet.
    pub start_delay: Duration,
    /// How many packets; `None`: until stopped.
    pub total: Option<u64>,
    pub impairments: Impairments,
    /// Protects the packets (RFC 3711); none: they go in the clear.
    pub key: Option<MasterKey>,
}

/// The specification of a stream makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecError(pub &'static str);

impl SendSpec {
    fn check(&self, sockets: usize) -> Result<(), SpecError> {
        let packets = &self.packets;
        if self.socket >= sockets {
            return Err(SpecError("no such socket: bind one first"));
        }
        if packets.clip.is_empty() || packets.frame_bytes == 0 {
            return Err(SpecError(
                "there is nothing to send: the clip or the frame is empty",
            ));
        }
        if packets.frame_samples == 0 || self.clock_rate == 0 {
            return Err(SpecError("frame_samples and clock_rate must be above zero"));
        }
        Ok(())
    }

    /// The time between two packets.
    pub fn frame(&self) -> Duration {
        let samples = u64::from(self.packets.frame_samples);
        Duration::from_nanos(samples * 1_000_000_000 / u64::from(self.clock_rate))
    }
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Packets the kernel took, duplicates included.
    pub sent: u64,
    /// Packets the kernel refused.
    pub failed: u64,
    /// Nothing more will be sent.
    pub done: bool,
}

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    failed: AtomicU64,
    done: AtomicBool,
}

impl Counters {
    fn progress(&self) -> Progress {
        Progress {
            done: self.done.load(Ordering::Acquire),
            sent: self.sent.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

enum Command {
    Add(Box<Active>),
    Stop(usize),
}

impl Command {
    fn add(stream: Active) -> Self {
        Self::Add(Box::new(stream))
    }
}

#[derive(Default)]
struct Inbox {
    commands: Vec<Command>,
    quit: bool,
}

/// What the sender and its thread share.
#[derive(Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    posted: Condvar,
    /// How many streams are not done yet.
    unfinished: Mutex<usize>,
    finished: Condvar,
    late_nanos: AtomicU64,
    /// Packets by how late they left: entry n counts those below 2^n microseconds.
    late: [AtomicU64; LATE_CLASSES],
}

/// The last class holds whatever was later than 2^30 microseconds too.
const LATE_CLASSES: usize = 32;

fn late_class(late: Duration) -> usize {
    let micros = u32::try_from(late.as_micros()).unwrap_or(u32::MAX);
    (u32::BITS - micros.leading_zeros()).min(LATE_CLASSES as u32 - 1) as usize
}

/// Every lock here guards plain data that no panic can leave half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Many RTP streams, sent in real time by one thread.
pub struct RtpSender {
    shared: Arc<Shared>,
    quantum: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sockets: Vec<Arc<PortPair>>,
    counters: Vec<Arc<Counters>>,
    /// Streams added before the start.
    waiting: Vec<Active>,
    thread: Option<JoinHandle<()>>,
    stopped: bool,
}

impl RtpSender {
    /// A sender that wakes at most once each `quantum`: packets due in between leave together.
    pub fn new(quantum: Duration) -> Self {
        Self {
            shared: Arc::default(),
            quantum,
            state: Mutex::default(),
        }
    }

    /// Binds a pair of ports (any even one and the next if `port` is 0); gives the number of the socket and its port.
    ///
    /// # Errors
    /// As `bind(2)`.
    pub fn bind(&self, host: IpAddr, port: u16) -> io::Result<(usize, u16)> {
        let pair = PortPair::bind(host, port)?;
        let port = pair.port()?;
        let mut state = lock(&self.state);
        state.sockets.push(Arc::new(pair));
        Ok((state.sockets.len() - 1, port))
    }

    /// Adds streams that start together: now, or at [`Self::start`] if that is still to come.
    ///
    /// # Errors
    /// A specification makes no sense; then none of them is added.
    pub fn add(&self, specs: Vec<SendSpec>) -> Result<Vec<usize>, SpecError> {
        let mut state = lock(&self.state);
        specs
            .iter()
            .try_for_each(|spec| spec.check(state.sockets.len()))?;
        let now = Instant::now();
        let mut added = Vec::with_capacity(specs.len());
        let mut streams = Vec::with_capacity(specs.len());
        for spec in specs {
            let number = state.counters.len();
            let counters = Arc::new(Counters::default());
            counters.done.store(state.stopped, Ordering::Release);
            state.counters.push(Arc::clone(&counters));
            streams.push(Active::new(number, spec, &state.sockets, counters, now));
            added.push(number);
        }
        if state.stopped {
            return Ok(added);
        }
        *lock(&self.shared.unfinished) += streams.len();
        if state.thread.is_some() {
            self.post(streams.into_iter().map(Command::add));
        } else {
            state.waiting.append(&mut streams);
        }
        Ok(added)
    }

    /// Starts sending. A second call does nothing.
    ///
    /// # Errors
    /// As the creation of a thread.
    pub fn start(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.thread.is_some() || state.stopped {
            return Ok(());
        }
        let worker = Worker::new(Arc::clone(&self.shared), self.quantum);
        let builder = thread::Builder::new().name("siprecord-rtp".into());
        state.thread = Some(builder.spawn(move || worker.run())?);
        let now = Instant::now();
        let mut waiting = std::mem::take(&mut state.waiting);
        waiting.iter_mut().for_each(|stream| stream.start_at(now));
        self.post(waiting.into_iter().map(Command::add));
        Ok(())
    }

    fn post(&self, commands: impl Iterator<Item = Command>) {
        lock(&self.shared.inbox).commands.extend(commands);
        self.shared.posted.notify_one();
    }

    /// Ends these streams; unknown numbers are left out.
    pub fn stop_streams(&self, numbers: &[usize]) {
        let mut state = lock(&self.state);
        let early = |stream: &mut Active| !numbers.contains(&stream.number());
        let before = state.waiting.len();
        state.waiting.retain_mut(early);
        let ended = before - state.waiting.len();
        drop(state);
        worker::finish(&self.shared, ended);
        self.post(numbers.iter().copied().map(Command::Stop));
    }

    /// How far each stream has come, in the order in which they were added.
    pub fn progress(&self) -> Vec<Progress> {
        let state = lock(&self.state);
        state
            .counters
            .iter()
            .map(|counters| counters.progress())
            .collect()
    }

    /// How far one stream has come.
    pub fn progress_of(&self, number: usize) -> Option<Progress> {
        let state = lock(&self.state);
        state
            .counters
            .get(number)
            .map(|counters| counters.progress())
    }

    /// The most a packet left after its time, so far.
    pub fn lateness(&self) -> Duration {
        Duration::from_nanos(self.shared.late_nanos.load(Ordering::Relaxed))
    }

    /// Packets by how late they left: entry n counts those less than 2^n microseconds late.
    pub fn lateness_counts(&self) -> Vec<u64> {
        let count = |class: &AtomicU64| class.load(Ordering::Relaxed);
        self.shared.late.iter().map(count).collect()
    }

    /// Waits until all streams are done; says whether they are. Without a limit it waits as long as it takes.
    pub fn wait(&self, limit: Option<Duration>) -> bool {
        let deadline = limit.map(|limit| Instant::now() + limit);
        let mut unfinished = lock(&self.shared.unfinished);
        while *unfinished > 0 {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            unfinished = worker::sleep(&self.shared.finished, unfinished, left);
        }
        true
    }

    /// Ends all streams and the thread. The ports are free once the sender is dropped.
    pub fn stop(&self) {
        let mut state = lock(&self.state);
        state.stopped = true;
        let ended = std::mem::take(&mut state.waiting).len();
        let thread = state.thread.take();
        drop(state);
        worker::finish(&self.shared, ended);
        lock(&self.shared.inbox).quit = true;
        self.shared.posted.notify_one();
        if let Some(thread) = thread {
            // A panic there has been reported already, and every stream is done either way.
            drop(thread.join());
        }
    }
}

impl Drop for RtpSender {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
