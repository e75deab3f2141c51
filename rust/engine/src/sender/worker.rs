//! The sending thread.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::mem;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use siprecord_srtp::{MasterKey, Sender};

use super::outbound::{send_all, Destination, Outgoing, PortPair};
use super::schedule::HEADER;
use super::{late_class, lock, Command, Counters, Packets, Schedule, SendSpec, Shared};

/// A stream that is being sent.
pub struct Active {
    number: usize,
    socket_number: usize,
    socket: Arc<PortPair>,
    destination: Destination,
    packets: Packets,
    schedule: Schedule,
    sealer: Option<Box<Sealer>>,
    delay: Duration,
    start: Instant,
    counters: Arc<Counters>,
}

impl Active {
    pub fn new(
        number: usize,
        spec: SendSpec,
        sockets: &[Arc<PortPair>],
        counters: Arc<Counters>,
        now: Instant,
    ) -> Self {
        let total = spec.total.unwrap_or(u64::MAX);
        Self {
            number,
            socket_number: spec.socket,
            socket: Arc::clone(&sockets[spec.socket]),
            destination: spec.destination.into(),
            schedule: Schedule::new(spec.frame(), total, &spec.impairments),
            packets: spec.packets,
            sealer: spec.key.map(Sealer::new).map(Box::new),
            delay: spec.start_delay,
            start: now + spec.start_delay,
            counters,
        }
    }

    pub fn number(&self) -> usize {
        self.number
    }

    pub fn start_at(&mut self, now: Instant) {
        self.start = now + self.delay;
    }

    fn due(&self) -> Option<Instant> {
        self.schedule.due().map(|offset| self.start + offset)
    }
}

/// SRTP of one stream.
struct Sealer {
    sender: Sender,
    clear: Vec<u8>,
}

impl Sealer {
    fn new(key: MasterKey) -> Self {
        Self {
            sender: Sender::new(key),
            clear: Vec::new(),
        }
    }

    /// Appends a protected packet and answers where its payload lies; none when the key may protect no more.
    fn seal(&mut self, packets: &Packets, index: u64, out: &mut Vec<u8>) -> Option<Range<usize>> {
        self.clear.clear();
        self.clear.extend_from_slice(&packets.header(index));
        self.clear.extend_from_slice(packets.payload(index));
        let start = out.len() + HEADER;
        self.sender.seal_media(&self.clear, out).ok()?;
        Some(start..out.len())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.counters.done.store(true, Ordering::Release);
    }
}

/// Counts `ended` streams as done and wakes who waits for the last one.
pub fn finish(shared: &Shared, ended: usize) {
    let mut unfinished = lock(&shared.unfinished);
    *unfinished = unfinished.saturating_sub(ended);
    if *unfinished == 0 {
        shared.finished.notify_all();
    }
}

/// Waits for `signal`, at most `limit`.
pub fn sleep<'a, T>(
    signal: &Condvar,
    guard: MutexGuard<'a, T>,
    limit: Option<Duration>,
) -> MutexGuard<'a, T> {
    match limit {
        None => signal.wait(guard).unwrap_or_else(PoisonError::into_inner),
        Some(limit) => {
            let woken = signal.wait_timeout(guard, limit);
            woken.unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

/// A packet whose time has come.
struct Ready {
    slot: usize,
    index: u64,
    /// Where its protected payload lies; none for a packet in the clear.
    sealed: Option<Range<usize>>,
}

pub struct Worker {
    shared: Arc<Shared>,
    quantum: Duration,
    /// Streams by slot; slots of streams that are done are used again.
    streams: Vec<Option<Box<Active>>>,
    free: Vec<usize>,
    /// The slot of each stream that is being sent, by its number.
    slots: HashMap<usize, usize>,
    /// When each stream is due next, the earliest on top.
    queue: BinaryHeap<Reverse<(Instant, usize)>>,
    /// What is due in this tick, by socket.
    ready: Vec<Vec<Ready>>,
    /// The protected packets of this tick.
    sealed: Vec<u8>,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, quantum: Duration) -> Self {
        Self {
            shared,
            quantum,
            streams: Vec::new(),
            free: Vec::new(),
            slots: HashMap::new(),
            queue: BinaryHeap::new(),
            ready: Vec::new(),
            sealed: Vec::new(),
        }
    }

    pub fn run(mut self) {
        while self.take_commands() {
            let now = Instant::now();
            let ended = self.collect(now);
            self.flush();
            for slot in ended {
                self.end(slot);
            }
            self.rest(now);
        }
    }

    /// Follows the commands; false at the end of all.
    fn take_commands(&mut self) -> bool {
        let mut inbox = lock(&self.shared.inbox);
        let commands = mem::take(&mut inbox.commands);
        let go_on = !inbox.quit;
        drop(inbox);
        for command in commands {
            match command {
                Command::Add(stream) => self.add(stream),
                Command::Stop(number) => self.stop(number),
            }
        }
        go_on
    }

    fn add(&mut self, stream: Box<Active>) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.streams.push(None);
            self.streams.len() - 1
        });
        if self.ready.len() <= stream.socket_number {
            self.ready.resize_with(stream.socket_number + 1, Vec::new);
        }
        let due = stream.due();
        self.slots.insert(stream.number, slot);
        self.streams[slot] = Some(stream);
        match due {
            Some(due) => self.queue.push(Reverse((due, slot))),
            None => self.end(slot),
        }
    }

    fn stop(&mut self, number: usize) {
        if let Some(&slot) = self.slots.get(&number) {
            self.queue.retain(|Reverse((_, queued))| *queued != slot);
            self.end(slot);
        }
    }

    fn end(&mut self, slot: usize) {
        if let Some(stream) = self.streams[slot].take() {
            self.slots.remove(&stream.number);
            self.free.push(slot);
            // Dropping it marks it done, which who is woken next may look at.
            drop(stream);
            finish(&self.shared, 1);
        }
    }

    /// Sorts what is due by socket; gives the slots of streams that have no further packet.
    fn collect(&mut self, now: Instant) -> Vec<usize> {
        let mut ended = Vec::new();
        let mut latest = Duration::ZERO;
        while let Some(&Reverse((due, slot))) = self.queue.peek() {
            if due > now {
                break;
            }
            self.queue.pop();
            let Some(stream) = self.streams[slot].as_mut() else {
                continue;
            };
            let late = now - due;
            latest = latest.max(late);
            self.shared.late[late_class(late)].fetch_add(1, Ordering::Relaxed);
            if let Some(index) = stream.schedule.take() {
                let ready = &mut self.ready[stream.socket_number];
                make_ready(stream, (slot, index), &mut self.sealed, ready);
            }
            match stream.due() {
                Some(next) => self.queue.push(Reverse((next, slot))),
                None => ended.push(slot),
            }
        }
        let nanos = u64::try_from(latest.as_nanos()).unwrap_or(u64::MAX);
        self.shared.late_nanos.fetch_max(nanos, Ordering::Relaxed);
        ended
    }

    fn flush(&mut self) {
        for ready in &mut self.ready {
            if !ready.is_empty() {
                send_ready(&self.streams, ready, &self.sealed);
                ready.clear();
            }
        }
        self.sealed.clear();
    }

    /// Sleeps until the next packet is due or a command comes, but at least for the rest of the tick.
    fn rest(&self, tick: Instant) {
        let due = self
            .queue
            .peek()
            .map(|Reverse((due, _))| (*due).max(tick + self.quantum));
        let mut inbox = lock(&self.shared.inbox);
        while inbox.commands.is_empty() && !inbox.quit {
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return;
            }
            inbox = sleep(&self.shared.posted, inbox, left);
        }
    }
}

impl Drop for Worker {
    /// Runs after a panic too, so that nobody waits for streams that no longer run.
    fn drop(&mut self) {
        self.streams.clear();
        lock(&self.shared.inbox).commands.clear();
        finish(&self.shared, usize::MAX);
    }
}

/// Protects a packet if its stream is protected. One that can't be is counted as failed: it never goes in the clear.
fn make_ready(
    stream: &mut Active,
    (slot, index): (usize, u64),
    sealed: &mut Vec<u8>,
    ready: &mut Vec<Ready>,
) {
    let sealed = match &mut stream.sealer {
        None => None,
        Some(sealer) => match sealer.seal(&stream.packets, index, sealed) {
            Some(place) => Some(place),
            None => {
                stream.counters.failed.fetch_add(1, Ordering::Relaxed);
                return;
            }
        },
    };
    ready.push(Ready {
        slot,
        index,
        sealed,
    });
}

/// Sends the packets of one socket.
fn send_ready(streams: &[Option<Box<Active>>], ready: &[Ready], sealed: &[u8]) {
    let owners: Vec<(&Active, &Ready)> = ready
        .iter()
        .filter_map(|ready| Some((streams[ready.slot].as_deref()?, ready)))
        .collect();
    let Some((first, _)) = owners.first() else {
        return;
    };
    let outgoing = owners.iter().map(|&(stream, ready)| Outgoing {
        header: stream.packets.header(ready.index),
        payload: match &ready.sealed {
            Some(place) => &sealed[place.clone()],
            None => stream.packets.payload(ready.index),
        },
        destination: &stream.destination,
    });
    let packets: Vec<Outgoing<'_>> = outgoing.collect();
    send_all(&first.socket, &packets, |position, sent| {
        let counters = &owners[position].0.counters;
        let counter = if sent {
            &counters.sent
        } else {
            &counters.failed
        };
        counter.fetch_add(1, Ordering::Relaxed);
    });
}
