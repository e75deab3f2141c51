//! Holes of a stream, each with a cause.

use super::Placement;

/// Why there is no audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Other streams of the recording had begun, this one had not.
    BeforeStart,
    /// Other streams went on, this one had ended.
    AfterEnd,
    /// Sequence numbers are missing: the packets were sent and did not arrive.
    Network,
    /// Nothing is missing: the sender sent nothing (silence suppression, tones sent as events).
    Silence,
    /// The stream was on hold.
    Hold,
    /// The recording was paused.
    Pause,
    /// The sender began anew: another SSRC, another numbering.
    NewSource,
    /// Packets are missing that came while the recorder was started again.
    Restart,
    /// Packets are missing that came while another recorder took over.
    Failover,
    /// Packets are there, in a codec that is not rendered.
    NotRendered,
    /// The stream never carried a packet.
    NoPackets,
    Unknown,
}

impl Cause {
    /// Whether the recorder was away. It explains packets that are missing, wherever it touches the hole; all other
    /// causes that are known from events explain a hole that they fill.
    pub fn is_absence(self) -> bool {
        matches!(self, Cause::Restart | Cause::Failover)
    }

    pub fn name(self) -> &'static str {
        match self {
            Cause::BeforeStart => "before_start",
            Cause::AfterEnd => "after_end",
            Cause::Network => "network",
            Cause::Silence => "silence",
            Cause::Hold => "hold",
            Cause::Pause => "pause",
            Cause::NewSource => "new_source",
            Cause::Restart => "restart",
            Cause::Failover => "failover",
            Cause::NotRendered => "not_rendered",
            Cause::NoPackets => "no_packets",
            Cause::Unknown => "unknown",
        }
    }
}

/// An interval that is known from events to have carried nothing, or nothing for sure, in samples since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    pub start: i64,
    pub end: i64,
    pub cause: Cause,
}

/// One hole of one stream, in samples since 1970.
pub type Gap = Hole;

/// All holes of a stream between `from` and `to`; `known` holes name the cause where they fill half of one.
///
/// `packets` is how many RTP packets the stream had, whether they were rendered or not.
pub fn find_gaps(
    placements: &[Placement],
    from: i64,
    to: i64,
    packets: u64,
    known: &[Hole],
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut push = |start: i64, end: i64, cause: Cause| {
        if start < end {
            gaps.push(Gap {
                start,
                end,
                cause: known_cause(start, end, known)
                    .or_else(|| absence(start, end, cause, known))
                    .unwrap_or(cause),
            });
        }
    };
    let (Some(first), Some(last)) = (placements.first(), placements.last()) else {
        push(
            from,
            to,
            if packets > 0 {
                Cause::NotRendered
            } else {
                Cause::NoPackets
            },
        );
        return gaps;
    };
    push(
        from,
        first.start,
        if first.foreign > 0 {
            Cause::NotRendered
        } else {
            Cause::BeforeStart
        },
    );
    for pair in placements.windows(2) {
        push(
            pair[0].end(),
            pair[1].start,
            cause_between(&pair[0], &pair[1]),
        );
    }
    push(last.end(), to, Cause::AfterEnd);
    gaps
}

fn cause_between(before: &Placement, after: &Placement) -> Cause {
    if before.epoch != after.epoch {
        return Cause::NewSource;
    }
    if after.missing > before.missing {
        return Cause::Network;
    }
    if after.foreign > before.foreign {
        return Cause::NotRendered;
    }
    if after.missing == before.missing {
        Cause::Silence
    } else {
        Cause::Unknown
    }
}

fn overlap(hole: &Hole, start: i64, end: i64) -> i64 {
    (hole.end.min(end) - hole.start.max(start)).max(0)
}

/// The known interval that fills at least half of the hole.
fn known_cause(start: i64, end: i64, known: &[Hole]) -> Option<Cause> {
    let silences = known.iter().filter(|hole| !hole.cause.is_absence());
    let best = silences.max_by_key(|hole| overlap(hole, start, end))?;
    (overlap(best, start, end) * 2 >= end - start).then_some(best.cause)
}

/// The recorder's absence that touches a hole in which packets are missing.
fn absence(start: i64, end: i64, cause: Cause, known: &[Hole]) -> Option<Cause> {
    let touches = |hole: &&Hole| hole.cause.is_absence() && overlap(hole, start, end) > 0;
    let found = known.iter().find(touches)?;
    matches!(cause, Cause::Network | Cause::Unknown).then_some(found.cause)
}
