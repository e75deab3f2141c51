//! Which packets of a stream are its own, told afterwards.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::{Event, Heard, Policy, Source, Sources, Verdict, GRACE_NS};

/// Stands in the description of an interface whose senders are judged while they come. What nobody was judged to
/// follow there is nobody's; a stream without this mark was judged by nobody.
pub const JUDGED: &[u8] = b"\"sources\":\"judged\"";

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
///
/// Costs about the same whatever number of decisions there are: a sender may cause as many as it likes.
#[derive(Clone, Debug, Default)]
pub struct Ruling {
    /// When each source was followed: from and until, in order.
    spans: HashMap<Source, Vec<(u64, u64)>>,
    /// Sources that are followed until another address takes over.
    open: Vec<Source>,
    address: Option<SocketAddr>,
}

impl Ruling {
    /// The decisions on one stream, in any order.
    pub fn new(mut decisions: Vec<Decision>) -> Self {
        decisions.sort_by_key(|decision| decision.time_ns);
        let mut ruling = Self::default();
        decisions.into_iter().for_each(|each| ruling.add(each));
        ruling
    }

    /// Takes in a decision that was made after all others.
    pub fn add(&mut self, decision: Decision) {
        let Decision {
            source,
            since_ns,
            time_ns,
        } = decision;
        if self.address != Some(source.address) {
            self.address = Some(source.address);
            for left in self.open.drain(..) {
                if let Some(span) = self.spans.get_mut(&left).and_then(|spans| spans.last_mut()) {
                    span.1 = time_ns;
                }
            }
        }
        let spans = self.spans.entry(source).or_default();
        match spans.last_mut() {
            Some(span) if span.1 == u64::MAX => span.0 = span.0.min(since_ns),
            last => {
                match last {
                    Some(span) if since_ns <= span.1.saturating_add(GRACE_NS) => span.1 = u64::MAX,
                    _ => spans.push((since_ns, u64::MAX)),
                }
                self.open.push(source);
            }
        }
    }

    /// Whether a packet is the stream's own.
    pub fn admits(&self, source: Source, time_ns: u64) -> bool {
        self.spans.get(&source).is_some_and(|spans| {
            let mut spans = spans.iter();
            spans.any(|(since, until)| (*since..=until.saturating_add(GRACE_NS)).contains(&time_ns))
        })
    }
}
