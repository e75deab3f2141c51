//! A recording: one capture log and the streams that feed it, behind one mutex.

mod inner;
mod replay;
mod resources;
mod resume;
mod tell;

pub use inner::StreamReport;
pub use replay::Settled;
pub use resources::Resources;

use crate::clock::Clock;
use crate::error::Error;
use crate::known::{Interface, Known};
use crate::log::{Keep, Log};
use crate::notice::{lock, Kind};
use crate::ports::{Pair, Port};
use crate::prefetch;
use crate::reporter::Target;
use crate::secure::{Keys, Secure};
use crate::shelter::desk::Desk;
use crate::socket::steady_clock;
use crate::stream::{Stream, StreamSpec, Visit, Yield};
use crate::survey::rekeyed;
use inner::{report, Inner, State};
use siprecord_core::digits::Mask;
use siprecord_core::pcapng::block::{LINK_EXPORTED, LINK_RAW_IP};
use siprecord_core::pcapng::write::{self, Section, SipMessage};
use siprecord_core::source::Policy;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const INTERFACE_SIP: u32 = 0;

/// The log as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStatus {
    pub bytes_written: u64,
    pub pending_bytes: usize,
    pub dropped_packets: u64,
    pub failing: bool,
}

pub struct Recording {
    resources: Arc<Resources>,
    path: String,
    closed: AtomicBool,
    inner: Mutex<Inner>,
}

impl Recording {
    /// Creates the capture log, with its section header and the interface for SIP.
    pub fn create(
        resources: Arc<Resources>,
        path: &Path,
        section: &Section<'_>,
    ) -> Result<Self, Error> {
        let mut header = Vec::new();
        write::section_header(&mut header, section);
        let offset = header.len() as u64;
        write::interface(&mut header, LINK_EXPORTED, "sip", "");
        let notices = resources.notices.clone();
        let log = Log::create(path, &header, notices, &resources.shelter).map_err(|error| {
            Error::Open {
                path: path.display().to_string(),
                error,
            }
        })?;
        let known = Known {
            link_type: LINK_EXPORTED,
            name: "sip".to_owned(),
            ..Known::default()
        };
        log.knows(&Interface { offset, known });
        let inner = Inner::new(log, Clock::begin(), INTERFACE_SIP + 1);
        Ok(Self::around(resources, path, inner))
    }

    fn around(resources: Arc<Resources>, path: &Path, inner: Inner) -> Self {
        Self {
            resources,
            path: path.display().to_string(),
            closed: AtomicBool::new(false),
            inner: Mutex::new(inner),
        }
    }

    /// Whether no drain thread needs to come back.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn append_sip(&self, message: &SipMessage<'_>, time_ns: u64) -> Result<(), Error> {
        let time_ns = if time_ns == 0 { self.now() } else { time_ns };
        let mut block = Vec::new();
        write::sip(&mut block, INTERFACE_SIP, time_ns, message);
        self.append(&block)
    }

    /// The time by this recording's clock, which nobody sets.
    pub fn now(&self) -> u64 {
        lock(&self.inner).clock.now()
    }

    /// What is to be added to the time of day to have it by this recording's clock, in nanoseconds.
    pub fn clock_shift(&self) -> i64 {
        let mut inner = lock(&self.inner);
        inner.look_at_clock();
        inner.clock.shift()
    }

    pub fn append_event(&self, json: &[u8]) -> Result<(), Error> {
        let mut block = Vec::new();
        write::custom(&mut block, json);
        self.append(&block)
    }

    fn append(&self, block: &[u8]) -> Result<(), Error> {
        let mut inner = lock(&self.inner);
        inner.open()?;
        inner.log.append(block, Keep::IfRoom);
        Ok(())
    }

    /// Binds the ports, describes the interface in the log and begins to capture: interface and RTP port.
    pub fn open_stream(&self, spec: StreamSpec) -> Result<(u32, u16), Error> {
        let pair = self.resources.ports.open().map_err(Error::Ports)?;
        self.begin_stream(spec, pair)
    }

    /// The same with sockets, RTP and RTCP, that somebody has bound already; both are duplicated.
    pub fn open_stream_on(
        &self,
        mut spec: StreamSpec,
        sockets: (RawFd, RawFd),
    ) -> Result<(u32, u16), Error> {
        spec.keys.go_on = true;
        let pair = self.resources.ports.adopt(sockets.0, sockets.1);
        self.begin_stream(spec, pair.map_err(Error::Ports)?)
    }

    fn begin_stream(&self, spec: StreamSpec, pair: Pair) -> Result<(u32, u16), Error> {
        let rtp_port = pair.rtp_port;
        let mut inner = lock(&self.inner);
        if let Err(error) = inner.open() {
            drop(pair);
            self.resources.ports.put_back(rtp_port);
            return Err(error);
        }
        let interface = inner.interfaces;
        inner.interfaces += 1;
        let mut block = Vec::new();
        write::interface(&mut block, LINK_RAW_IP, &spec.name, &spec.description);
        let known = Known {
            link_type: LINK_RAW_IP,
            name: spec.name.clone(),
            ..Known::default()
        };
        inner.log.append_interface(&block, known);
        let mut stream = Stream::new(
            interface,
            pair,
            spec,
            self.resources.reporter(),
            inner.clock,
        );
        stream.keep_figures(inner.log.figures(interface), None);
        stream.keep_reached(inner.log.aim().position);
        inner.streams.push(stream);
        Ok((interface, rtp_port))
    }

    /// Stops or starts storing. What came before this call is treated as before.
    pub fn set_paused(&self, interface: u32, paused: bool) -> Result<(), Error> {
        self.with_desk(|inner, desk| {
            let index = inner.find(interface)?;
            if inner.streams[index].is_paused() != paused {
                let now = inner.clock.now();
                inner.streams[index].switch(paused, now);
                inner.drain_finally(index, now, desk);
                inner.streams[index].switched();
                inner.put_down(desk);
            }
            Ok(())
        })
    }

    /// Changes what is known of a stream's sender.
    pub fn change_policy(
        &self,
        interface: u32,
        change: impl FnOnce(&mut Policy),
    ) -> Result<(), Error> {
        let mut inner = lock(&self.inner);
        inner.open()?;
        let index = inner.find(interface)?;
        let sources = &mut inner.streams[index].sources;
        let mut policy = sources.policy();
        change(&mut policy);
        sources.set_policy(policy);
        Ok(())
    }

    /// Masks the keys of these payload types from now on, also in what waits to be drained.
    pub fn set_mask(&self, interface: u32, mask: Mask) -> Result<(), Error> {
        let mut inner = lock(&self.inner);
        inner.open()?;
        let index = inner.find(interface)?;
        inner.streams[index].mask = mask;
        Ok(())
    }

    /// What the statistics have to know of payload types that a new offer brought.
    pub fn set_clock_rates(&self, interface: u32, rates: Vec<(u8, u32)>) -> Result<(), Error> {
        let mut inner = lock(&self.inner);
        inner.open()?;
        let index = inner.find(interface)?;
        inner.streams[index].clock_rates = rates;
        Ok(())
    }

    /// Changes the SRTP keys, after what came until now was opened with the old ones.
    ///
    /// A stream in the clear becomes a protected one, and without keys the other way round.
    pub fn set_keys(&self, interface: u32, keys: Keys) -> Result<(), Error> {
        self.with_desk(|inner, desk| {
            let index = inner.find(interface)?;
            let now = inner.clock.now();
            inner.drain_finally(index, now, desk);
            inner.put_down(desk);
            let anew = match &mut inner.streams[index].secure {
                Some(secure) => secure.set_keys(keys, steady_clock()),
                clear => {
                    *clear = Secure::new(keys).map(Box::new);
                    true
                }
            };
            if anew {
                let mut block = Vec::new();
                write::custom(&mut block, rekeyed(interface, inner.clock.now()).as_bytes());
                inner.log.append(&block, Keep::IfRoom);
            }
            let position = inner.log.aim().position;
            inner.streams[index].put_reached(position);
            Ok(())
        })
    }

    /// Where the stream's own reports go; none: to where its sender's media or reports come from.
    pub fn set_report_target(&self, interface: u32, target: Option<Target>) -> Result<(), Error> {
        let mut inner = lock(&self.inner);
        inner.open()?;
        let index = inner.find(interface)?;
        inner.streams[index].reporter.set_target(target);
        Ok(())
    }

    /// The highest SRTP packet index of each SSRC, for a process that goes on with the stream.
    pub fn srtp_indices(&self, interface: u32) -> Result<Vec<(u32, u64)>, Error> {
        let inner = lock(&self.inner);
        inner.open()?;
        let secure = &inner.streams[inner.find(interface)?].secure;
        Ok(secure
            .as_ref()
            .map(|secure| secure.indices())
            .unwrap_or_default())
    }

    /// Takes what the kernel still holds, then closes the sockets. Closing twice is no error.
    pub fn close_stream(&self, interface: u32) -> Result<(), Error> {
        closed_is_fine(self.with_desk(|inner, desk| {
            if let Ok(index) = inner.find(interface) {
                let now = inner.clock.now();
                inner.drain_finally(index, now, desk);
                inner.put_down(desk);
                inner.streams[index].leave();
                self.end_stream(inner, index);
            }
            Ok(())
        }))
    }

    fn end_stream(&self, inner: &mut Inner, index: usize) {
        let mut stream = inner.streams.swap_remove(index);
        stream.forget_reached();
        inner.ended.push((stream.interface, report(&stream)));
        let (port, traces) = (stream.pair.rtp_port, stream.sources.traces());
        drop(stream);
        self.resources.ports.release(port, traces);
    }

    /// Counters of a stream, open or closed.
    pub fn stream_report(&self, interface: u32) -> Result<StreamReport, Error> {
        let inner = lock(&self.inner);
        let open = inner
            .streams
            .iter()
            .find(|stream| stream.interface == interface)
            .map(report);
        let ended = || {
            inner
                .ended
                .iter()
                .find(|ended| ended.0 == interface)
                .map(|ended| ended.1.clone())
        };
        open.or_else(ended).ok_or(Error::NoStream(interface))
    }

    /// Descriptors of the open streams, for a process that keeps them alive: interface, RTP, RTCP.
    pub fn descriptors(&self) -> Result<Vec<(u32, RawFd, RawFd)>, Error> {
        let inner = lock(&self.inner);
        inner.open()?;
        let descriptors = |stream: &Stream| {
            let pair = &stream.pair;
            (
                stream.interface,
                pair.rtp.as_raw_fd(),
                pair.rtcp.as_raw_fd(),
            )
        };
        Ok(inner.streams.iter().map(descriptors).collect())
    }

    pub fn status(&self) -> LogStatus {
        let inner = lock(&self.inner);
        LogStatus {
            bytes_written: inner.log.bytes_written(),
            pending_bytes: inner.log.pending_bytes(),
            dropped_packets: inner.log.dropped(),
            failing: inner.log.is_failing(),
        }
    }

    /// Drains every socket now and writes what can be written.
    pub fn flush(&self) -> Result<(), Error> {
        self.with_desk(|inner, desk| {
            inner.log.retry();
            inner.drain_all_finally(desk);
            Ok(())
        })
    }

    /// Takes what the kernel still holds, closes the sockets and the log. Closing twice is no error.
    pub fn close(&self, sync: bool) -> Result<(), Error> {
        let outcome = self.with_desk(|inner, desk| {
            inner.drain_all_finally(desk);
            inner.streams.iter_mut().for_each(Stream::leave);
            while !inner.streams.is_empty() {
                self.end_stream(inner, 0);
            }
            inner.state = State::Closed;
            let path = self.path.clone();
            inner
                .log
                .finish(sync)
                .map_err(|error| Error::Close { path, error })
        });
        self.closed.store(true, Ordering::Release);
        closed_is_fine(outcome)
    }

    fn with_desk<T>(
        &self,
        work: impl FnOnce(&mut Inner, &mut Desk) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.resources.borrow(|desk| {
            let mut inner = lock(&self.inner);
            inner.open()?;
            work(&mut inner, desk)
        })
    }

    /// Asks for the memory that a visit needs first, if nobody uses the recording just now.
    pub fn prefetch(&self) {
        if let Ok(inner) = self.inner.try_lock() {
            inner.streams.iter().for_each(prefetch::value);
        }
    }

    /// One round of a drain thread: at most `batches` from each socket, reports only when asked for.
    ///
    /// `now` is the steady clock's, and decides whether streams send their own reports.
    pub fn drain(&self, desk: &mut Desk, batches: usize, with_rtcp: bool, now: u64) -> Yield {
        let mut inner = lock(&self.inner);
        if inner.open().is_err() {
            return Yield::default();
        }
        #[cfg(test)]
        assert!(!inner.defect, "a planted defect");
        inner.log.retry();
        if with_rtcp {
            inner.log.watch();
            inner.look_at_clock();
        }
        let visit = Visit {
            batches,
            until: u64::MAX,
        };
        inner.streams.iter().for_each(Stream::prefetch);
        let mut total = Yield::default();
        for index in 0..inner.streams.len() {
            inner.streams[index].report(now);
            total.add(inner.visit(index, Port::Rtp, visit, desk));
            if with_rtcp {
                total.add(inner.visit(index, Port::Rtcp, visit, desk));
            }
        }
        inner.put_down(desk);
        inner.keep_reached();
        total
    }

    /// Ends the recording after a defect in our own code; the log stays as it is.
    pub fn fail(&self, text: &str) {
        let mut inner = lock(&self.inner);
        inner.state = State::Failed(text.to_owned());
        while !inner.streams.is_empty() {
            self.end_stream(&mut inner, 0);
        }
        inner.log.tell(
            Kind::StreamFailed,
            format!("the recording has failed: {text}"),
            0,
        );
        self.closed.store(true, Ordering::Release);
    }
}

fn closed_is_fine(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(Error::Closed | Error::Failed(_)) => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
impl Recording {
    /// Makes the next round of the drain thread panic while it holds the mutex.
    pub fn plant_defect(&self) {
        lock(&self.inner).defect = true;
    }
}
