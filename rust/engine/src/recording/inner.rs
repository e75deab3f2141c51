//! The part of a recording behind its mutex: the log, and the streams that feed it.

use crate::clock::Clock;
use crate::counts::Counts;
use crate::error::Error;
use crate::known::Known;
use crate::log::{Keep, Log};
use crate::notice::Kind;
use crate::ports::Port;
use crate::probation::Described;
use crate::secure::SecureCounts;
use crate::shelter::desk::Desk;
use crate::shelter::layout::GATHER;
use crate::stream::{Stream, Visit, Yield};
use siprecord_core::level::Level;
use siprecord_core::pcapng::write;
use siprecord_core::source::Source;
use siprecord_core::stats::Reception;

/// A final drain ends at the latest when it meets a datagram this much younger than its own beginning: a sender
/// that is faster than we are can't hold it up.
const FINAL_GRACE_NS: u64 = 100_000_000;

/// A stream as seen from outside.
#[derive(Clone, Debug)]
pub struct StreamReport {
    pub counts: Counts,
    pub reception: Reception,
    pub level: Level,
    /// Whom the stream follows.
    pub source: Option<Source>,
    pub reports_sent: u64,
    /// None for a stream in the clear.
    pub secure: Option<SecureCounts>,
    pub paused: bool,
}

pub(super) struct Inner {
    pub(super) log: Log,
    pub(super) clock: Clock,
    pub(super) streams: Vec<Stream>,
    pub(super) ended: Vec<(u32, StreamReport)>,
    pub(super) interfaces: u32,
    /// Interfaces of media in a log that was resumed, whose streams may be taken up again.
    pub(super) resumable: Vec<(u32, Known)>,
    /// What that log says of them.
    pub(super) described: Described,
    pub(super) state: State,
    /// Lets a test see what a defect does.
    #[cfg(test)]
    pub(super) defect: bool,
}

pub(super) enum State {
    Open,
    Closed,
    Failed(String),
}

pub(super) fn report(stream: &Stream) -> StreamReport {
    StreamReport {
        counts: stream.counts.clone(),
        reception: stream.reception.clone(),
        level: stream.level,
        source: stream.sources.current(),
        reports_sent: stream.reporter.sent,
        secure: stream.secure.as_ref().map(|secure| secure.counts),
        paused: stream.is_paused(),
    }
}

impl Inner {
    pub(super) fn new(log: Log, clock: Clock, interfaces: u32) -> Self {
        log.note_clock(&clock);
        Self {
            log,
            clock,
            streams: Vec::new(),
            ended: Vec::new(),
            interfaces,
            resumable: Vec::new(),
            described: Described::default(),
            state: State::Open,
            #[cfg(test)]
            defect: false,
        }
    }

    pub(super) fn open(&self) -> Result<(), Error> {
        match &self.state {
            State::Open => Ok(()),
            State::Closed => Err(Error::Closed),
            State::Failed(text) => Err(Error::Failed(text.clone())),
        }
    }

    pub(super) fn find(&self, interface: u32) -> Result<usize, Error> {
        let position = self
            .streams
            .iter()
            .position(|stream| stream.interface == interface);
        position.ok_or(Error::NoStream(interface))
    }

    pub(super) fn visit(
        &mut self,
        index: usize,
        port: Port,
        visit: Visit,
        desk: &mut Desk,
    ) -> Yield {
        let stream = &mut self.streams[index];
        let outcome = stream.drain(port, visit, desk, self.log.aim());
        let failing = stream
            .secure
            .as_mut()
            .is_some_and(|secure| secure.begins_to_fail());
        if failing || !stream.events.is_empty() {
            self.tell_of_stream(index, failing);
        }
        if desk.blocks.bytes().len() >= GATHER {
            self.put_down(desk);
        }
        outcome.unwrap_or_else(|error| {
            self.socket_failed(index, &error);
            Yield::default()
        })
    }

    pub(super) fn socket_failed(&mut self, index: usize, error: &std::io::Error) {
        let stream = &mut self.streams[index];
        if stream.counts.socket_errors == 0 {
            let interface = stream.interface;
            let text = format!("the sockets of interface {interface} can't be read: {error}");
            self.log.tell_of(interface, Kind::StreamFailed, text);
        }
        stream.counts.socket_errors += 1;
    }

    pub(super) fn drain_finally(&mut self, index: usize, now: u64, desk: &mut Desk) {
        let visit = Visit {
            batches: 1,
            until: now + FINAL_GRACE_NS,
        };
        for port in [Port::Rtp, Port::Rtcp] {
            while self.visit(index, port, visit, desk).more {}
        }
    }

    pub(super) fn drain_all_finally(&mut self, desk: &mut Desk) {
        let now = self.clock.now();
        for index in 0..self.streams.len() {
            self.drain_finally(index, now, desk);
        }
        self.put_down(desk);
    }

    /// Nothing is on its way: puts down what another process could only learn from the log, if that has grown.
    pub(super) fn keep_reached(&mut self) {
        let position = self.log.aim().position;
        self.streams
            .iter_mut()
            .for_each(|stream| stream.keep_reached(position));
    }

    /// Looks whether somebody has set the machine's clock, and says so in the log.
    pub(super) fn look_at_clock(&mut self) {
        let Some(set) = self.clock.look() else {
            return;
        };
        self.log.note_clock(&self.clock);
        for stream in &mut self.streams {
            stream.clock = self.clock;
        }
        let (time_ns, by) = (self.clock.now(), set as f64 / 1e9);
        let event = format!(r#"{{"event":"clock.set","time_ns":{time_ns},"by_s":{by:.3}}}"#);
        let mut block = Vec::new();
        write::custom(&mut block, event.as_bytes());
        self.log.append(&block, Keep::IfRoom);
    }

    /// Writes the gathered blocks.
    pub(super) fn put_down(&mut self, desk: &mut Desk) {
        self.log.append(desk.blocks.bytes(), Keep::IfRoom);
        desk.clear();
    }
}
