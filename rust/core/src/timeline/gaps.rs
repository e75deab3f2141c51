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
    Restart,
    /// Packets are there, in a codec that is not rendered.
    NotRendered,
    /// The stream never carried a packet.
    NoPackets,
    Unknown,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Cause::BeforeStart => "before_start",
            Cause::AfterEnd => "after_end",
            Cause::Network => "network",
            Cause::Silence => "silence",
            Cause::Hold => "hold",
            Cause::Pause => "pause",
            Cause::Restart => "restart",
            Cause::NotRendered => "not_rendered",
            Cause::NoPackets => "no_packets",
            Cause::Unknown => "unknown",
        }
    }
}

/// An interval that is known from events to have carried nothing, in samples since 1970.
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
                cause: known_cause(start, end, known).unwrap_or(cause),
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
        return Cause::Restart;
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

/// The known interval that fills at least half of the hole.
fn known_cause(start: i64, end: i64, known: &[Hole]) -> Option<Cause> {
    let overlap = |hole: &Hole| (hole.end.min(end) - hole.start.max(start)).max(0);
    let best = known.iter().max_by_key(|hole| overlap(hole))?;
    (overlap(best) * 2 >= end - start).then_some(best.cause)
}
