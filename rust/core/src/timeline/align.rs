//! Puts streams together by what their senders say of time in RTCP (RFC 3550 section 6.4.1).
//!
//! A sender report names one moment twice: by the sender's wall clock and by an RTP time stamp. Streams with the same
//! canonical name share that wall clock, so what differs between them is how long the network took. The one that took
//! least is believed; the others are moved to it. Reports that are unsteady, contradict each other or have nothing to
//! do with the media are left aside, and then arrival decides, as it does without reports.

use std::collections::BTreeMap;

use super::drift::median;
use super::{sample_at, time_of, Arranged};

/// A report whose time stamp was not sent at about its arrival is nonsense.
const MOST_APART_NS: i64 = 2_000_000_000;
/// A report may come so long after the last packet, or before the first.
const MARGIN_NS: i64 = 15_000_000_000;
/// Streams further apart than this contradict their arrival.
const MOST_MOVED_NS: f64 = 1e9;
/// Reports of one stream that scatter more are too careless to be of use.
const MOST_SCATTER_NS: f64 = 10e6;
const LEAST_REPORTS: usize = 2;
/// Clocks are compared only over so long, and never believed to be further off than this.
const LEAST_SPAN_NS: f64 = 60e9;
const MOST_SLOPE: f64 = 1e-3;

/// What one sender report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderTime {
    pub arrival_ns: i64,
    pub ssrc: u32,
    /// 32.32 fixed point seconds since 1900; 0 when the sender does not know.
    pub ntp: u64,
    /// In ticks of the stream's plan.
    pub timestamp: u32,
}

/// What RTCP tells of one stream.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub times: Vec<SenderTime>,
    /// Canonical names by SSRC.
    pub names: BTreeMap<u32, Vec<u8>>,
}

/// What a stream was put in its place by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Sender reports.
    Rtcp,
    /// Arrival, as there were no reports that say something.
    #[default]
    Arrival,
    /// Arrival, as no other stream shares its clock.
    ArrivalAlone,
    /// Arrival, as its reports scatter.
    ArrivalUnsteady,
    /// Arrival, as its reports contradict arrival by seconds.
    ArrivalContradicted,
}

/// How one stream is to be moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aligned {
    pub by: By,
    /// By segment, in ticks.
    pub moves: Vec<i64>,
    /// By how much its longest segment is moved, in nanoseconds; never positive.
    pub offset_ns: i64,
}

/// The reports of one segment: the sender's and our time of the same audio.
struct Track {
    stream: usize,
    segment: usize,
    /// (our time, our time less the sender's), in nanoseconds.
    points: Vec<(i64, i64)>,
    height: f64,
}

/// Compares the streams of a recording.
pub fn align(streams: &[(&Arranged, &Told)]) -> Vec<Aligned> {
    let mut found: Vec<Aligned> = streams
        .iter()
        .map(|(arranged, _)| Aligned {
            moves: vec![0; arranged.segments.list.len()],
            ..Aligned::default()
        })
        .collect();
    let mut clocks: BTreeMap<&[u8], Vec<Track>> = BTreeMap::new();
    for (number, (arranged, told)) in streams.iter().enumerate() {
        for (name, track) in tracks(number, arranged, told, &mut found[number].by) {
            clocks.entry(name).or_default().push(track);
        }
    }
    for tracks in clocks.into_values() {
        compare(tracks, streams, &mut found);
    }
    found
}

/// The reports that make sense, by the segment that they speak of.
fn tracks<'a>(
    stream: usize,
    arranged: &Arranged,
    told: &'a Told,
    by: &mut By,
) -> Vec<(&'a [u8], Track)> {
    let mut points: BTreeMap<usize, Vec<(i64, i64)>> = BTreeMap::new();
    for time in told.times.iter().filter(|time| time.ntp >> 32 != 0) {
        let Some((segment, ours)) = locate(arranged, time) else {
            continue;
        };
        if (ours - time.arrival_ns).abs() > MOST_APART_NS {
            *by = By::ArrivalContradicted;
            continue;
        }
        points
            .entry(segment)
            .or_default()
            .push((ours, ours - ntp_ns(time.ntp)));
    }
    let named = points.into_iter().filter_map(|(segment, points)| {
        let name = told.names.get(&arranged.segments.list[segment].ssrc)?;
        let track = Track {
            stream,
            segment,
            points,
            height: 0.0,
        };
        Some((name.as_slice(), track))
    });
    named
        .filter(|(_, track)| track.points.len() >= LEAST_REPORTS)
        .collect()
}

/// The segment that a report speaks of, and our time of the audio with that time stamp.
fn locate(arranged: &Arranged, time: &SenderTime) -> Option<(usize, i64)> {
    let listed = arranged.segments.list.iter().enumerate();
    let apart =
        |first: i64, last: i64| (first - time.arrival_ns).max(time.arrival_ns - last).max(0);
    let (number, segment) = listed
        .filter(|(_, segment)| segment.ssrc == time.ssrc && !segment.weak)
        .min_by_key(|(_, segment)| apart(segment.first_ns, segment.last_ns))
        .filter(|(_, segment)| apart(segment.first_ns, segment.last_ns) <= MARGIN_NS)?;
    let place = segment.place(time.timestamp, time.arrival_ns, arranged.rate);
    let place = place + arranged.clocks[number].shift(place);
    Some((number, time_of(place, arranged.rate)))
}

/// Compares what shares a clock and notes by how much each segment is to be moved.
fn compare(mut tracks: Vec<Track>, streams: &[(&Arranged, &Told)], found: &mut [Aligned]) {
    let origin = tracks[0].points[0];
    let slope = common_slope(&tracks);
    for track in &mut tracks {
        track.height = height(&track.points, origin, slope);
    }
    let steady = |track: &Track| {
        let apart = track
            .points
            .iter()
            .map(|point| (above(*point, origin, slope) - track.height).abs());
        median(apart.collect()) <= MOST_SCATTER_NS
    };
    let (steady, unsteady): (Vec<Track>, Vec<Track>) = tracks.into_iter().partition(steady);
    unsteady
        .iter()
        .for_each(|track| found[track.stream].by = By::ArrivalUnsteady);
    let (together, apart) = cluster(steady);
    let several = together
        .iter()
        .any(|track| track.stream != together[0].stream);
    let left = if apart.is_empty() {
        By::ArrivalAlone
    } else {
        By::ArrivalContradicted
    };
    apart
        .iter()
        .for_each(|track| found[track.stream].by = By::ArrivalContradicted);
    let first = together
        .iter()
        .map(|track| track.height)
        .fold(f64::MAX, f64::min);
    for track in &together {
        if !several {
            found[track.stream].by = left;
            continue;
        }
        let arranged = streams[track.stream].0;
        let moved = (first - track.height) as i64;
        let aligned = &mut found[track.stream];
        aligned.moves[track.segment] = -sample_at(-moved, arranged.rate);
        if longest(arranged) == Some(track.segment) {
            (aligned.by, aligned.offset_ns) = (By::Rtcp, moved);
        }
    }
}

fn longest(arranged: &Arranged) -> Option<usize> {
    let listed = arranged.segments.list.iter().enumerate();
    let longest = listed.max_by_key(|(_, segment)| segment.last_ns - segment.first_ns);
    longest.map(|(number, _)| number)
}

/// The largest set of tracks that lie within a second of each other, and the rest.
fn cluster(mut tracks: Vec<Track>) -> (Vec<Track>, Vec<Track>) {
    tracks.sort_by(|a, b| a.height.total_cmp(&b.height));
    let within = |from: usize| {
        let limit = tracks[from].height + MOST_MOVED_NS;
        tracks[from..]
            .iter()
            .take_while(|track| track.height <= limit)
            .count()
    };
    let best = (0..tracks.len()).max_by_key(|&from| (within(from), usize::MAX - from));
    let Some(from) = best else {
        return (tracks, Vec::new());
    };
    let count = within(from);
    let mut apart: Vec<Track> = tracks.drain(..from).collect();
    apart.extend(tracks.drain(count..));
    (tracks, apart)
}

/// How fast our clock runs from the senders', as all their reports together tell.
fn common_slope(tracks: &[Track]) -> f64 {
    let mut slopes = Vec::new();
    for track in tracks {
        for (at, first) in track.points.iter().enumerate() {
            let far = track.points[at..]
                .iter()
                .filter(|p| (p.0 - first.0) as f64 >= LEAST_SPAN_NS);
            slopes.extend(
                far.step_by(1 + track.points.len() / 128)
                    .map(|second| (second.1 - first.1) as f64 / (second.0 - first.0) as f64),
            );
        }
    }
    let slope = median(slopes);
    if slope.abs() <= MOST_SLOPE {
        slope
    } else {
        0.0
    }
}

/// How far a point lies above the line through `origin`.
fn above(point: (i64, i64), origin: (i64, i64), slope: f64) -> f64 {
    (point.1 - origin.1) as f64 - slope * (point.0 - origin.0) as f64
}

fn height(points: &[(i64, i64)], origin: (i64, i64), slope: f64) -> f64 {
    median(
        points
            .iter()
            .map(|point| above(*point, origin, slope))
            .collect(),
    )
}

/// Nanoseconds since 1900.
fn ntp_ns(ntp: u64) -> i64 {
    let (seconds, fraction) = (ntp >> 32, ntp & 0xffff_ffff);
    (seconds * 1_000_000_000 + ((fraction * 1_000_000_000) >> 32)) as i64
}

#[cfg(test)]
mod tests;
