//! Which packets of a stream are its own, told afterwards.

use super::{Event, Heard, Policy, Source, Sources, Verdict, GRACE_NS};

/// Judges a whole stream, where nobody has judged it while it came.
///
/// Give it each packet in order of arrival and keep the number; when all are in, ask for each number.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    sources: Sources,
    followed: Vec<bool>,
}

impl Selection {
    pub fn new(policy: Policy) -> Self {
        Self {
            sources: Sources::new(policy),
            followed: Vec::new(),
        }
    }

    /// Takes a packet in and answers the number of its claim.
    pub fn take(&mut self, heard: &Heard) -> u32 {
        let taken = self.sources.take(heard);
        let place = taken.claim as usize;
        if self.followed.len() <= place {
            self.followed.resize(place + 1, false);
        }
        self.followed[place] |= taken.verdict == Verdict::Followed;
        taken.claim
    }

    /// Whether the packets of a claim are the stream's own.
    pub fn is_followed(&self, claim: u32) -> bool {
        self.followed.get(claim as usize).copied().unwrap_or(false)
    }
}

/// That a source was followed, as the capture log tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub source: Source,
    /// When its claim began.
    pub since_ns: u64,
    /// When it was decided.
    pub time_ns: u64,
}

impl Decision {
    /// The decision that an event tells of, if it is one.
    pub fn of(event: &Event, time_ns: u64) -> Option<Self> {
        match event {
            Event::Followed { to, since_ns, .. } => Some(Self {
                source: *to,
                since_ns: *since_ns,
                time_ns,
            }),
            Event::Refused { .. } => None,
        }
    }
}

/// Judges the packets of a stream by the decisions that were made while it came.
#[derive(Clone, Debug, Default)]
pub struct Ruling {
    /// In order of time, each with the moment at which another address took over.
    decisions: Vec<(Decision, u64)>,
}

impl Ruling {
    /// The decisions on one stream, in any order.
    pub fn new(mut decisions: Vec<Decision>) -> Self {
        decisions.sort_by_key(|decision| decision.time_ns);
        let mut until = u64::MAX;
        let mut ruled: Vec<(Decision, u64)> = Vec::with_capacity(decisions.len());
        for decision in decisions.into_iter().rev() {
            if let Some((next, _)) = ruled.last() {
                if next.source.address != decision.source.address {
                    until = next.time_ns;
                }
            }
            ruled.push((decision, until));
        }
        ruled.reverse();
        Self { decisions: ruled }
    }

    /// Whether there is anything to judge by.
    pub fn is_empty(&self) -> bool {
        self.decisions.is_empty()
    }

    /// Whether a packet is the stream's own.
    pub fn admits(&self, source: Source, time_ns: u64) -> bool {
        self.decisions.iter().any(|(decision, until)| {
            decision.source == source
                && decision.since_ns <= time_ns
                && time_ns <= until.saturating_add(GRACE_NS)
        })
    }
}
