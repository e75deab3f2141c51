//! The receiving side of one stream: the keys that are valid now, and what was heard under each.

use crate::keys::MasterKey;
use crate::session::{media_identity, report_identity, Session};
use crate::transform::Place;
use crate::window::{Window, MAX_INDEX};
use crate::Refusal;

/// Sources that are told apart; only packets that were authenticated make one.
const MAX_SOURCES: usize = 64;
/// Cycles of the sequence number that a sender may have gone on since its index was kept: a day of audio.
const MAX_CYCLES: u64 = 66;
/// Packets whose cycle is looked for after another process had the stream. Each costs `MAX_CYCLES` tries, and
/// anybody can send such packets.
const MAX_SEARCHES: u32 = 1_024;
/// For so long after new keys packets under the old ones are still taken (RFC 4568 section 7.1.4).
const OVERLAP_NS: u64 = 10_000_000_000;

/// Opens protected packets.
///
/// Each SSRC has a rollover counter of its own, which begins at zero with its first packet (RFC 4568 section 6.4).
pub struct Receiver {
    /// The keys of the present, then those of the past.
    generations: Vec<Generation>,
}

/// Keys that were negotiated together. They differ by their identifiers and share the rollover counters.
struct Generation {
    sessions: Vec<Session>,
    sources: Vec<Source>,
    ends_ns: u64,
    /// How many more packets of sources that we have not heard may be looked for in later cycles.
    searches: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Source {
    ssrc: u32,
    media: Window,
    reports: Window,
    last_ns: u64,
    /// Nothing of it has been authenticated by us.
    unheard: bool,
}

impl Source {
    fn reached(&self) -> Option<Reached> {
        Some(Reached {
            ssrc: self.ssrc,
            highest: self.media.highest()?,
            seen: self.media.seen(),
        })
    }
}

/// How far an earlier process had come with one SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub ssrc: u32,
    /// The highest packet index.
    pub highest: u64,
    /// Bit n: the index n below the highest was seen.
    pub seen: u128,
}

impl Receiver {
    /// The keys that one `a=crypto` line names; several differ by their MKI.
    pub fn new(keys: Vec<MasterKey>) -> Self {
        Self {
            generations: vec![Generation::new(keys)],
        }
    }

    /// Changes the keys. Where one stays, the rollover counters stay; else all begin anew (RFC 4568 section 7.1.4).
    /// The old keys are valid for ten more seconds. Times are any steady nanoseconds. True when all begin anew.
    pub fn set_keys(&mut self, keys: Vec<MasterKey>, now: u64) -> bool {
        let current = &mut self.generations[0];
        if current.has_any_of(&keys) {
            current.set_keys(keys);
            return false;
        }
        current.ends_ns = now.saturating_add(OVERLAP_NS);
        self.generations.insert(0, Generation::new(keys));
        self.generations.truncate(2);
        true
    }

    /// Appends the clear packet to `out`; nothing when it is refused.
    pub fn open_media(
        &mut self,
        packet: &[u8],
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let (ssrc, sequence) = media_identity(packet).ok_or(Refusal::Malformed)?;
        self.try_each(now, |generation| {
            generation.open_media(packet, (ssrc, sequence), now, out)
        })
    }

    /// The same for reports.
    pub fn open_report(
        &mut self,
        packet: &[u8],
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let ssrc = report_identity(packet).ok_or(Refusal::Malformed)?;
        self.try_each(now, |generation| {
            generation.open_report(packet, ssrc, now, out)
        })
    }

    /// The answer under the present keys counts, unless older ones open it.
    fn try_each(
        &mut self,
        now: u64,
        mut open: impl FnMut(&mut Generation) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let outcome = open(&mut self.generations[0]);
        if outcome.is_ok() || self.generations.len() == 1 {
            return outcome;
        }
        self.generations
            .retain(|generation| generation.ends_ns > now);
        let older = self.generations[1..].iter_mut().map(open);
        older.fold(outcome, |outcome, older| match older {
            Ok(()) | Err(Refusal::Replayed) => older,
            Err(_) => outcome,
        })
    }

    /// How far each SSRC has come under the present keys, for a process that goes on with the stream.
    pub fn reached(&self) -> Vec<Reached> {
        let sources = self.generations[0].sources.iter();
        sources.filter_map(Source::reached).collect()
    }

    /// Goes on with the stream of another process, and its indices; call it before the first packet.
    ///
    /// What was stored last may lie behind what was sent last by whole cycles, and of an SSRC nothing may have been
    /// stored at all. So the first packet of each SSRC that can be authenticated tells its cycle.
    pub fn resume(&mut self, reached: &[Reached]) {
        self.generations[0].searches = MAX_SEARCHES;
        for known in reached.iter().take(MAX_SOURCES) {
            self.generations[0].sources.push(Source {
                ssrc: known.ssrc,
                media: Window::resumed(known.highest, known.seen),
                unheard: true,
                ..Source::default()
            });
        }
    }

    #[cfg(test)]
    pub(crate) fn with_session(session: Session) -> Self {
        Self {
            generations: vec![Generation {
                sessions: vec![session],
                ..Generation::new(Vec::new())
            }],
        }
    }
}

impl Generation {
    fn new(keys: Vec<MasterKey>) -> Self {
        Self {
            sessions: keys.into_iter().map(Session::new).collect(),
            sources: Vec::new(),
            ends_ns: u64::MAX,
            searches: 0,
        }
    }

    fn has_any_of(&self, keys: &[MasterKey]) -> bool {
        self.sessions
            .iter()
            .any(|session| keys.contains(&session.master))
    }

    /// Keeps the sessions whose keys stay, with the packets they have counted.
    fn set_keys(&mut self, keys: Vec<MasterKey>) {
        self.sessions
            .retain(|session| keys.contains(&session.master));
        for key in keys {
            if !self.sessions.iter().any(|session| session.master == key) {
                self.sessions.push(Session::new(key));
            }
        }
    }

    fn open_media(
        &mut self,
        packet: &[u8],
        (ssrc, sequence): (u32, u16),
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let mut source = self.source(ssrc);
        let index = source.media.estimate(sequence);
        let unheard = std::mem::take(&mut source.unheard);
        let outcome = self.open_at(packet, (&mut source, index), now, out);
        if outcome.is_ok() || !unheard || self.searches == 0 {
            return outcome;
        }
        self.searches -= 1;
        let later = (1..=MAX_CYCLES).map(|cycle| index + (cycle << 16));
        let mut later = later.take_while(|index| *index <= MAX_INDEX);
        let opens = |index| {
            let at = (&mut source, index);
            self.open_at(packet, at, now, out).is_ok()
        };
        if later.any(opens) {
            return Ok(());
        }
        outcome
    }

    fn open_at(
        &mut self,
        packet: &[u8],
        (source, index): (&mut Source, u64),
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        if !source.media.is_new(index) {
            return Err(Refusal::Replayed);
        }
        let place = Place::media(source.ssrc, index);
        let mut outcome = Err(Refusal::Unauthenticated);
        for session in &mut self.sessions {
            if session.is_named_by_media(packet) {
                outcome = session.open_media(packet, &place, out);
            }
            if outcome.is_ok() {
                source.media.note(index);
                self.keep(*source, now);
                break;
            }
        }
        outcome
    }

    fn open_report(
        &mut self,
        packet: &[u8],
        ssrc: u32,
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let mut source = self.source(ssrc);
        let mut outcome = Err(Refusal::Unauthenticated);
        for session in &mut self.sessions {
            if !session.is_named_by_report(packet) {
                continue;
            }
            let place = Place::report(ssrc, session.report_word(packet)?);
            if !source.reports.is_new(place.index) {
                return Err(Refusal::Replayed);
            }
            outcome = session.open_report(packet, &place, out);
            if outcome.is_ok() {
                source.reports.note(place.index);
                self.keep(source, now);
                break;
            }
        }
        outcome
    }

    fn source(&self, ssrc: u32) -> Source {
        let known = self.sources.iter().find(|source| source.ssrc == ssrc);
        known.copied().unwrap_or(Source {
            ssrc,
            unheard: true,
            ..Source::default()
        })
    }

    /// Stores what is known of a source; a new one may take the place of the one unheard for longest.
    fn keep(&mut self, mut source: Source, now: u64) {
        source.last_ns = now;
        if let Some(place) = self
            .sources
            .iter_mut()
            .find(|known| known.ssrc == source.ssrc)
        {
            *place = source;
        } else if self.sources.len() < MAX_SOURCES {
            self.sources.push(source);
        } else if let Some(oldest) = self.sources.iter_mut().min_by_key(|known| known.last_ns) {
            *oldest = source;
        }
    }
}
