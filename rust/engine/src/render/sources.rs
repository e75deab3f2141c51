//! Which packets of a stream are its own: the decisions that were made while it came, applied afterwards.

use std::net::SocketAddr;

use siprecord_core::source::{Decision, Ruling, Source};

/// Senders of one stream that are told apart; more are counted together.
const MOST: usize = 256;

/// What one sender of a stream sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceReport {
    pub source: Source,
    /// RTP packets.
    pub packets: u64,
    /// How many of them are the stream's own.
    pub own: u64,
    pub first_ns: i64,
    pub last_ns: i64,
}

/// The senders of one stream while its log is read.
#[derive(Default)]
pub struct Senders {
    /// Whether somebody decided whom the stream follows while it came.
    pub judged: bool,
    decisions: Vec<Decision>,
    known: Vec<SourceReport>,
    last: usize,
}

/// Number of a packet's sender; [`MOST`] for those that are not told apart.
pub type Number = u16;

impl Senders {
    pub fn decide(&mut self, decision: Decision) {
        self.decisions.push(decision);
    }

    /// Counts a packet and answers the number of its sender.
    pub fn take(&mut self, address: SocketAddr, ssrc: u32, time_ns: i64) -> Number {
        let source = Source { address, ssrc };
        let is_it = |known: &SourceReport| known.source == source;
        let place = match self.known.get(self.last) {
            Some(known) if is_it(known) => self.last,
            _ => {
                let found = self.known.iter().position(is_it);
                found.unwrap_or_else(|| self.add(source, time_ns))
            }
        };
        if let Some(known) = self.known.get_mut(place) {
            self.last = place;
            known.packets += 1;
            known.last_ns = time_ns;
        }
        place as Number
    }

    /// A place for one more sender; a place that is none when there are too many.
    fn add(&mut self, source: Source, time_ns: i64) -> usize {
        if self.known.len() == MOST {
            return MOST;
        }
        self.known.push(SourceReport {
            source,
            packets: 0,
            own: 0,
            first_ns: time_ns,
            last_ns: time_ns,
        });
        self.known.len() - 1
    }

    /// The judge of this stream, when all of its log has been read.
    pub fn judge(&mut self) -> Judge {
        Judge {
            all: !self.judged && self.decisions.is_empty(),
            ruling: Ruling::new(std::mem::take(&mut self.decisions)),
        }
    }

    /// Whether a packet is the stream's own.
    pub fn owns_quietly(&self, judge: &Judge, number: Number, time_ns: i64) -> bool {
        let known = self.known.get(usize::from(number));
        let time_ns = u64::try_from(time_ns).unwrap_or(0);
        judge.all || known.is_some_and(|known| judge.ruling.admits(known.source, time_ns))
    }

    /// The same, and counts it.
    pub fn owns(&mut self, judge: &Judge, number: Number, time_ns: i64) -> bool {
        let own = self.owns_quietly(judge, number, time_ns);
        if let Some(known) = self.known.get_mut(usize::from(number)) {
            known.own += u64::from(own);
        }
        own
    }

    pub fn into_reports(self) -> Vec<SourceReport> {
        self.known
    }
}

/// Tells a stream's own packets from all others.
pub struct Judge {
    /// Nobody has judged them: all are taken.
    all: bool,
    ruling: Ruling,
}

impl Judge {
    /// Whether nobody has judged the senders.
    pub fn takes_all(&self) -> bool {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn follow(port: u16, since_ns: u64) -> Decision {
        let source = Source {
            address: address(port),
            ssrc: 7,
        };
        Decision {
            source,
            since_ns,
            time_ns: since_ns + 1,
        }
    }

    #[test]
    fn only_the_followed_sender_is_owned_and_the_others_are_told() {
        let mut senders = Senders {
            judged: true,
            ..Senders::default()
        };
        let (own, stray) = (
            senders.take(address(1), 7, 10),
            senders.take(address(2), 7, 11),
        );
        senders.decide(follow(1, 10));
        let judge = senders.judge();
        assert!(senders.owns(&judge, own, 10));
        assert!(!senders.owns(&judge, stray, 11));
        let reports = senders.into_reports();
        let told: Vec<(u64, u64)> = reports.iter().map(|one| (one.packets, one.own)).collect();
        assert_eq!(told, [(1, 1), (1, 0)]);
    }

    #[test]
    fn what_was_judged_and_never_followed_is_nobodys_and_what_was_never_judged_is_taken() {
        for judged in [true, false] {
            let mut senders = Senders {
                judged,
                ..Senders::default()
            };
            let number = senders.take(address(1), 7, 10);
            let judge = senders.judge();
            assert_eq!(senders.owns(&judge, number, 10), !judged);
        }
    }

    #[test]
    fn a_flood_of_senders_is_bounded() {
        let mut senders = Senders::default();
        for number in 0..2_000 {
            let place = senders.take(address(number), 7, 10);
            assert_eq!(usize::from(place), usize::from(number).min(MOST));
        }
        assert_eq!(senders.take(address(0), 7, 10), 0);
        assert_eq!(senders.into_reports().len(), MOST);
    }
}
