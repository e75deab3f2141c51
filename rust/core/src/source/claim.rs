//! What one source has sent so far, and whether that proves anything.

use super::{Event, Heard, Source, Taken, Trace, Verdict, EARNEST, MAX_OVERLAP};
use crate::seq::distance;

/// Packets in order that prove a source (RFC 3550 appendix A.1).
const IN_ORDER: u32 = 2;
/// Steps of the sequence number that still count as in order, since packets may be lost.
const MAX_AHEAD: i16 = 50;
/// Steps after which a sequence number still goes on with another claim's.
const MAX_DROPOUT: i16 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Followed,
    /// Heard before anybody could know our port: it is never followed.
    Barred,
}

#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub number: u32,
    pub source: Source,
    pub state: State,
    pub packets: u32,
    /// Packets of the holder that came since this claim began.
    pub overlap: u32,
    /// Whether it began where the holder ended.
    pub continues: bool,
    pub first_ns: u64,
    pub last_ns: u64,
    highest: u16,
    in_order: u32,
    told: bool,
}

impl Claim {
    pub fn new(number: u32, heard: &Heard) -> Self {
        Self {
            number,
            source: heard.source,
            state: State::Pending,
            packets: 1,
            overlap: 0,
            continues: false,
            first_ns: heard.time_ns,
            last_ns: heard.time_ns,
            highest: heard.sequence,
            in_order: 1,
            told: false,
        }
    }

    /// Takes a packet in. A duplicate proves nothing, a jump begins the proof anew.
    pub fn count(&mut self, heard: &Heard) {
        self.last_ns = heard.time_ns;
        self.packets = self.packets.saturating_add(1);
        match distance(self.highest, heard.sequence) {
            0 => {}
            1..=MAX_AHEAD => {
                self.in_order = self.in_order.saturating_add(1);
                self.highest = heard.sequence;
            }
            _ if self.state == State::Followed => {
                if distance(self.highest, heard.sequence) > 0 {
                    self.highest = heard.sequence;
                }
            }
            _ => {
                self.in_order = 1;
                self.highest = heard.sequence;
            }
        }
    }

    /// Also somebody whose numbers make no sense proves himself in the end.
    pub fn is_proved(&self) -> bool {
        self.in_order >= IN_ORDER || self.packets >= EARNEST
    }

    pub fn trace(&self) -> Trace {
        Trace {
            source: self.source,
            highest: self.highest,
            time_ns: self.last_ns,
        }
    }

    pub fn is_continued_by(&self, heard: &Heard) -> bool {
        self.source.ssrc == heard.source.ssrc
            && (1..=MAX_DROPOUT).contains(&distance(self.highest, heard.sequence))
    }

    /// Heard beside the holder for longer than late packets explain.
    pub fn is_rival(&self) -> bool {
        self.overlap > MAX_OVERLAP
    }

    /// The verdict on a packet of a claim that is not followed.
    pub fn judge(&mut self) -> Taken {
        if self.state == State::Pending && !self.is_rival() {
            return self.taken(Verdict::Pending, None);
        }
        let tell = !self.told && self.packets >= EARNEST;
        self.told |= tell;
        let source = self.source;
        self.taken(Verdict::Refused, tell.then_some(Event::Refused { source }))
    }

    pub fn taken(&self, verdict: Verdict, event: Option<Event>) -> Taken {
        Taken {
            claim: self.number,
            verdict,
            event,
        }
    }
}
