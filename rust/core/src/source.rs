//! Whom a media stream follows, of all that send to its port.
//!
//! Anybody may send to an open port: a stray packet, a call that ended before and whose sender does not know it
//! yet, somebody with bad intent. A **source** is a transport address and an SSRC. What a source sends is its
//! **claim** to the stream; a claim is *followed* once it has proved itself by two packets in order, and:
//!
//! - the stream follows nobody yet, or follows the same address (its SSRC has changed); or
//! - it comes from where the signalling says, and the followed one does not; or
//! - it goes on with the followed one's SSRC and sequence numbers (the path has changed); or
//! - the followed one is silent, for half a second, or for ten if both have been heard side by side; or
//! - it was followed earlier and is back in earnest.
//!
//! What was heard before anybody could know our port, or goes on with the stream that had it before, is never followed. Packets are judged as they come
//! ([`Sources`]), but a claim that is followed in the end is so from its first packet ([`Selection`]), so probation
//! loses no audio.

mod claim;
mod event;
mod probation;
mod ruling;

pub use ruling::{Decision, Ruling, Selection, JUDGED};

use crate::seq::distance;
use claim::{Claim, State};
use std::net::SocketAddr;

/// Claims kept at one time; the one unheard for longest makes room, but never the current one.
const MAX_CLAIMS: usize = 40;
/// Former holders that may come back.
const MAX_FORMER: usize = 8;
/// A claim takes over from a holder that is silent for this long.
const QUIET_NS: u64 = 500_000_000;
/// The same for a claim that has been heard beside the holder.
const RIVAL_QUIET_NS: u64 = 10_000_000_000;
/// Packets of the holder after the beginning of a claim that may still be late ones.
const MAX_OVERLAP: u32 = 5;
/// Packets that show earnest: of a holder that is back, or of somebody who can't count.
pub(crate) const EARNEST: u32 = 25;
/// For so long after a change late packets of the one before are still taken for its own.
pub const GRACE_NS: u64 = 300_000_000;
/// How much faster than this nobody sends, in packets a second, and how many more may have come meanwhile.
const MAX_RATE: u64 = 120;
const MAX_BURST: u64 = 500;
/// Steps back that still count as going on, since packets overtake one another.
const MAX_BACK: i64 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    pub address: SocketAddr,
    pub ssrc: u32,
}

/// What a packet tells of its sender.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub source: Source,
    pub sequence: u16,
    /// Nanoseconds since 1970.
    pub time_ns: u64,
}

/// What is known from the signalling.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// From where the stream should come.
    pub expected: Option<SocketAddr>,
    /// Nobody could know our port before this moment.
    pub known_from_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The packet is the stream's.
    Followed,
    /// Not known yet.
    Pending,
    /// It belongs to somebody else, as far as one can tell.
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A source is followed from now on.
    Followed {
        from: Option<Source>,
        to: Source,
        /// When its claim began.
        since_ns: u64,
        /// Packets of this claim that were pending before this one.
        earlier: u32,
    },
    /// A source sends in earnest and is not followed; told once for each claim.
    Refused { source: Source },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Claims are numbered from 0.
    pub claim: u32,
    pub verdict: Verdict,
    pub event: Option<Event>,
}

/// The sources of one stream.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    policy: Policy,
    claims: Vec<Claim>,
    /// Place of the claim heard last among those that are followed.
    current: usize,
    holder: Option<Holder>,
    /// Holders before this one, the most senior first.
    former: Vec<SocketAddr>,
    pending: usize,
    numbers: u32,
    /// What the stream before left behind that had this port.
    traces: Vec<Trace>,
}

/// Where a source stood when its stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    pub source: Source,
    pub highest: u16,
    /// When it was heard last.
    pub time_ns: u64,
}

impl Trace {
    /// Whether a packet goes on where the source stood: its sender does not know that the stream has ended.
    fn is_continued_by(&self, heard: &Heard) -> bool {
        let elapsed = heard.time_ns.saturating_sub(self.time_ns) / 1_000_000_000;
        let most = MAX_BURST.saturating_add(elapsed.saturating_mul(MAX_RATE));
        let step = i64::from(distance(self.highest, heard.sequence));
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.source == heard.source && (-MAX_BACK..=most).contains(&step)
    }
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    address: SocketAddr,
    since_ns: u64,
    last_ns: u64,
}

impl Sources {
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Where the sources stand that are followed, for the next stream on this port.
    pub fn traces(&self) -> Vec<Trace> {
        let followed = |claim: &&Claim| claim.state == State::Followed;
        self.claims
            .iter()
            .filter(followed)
            .map(Claim::trace)
            .collect()
    }

    /// Who goes on with an earlier stream of this port is not meant, unless he comes from where the signalling says.
    pub fn beware_of(&mut self, traces: Vec<Trace>) {
        self.traces = traces;
    }

    fn is_left_over(&self, heard: &Heard) -> bool {
        self.policy.expected != Some(heard.source.address)
            && self.traces.iter().any(|trace| trace.is_continued_by(heard))
    }

    /// Goes on with the source that an earlier process followed, as if it was heard just now.
    pub fn resume(&mut self, source: Source, time_ns: u64) {
        let sequence = 0;
        let heard = Heard {
            source,
            sequence,
            time_ns,
        };
        let mut claim = self.begin(&heard);
        claim.state = State::Followed;
        self.claims = vec![claim];
        (self.current, self.pending) = (0, 0);
        self.holder = Some(Holder {
            address: source.address,
            since_ns: time_ns,
            last_ns: time_ns,
        });
    }

    /// The source that is followed and was heard last.
    pub fn current(&self) -> Option<Source> {
        self.holder
            .and(self.claims.get(self.current))
            .map(|claim| claim.source)
    }

    /// Where that is which the next packet is held against, and how many bytes; for hints to the processor.
    pub fn hot(&self) -> (*const u8, usize) {
        let claim = self.claims.get(self.current).map(std::slice::from_ref);
        let claim = claim.unwrap_or_default();
        (claim.as_ptr().cast(), size_of_val(claim))
    }

    /// The short way for nearly every packet: true if it is the current source's, and nothing is undecided. If not, the
    /// packet is still to be judged by [`Sources::take`].
    #[inline]
    pub fn goes_on(&mut self, heard: &Heard) -> bool {
        let (Some(claim), Some(holder)) = (self.claims.get_mut(self.current), &mut self.holder)
        else {
            return false;
        };
        let same = claim.source == heard.source && claim.state == State::Followed;
        if !same || self.pending > 0 {
            return false;
        }
        holder.last_ns = heard.time_ns;
        claim.count(heard);
        true
    }

    /// Judges a packet.
    pub fn take(&mut self, heard: &Heard) -> Taken {
        let place = match self.claims.get(self.current) {
            Some(claim) if claim.source == heard.source => Some(self.current),
            _ => self
                .claims
                .iter()
                .position(|claim| claim.source == heard.source),
        };
        let Some(place) = place else {
            return self.admit(heard);
        };
        match self.claims[place].state {
            State::Followed => self.go_on(place, heard),
            State::Pending => self.try_to_follow(place, heard),
            State::Barred => self.refuse(place, heard),
        }
    }

    fn go_on(&mut self, place: usize, heard: &Heard) -> Taken {
        let Some(holder) = self.holder.as_mut() else {
            return self.renew(place, heard);
        };
        if holder.address == heard.source.address {
            holder.last_ns = heard.time_ns;
            self.current = place;
            if self.pending > 0 {
                self.overlap(heard.source.address);
            }
        } else if heard.time_ns.saturating_sub(holder.since_ns) > GRACE_NS {
            return self.renew(place, heard);
        }
        let claim = &mut self.claims[place];
        claim.count(heard);
        claim.taken(Verdict::Followed, None)
    }

    /// Others that are pending have now been heard side by side with the holder.
    fn overlap(&mut self, address: SocketAddr) {
        for claim in &mut self.claims {
            if claim.state == State::Pending && claim.source.address != address {
                claim.overlap = claim.overlap.saturating_add(1);
            }
        }
    }

    /// A claim that was followed once has to prove itself again.
    fn renew(&mut self, place: usize, heard: &Heard) -> Taken {
        let claim = self.begin(heard);
        self.pending += 1;
        self.claims[place] = claim;
        self.claims[place].taken(Verdict::Pending, None)
    }

    fn begin(&mut self, heard: &Heard) -> Claim {
        let number = self.numbers;
        self.numbers = self.numbers.wrapping_add(1);
        let mut claim = Claim::new(number, heard);
        claim.continues = self.holder.is_some()
            && self
                .claims
                .get(self.current)
                .is_some_and(|current| current.is_continued_by(heard));
        claim
    }

    fn admit(&mut self, heard: &Heard) -> Taken {
        let mut claim = self.begin(heard);
        if heard.time_ns < self.policy.known_from_ns || self.is_left_over(heard) {
            claim.state = State::Barred;
        } else {
            self.pending += 1;
        }
        let place = self.room();
        match self.claims.get_mut(place) {
            Some(old) => {
                self.pending -= usize::from(old.state == State::Pending);
                *old = claim;
            }
            None => self.claims.push(claim),
        }
        self.claims[place].judge()
    }

    fn room(&self) -> usize {
        if self.claims.len() < MAX_CLAIMS {
            return self.claims.len();
        }
        let worth = |claim: &Claim| (claim.state == State::Followed, claim.last_ns);
        (0..self.claims.len())
            .filter(|place| *place != self.current)
            .min_by_key(|place| worth(&self.claims[*place]))
            .unwrap_or(0)
    }

    fn refuse(&mut self, place: usize, heard: &Heard) -> Taken {
        let claim = &mut self.claims[place];
        claim.count(heard);
        claim.judge()
    }

    fn try_to_follow(&mut self, place: usize, heard: &Heard) -> Taken {
        self.claims[place].count(heard);
        if self.claims[place].is_proved() && self.may_follow(place, heard.time_ns) {
            return self.follow(place, heard.time_ns);
        }
        self.claims[place].judge()
    }

    fn may_follow(&self, place: usize, now: u64) -> bool {
        let Some(holder) = self.holder else {
            return true;
        };
        let claim = &self.claims[place];
        let address = claim.source.address;
        if address == holder.address {
            return true;
        }
        let (rank, held) = (self.rank(address), self.rank(holder.address));
        if rank > held || (claim.continues && claim.overlap == 0) {
            return true;
        }
        if rank == held && claim.packets >= EARNEST && self.former.contains(&address) {
            return true;
        }
        let quiet = now.saturating_sub(holder.last_ns);
        if claim.is_rival() {
            rank == held && quiet >= RIVAL_QUIET_NS
        } else {
            quiet >= QUIET_NS
        }
    }

    /// How well an address fits what the signalling says.
    fn rank(&self, address: SocketAddr) -> u8 {
        match self.policy.expected {
            Some(expected) if expected == address => 2,
            Some(expected) if expected.ip() == address.ip() => 1,
            _ => 0,
        }
    }

    fn follow(&mut self, place: usize, now: u64) -> Taken {
        let from = self.current();
        let address = self.claims[place].source.address;
        let since_ns = match self.holder {
            Some(holder) if holder.address == address => holder.since_ns,
            Some(holder) => {
                self.remember(holder.address, address);
                now
            }
            None => now,
        };
        self.holder = Some(Holder {
            address,
            since_ns,
            last_ns: now,
        });
        self.current = place;
        self.pending -= 1;
        let claim = &mut self.claims[place];
        claim.state = State::Followed;
        let event = Event::Followed {
            from,
            to: claim.source,
            since_ns: claim.first_ns,
            earlier: claim.packets - 1,
        };
        claim.taken(Verdict::Followed, Some(event))
    }

    /// Who is left because he was silent is senior to the one that takes over, and may come back.
    fn remember(&mut self, left: SocketAddr, taking_over: SocketAddr) {
        if let Some(place) = self
            .former
            .iter()
            .position(|address| *address == taking_over)
        {
            self.former.truncate(place);
            return;
        }
        if self.former.len() == MAX_FORMER {
            self.former.remove(0);
        }
        self.former.push(left);
    }
}

#[cfg(test)]
mod tests;
