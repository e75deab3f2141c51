//! One media stream: its two sockets, and what becomes of each datagram.

mod batch;

use crate::clock::Clock;
use crate::counts::Counts;
use crate::ports::{Pair, Port};
use crate::prefetch;
use crate::receiver::{Received, BATCH};
use crate::reporter::{Reporter, Target};
use crate::secure::{Keys, Secure};
use crate::shelter::desk::{Blocks, Desk};
use crate::shelter::figures::Slot;
use crate::shelter::flight::Aim;
use crate::shelter::layout::GATHER;
use crate::socket;
use siprecord_core::digits::Mask;
use siprecord_core::ip::Datagram;
use siprecord_core::level::Level;
use siprecord_core::pcapng::write;
use siprecord_core::rtcp::compose::{self, ReportBlock};
use siprecord_core::rtp::{default_clock_rate, Packet};
use siprecord_core::source::{Event, Heard, Policy, Source, Sources, Verdict};
use siprecord_core::stats::Reception;
use siprecord_core::{rtcp, rtp};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

/// What the application says of a stream.
#[derive(Clone, Debug, Default)]
pub struct StreamSpec {
    /// Name of the interface in the capture log.
    pub name: String,
    /// JSON text for the interface's description.
    pub description: String,
    /// Clock rates of the payload types that have no static one; only the jitter needs them.
    pub clock_rates: Vec<(u8, u32)>,
    /// What the signalling tells of the sender.
    pub policy: Policy,
    /// Keys of SRTP; none for a stream in the clear.
    pub keys: Keys,
    /// Payload types whose keys are not to be told.
    pub mask: Mask,
}

/// Packets whose sender is not known yet, kept to be counted when it is.
const MAX_HELD: usize = 64;

/// How far one visit to a socket goes.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// Batches taken before other sockets get their turn.
    pub batches: usize,
    /// Stop once a datagram is younger than this.
    pub until: u64,
}

/// What one visit brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Yield {
    pub packets: u64,
    pub bytes: u64,
    /// The socket may have more.
    pub more: bool,
}

impl Yield {
    pub fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.more |= other.more;
    }
}

pub struct Stream {
    pub interface: u32,
    pub pair: Pair,
    /// Its recording's.
    pub clock: Clock,
    pub clock_rates: Vec<(u8, u32)>,
    pub mask: Mask,
    paused: bool,
    /// During a change of `paused`: what came until then is still treated as before.
    switched_at: u64,
    pub counts: Counts,
    pub reception: Reception,
    pub level: Level,
    pub sources: Sources,
    pub secure: Option<Box<Secure>>,
    pub reporter: Box<Reporter>,
    /// A copy of what the reporter knows, so that a visit need not ask it.
    report_due: u64,
    /// Where protected packets are opened.
    opened: Vec<u8>,
    /// What happened to the sources since the last visit.
    pub events: Vec<Event>,
    held: Vec<Held>,
    /// Where another process finds its figures.
    figures: Option<Slot>,
    /// When they are put there again, by the time stamps of what comes.
    put_at: u64,
    /// How long the log was when the rollover counters of SRTP were put there.
    reached_at: Option<u64>,
}

/// What the statistics need of a packet whose sender is not known yet.
struct Held {
    claim: u32,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    time_ns: u64,
    rate: u32,
}

impl Held {
    fn packet(&self) -> Packet<'static> {
        Packet {
            marker: false,
            payload_type: 0,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            csrc: &[],
            extension: None,
            payload: &[],
        }
    }
}

impl Stream {
    pub fn new(
        interface: u32,
        mut pair: Pair,
        spec: StreamSpec,
        reporter: Reporter,
        clock: Clock,
    ) -> Self {
        let mut sources = Sources::new(spec.policy);
        sources.beware_of(std::mem::take(&mut pair.former));
        Self {
            interface,
            pair,
            clock,
            clock_rates: spec.clock_rates,
            mask: spec.mask,
            paused: false,
            switched_at: 0,
            counts: Counts::default(),
            reception: Reception::default(),
            level: Level::default(),
            sources,
            secure: Secure::new(spec.keys).map(Box::new),
            report_due: reporter.due_ns(),
            reporter: Box::new(reporter),
            opened: Vec::new(),
            events: Vec::new(),
            held: Vec::new(),
            figures: None,
            put_at: 1,
            reached_at: None,
        }
    }

    /// Asks for the memory that the next packet needs beside the stream itself.
    pub fn prefetch(&self) {
        for (from, length) in [self.sources.hot(), self.reception.hot()] {
            prefetch::bytes(from, length);
        }
    }

    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Begins a change: datagrams that came until `now` are treated as before. Drain, then call `switched`.
    pub fn switch(&mut self, paused: bool, now: u64) {
        self.paused = paused;
        self.switched_at = now;
    }

    pub fn switched(&mut self) {
        self.switched_at = 0;
    }

    /// Moves datagrams from a socket to the end of the desk's blocks, which `aim` says where they belong.
    pub fn drain(
        &mut self,
        port: Port,
        visit: Visit,
        desk: &mut Desk,
        aim: Aim,
    ) -> io::Result<Yield> {
        let origin = self.origin(port);
        let socket = match port {
            Port::Rtp => self.pair.rtp.as_raw_fd(),
            Port::Rtcp => self.pair.rtcp.as_raw_fd(),
        };
        let mut total = Yield::default();
        for _ in 0..visit.batches {
            let count = desk.receive(socket, &origin, aim)?;
            let (bytes, youngest) = self.take_batch(&origin, desk);
            total.bytes += bytes;
            total.packets += count as u64;
            if count < BATCH || youngest > visit.until {
                return Ok(total);
            }
            if desk.blocks.bytes().len() >= GATHER {
                break;
            }
        }
        total.more = true;
        Ok(total)
    }

    /// What can't be authenticated is not stored.
    fn open_and_take(
        &mut self,
        port: Port,
        local: SocketAddr,
        received: &Received<'_>,
        out: &mut Blocks,
    ) -> u64 {
        let time_ns = match received.control.time_ns {
            Some(stamp) => self.clock.arrival(stamp),
            None => self.clock.now(),
        };
        let Some(secure) = &mut self.secure else {
            return self.take(port, local, received, (time_ns, out));
        };
        let mut opened = std::mem::take(&mut self.opened);
        opened.clear();
        let now = socket::steady_clock();
        if secure.open(port, received.data, now, &mut opened) {
            let clear = Received {
                data: &opened,
                original: opened.len() + (received.original - received.data.len()),
                ..*received
            };
            self.take(port, local, &clear, (time_ns, out));
        }
        self.opened = opened;
        time_ns
    }

    fn take(
        &mut self,
        port: Port,
        local: SocketAddr,
        received: &Received<'_>,
        (time_ns, out): (u64, &mut Blocks),
    ) -> u64 {
        let stored = (time_ns > self.switched_at) != self.paused;
        let told = self.events.len();
        self.count(port, received, time_ns, stored);
        for event in &self.events[told..] {
            write::custom(out, event.json(self.interface, time_ns).as_bytes());
        }
        if stored {
            let masked = self.masked(received.data);
            let datagram = Datagram {
                source: received.source,
                destination: received
                    .control
                    .local
                    .map_or(local, |address| SocketAddr::new(address, local.port())),
                payload: masked.as_deref().unwrap_or(received.data),
                original: received.original,
            };
            write::datagram(out, self.interface, time_ns, &datagram);
        }
        time_ns
    }

    /// The datagram without the keys that it tells of; none when there is nothing to mask.
    fn masked(&self, data: &[u8]) -> Option<Vec<u8>> {
        if !self.mask.concerns(data) || rtcp::looks_like_rtcp(data) {
            return None;
        }
        let mut shown = data.to_vec();
        self.mask.apply(&mut shown);
        Some(shown)
    }

    fn count(&mut self, port: Port, received: &Received<'_>, time_ns: u64, stored: bool) {
        let counts = &mut self.counts;
        let data = received.data;
        counts.dropped_paused += u64::from(!stored);
        counts.truncated += u64::from(stored && data.len() < received.original);
        if let (Port::Rtp, Some(dropped)) = (port, received.control.kernel_dropped) {
            counts.dropped_kernel = dropped;
        }
        let packet = match port {
            Port::Rtp if !rtcp::looks_like_rtcp(data) => rtp::Packet::parse(data).ok(),
            _ => None,
        };
        match packet {
            Some(packet) => self.count_rtp(&packet, received, time_ns, stored),
            None if rtcp::looks_like_rtcp(data) => {
                counts.rtcp_packets += u64::from(stored);
                self.take_report(port, received, time_ns);
            }
            None => counts.other_packets += u64::from(stored),
        }
    }

    /// The sequence numbers of a pause are followed too, so that it does not look like loss.
    fn count_rtp(
        &mut self,
        packet: &Packet<'_>,
        received: &Received<'_>,
        time_ns: u64,
        stored: bool,
    ) {
        self.judge(packet, received, time_ns);
        if stored {
            let counts = &mut self.counts;
            counts.packets += 1;
            counts.bytes += received.original as u64;
            counts.last_arrival_ns = time_ns;
            if counts.first_arrival_ns == 0 {
                counts.first_arrival_ns = time_ns;
            }
        }
    }

    fn take_report(&mut self, port: Port, received: &Received<'_>, time_ns: u64) {
        self.reporter.note_report(received.source, port);
        for packet in rtcp::walk(received.data).flatten() {
            self.reception.take_report(&packet, time_ns);
            if let rtcp::Packet::SenderReport(report) = packet {
                self.reporter.note_source(report.ssrc);
            }
        }
    }

    /// Sends a report when it is time, also when nothing comes or while the stream is paused.
    pub fn report(&mut self, steady_ns: u64) {
        if steady_ns < self.report_due {
            return;
        }
        self.report_due = self.reporter.schedule(steady_ns, false);
        let Some(target) = self.target() else {
            return;
        };
        if let Some(left) = self.reporter.leave_collision() {
            self.send_report(target, left, &[], true);
        }
        let blocks = self.reception.report_blocks(self.clock.now());
        self.send_report(target, self.reporter.ssrc, &blocks, false);
    }

    /// Says goodbye, if anything was said before (RFC 3550 section 6.3.7).
    pub fn leave(&mut self) {
        if let (Some(target), 1..) = (self.target(), self.reporter.sent) {
            let blocks = self.reception.report_blocks(self.clock.now());
            self.send_report(target, self.reporter.ssrc, &blocks, true);
        }
    }

    fn target(&self) -> Option<Target> {
        let media = self.sources.current().map(|source| source.address);
        self.reporter.target(media)
    }

    fn send_report(&mut self, target: Target, ssrc: u32, blocks: &[ReportBlock], leaves: bool) {
        let mut clear = Vec::new();
        let cname = self.reporter.cname();
        let from = compose::Reporter {
            ssrc,
            cname: &cname,
        };
        compose::compound(&mut clear, &from, blocks, leaves);
        let mut out = Vec::new();
        match &mut self.secure {
            Some(secure) => {
                if !secure.protect_report(&clear, &mut out) {
                    return;
                }
            }
            None => out = clear,
        }
        let socket = match target.from {
            Port::Rtp => &self.pair.rtp,
            Port::Rtcp => &self.pair.rtcp,
        };
        let sent = socket::send(socket, self.pair.address, &out, target.address);
        self.reporter.sent += u64::from(sent);
    }

    /// Statistics follow only the senders that the stream follows.
    fn judge(&mut self, packet: &Packet<'_>, received: &Received<'_>, time_ns: u64) {
        let rate = self.clock_rate(packet.payload_type);
        let source = Source {
            address: received.source,
            ssrc: packet.ssrc,
        };
        let heard = Heard {
            source,
            sequence: packet.sequence,
            time_ns,
        };
        if self.sources.goes_on(&heard) {
            self.level.note(packet, time_ns);
            return self.reception.take(packet, time_ns, rate);
        }
        self.reporter.note_source(packet.ssrc);
        let taken = self.sources.take(&heard);
        if let Some(event) = taken.event {
            self.note(event, taken.claim);
        }
        if taken.verdict == Verdict::Followed {
            return self.reception.take(packet, time_ns, rate);
        }
        self.counts.strays += 1;
        if taken.verdict == Verdict::Pending {
            self.hold(Held {
                claim: taken.claim,
                ssrc: packet.ssrc,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                time_ns,
                rate,
            });
        }
    }

    fn clock_rate(&self, payload_type: u8) -> u32 {
        let named = self
            .clock_rates
            .iter()
            .find(|(number, _)| *number == payload_type);
        named.map_or_else(|| default_clock_rate(payload_type), |(_, rate)| *rate)
    }

    fn hold(&mut self, packet: Held) {
        if self.held.len() == MAX_HELD {
            self.held.remove(0);
        }
        self.held.push(packet);
    }

    /// Counts what was held back of a sender that is followed now.
    fn note(&mut self, event: Event, claim: u32) {
        if let Event::Followed { from, earlier, .. } = event {
            self.counts.source_changes += u64::from(from.is_some());
            self.counts.strays = self.counts.strays.saturating_sub(u64::from(earlier));
            let reception = &mut self.reception;
            self.held.retain(|held| {
                if held.claim == claim {
                    reception.take(&held.packet(), held.time_ns, held.rate);
                }
                held.claim != claim
            });
        }
        self.events.push(event);
    }
}
