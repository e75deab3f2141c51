//! How fast a sender's clock runs against ours, out of arrival times that only ever come too late.
//!
//! Of each window of some seconds only the least delayed packet counts, so jitter that comes and goes is not seen.
//! The slope is the median of the slopes between windows far apart (Theil and Sen), which a third of the windows may
//! contradict. Where the delay changes for good (another route, a sender's clock that was set), the line breaks: the
//! pieces share the slope and have their own height.

/// No window is shorter, in seconds, and there are no more of them than this.
pub(super) const WINDOW_S: i64 = 10;
pub(super) const MAX_WINDOWS: i64 = 512;
/// With fewer windows nothing is said of a clock.
pub(super) const MIN_WINDOWS: usize = 7;
/// A clock that is further off is none: the time stamps mean something else. In a short time a filling buffer on the way
/// looks just like a slow clock, so less is believed before so many windows.
const MAX_PPM: f64 = 1_000.0;
const MAX_PPM_SOON: f64 = 250.0;
const SOON: usize = 30;
/// Halves of a call that contradict each other by more than this, in milliseconds, and by half of the drift, tell of no
/// clock.
const CONTRADICTION_MS: i64 = 20;
/// Drift is corrected when it adds up to this, in milliseconds, and is well above the noise.
const SIGNIFICANT_MS: i64 = 5;
const NOISE_FACTOR: f64 = 4.0;
/// A change of the delay that lasts and is larger than this breaks the line, in milliseconds.
pub(super) const STEP_MS: i64 = 30;
/// Windows on either side that must agree on a step: three minutes, which a full buffer does not last.
const STEP_WINDOWS: usize = 18;
const MAX_PIECES: usize = 64;

/// The least delayed packet of a window: its place, and how late it came, both in samples.
pub(super) type Point = (i64, f64);

/// A stretch of one line: `height` and the common slope, from `from` on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    from: i64,
    height: f64,
}

/// What is known of a sender's clock in one segment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Clock {
    /// Samples by which the sender falls behind for each of its samples; none when that can't be told.
    slope: Option<f64>,
    origin: i64,
    /// Empty when there is nothing to correct.
    pieces: Vec<Piece>,
}

impl Clock {
    /// The sender's clock against ours in parts per million; positive when it is slow.
    pub fn ppm(&self) -> Option<f64> {
        self.slope.map(|slope| slope * 1e6)
    }

    /// By how many samples audio at this place is to be moved.
    pub fn shift(&self, place: i64) -> i64 {
        let at = self.pieces.partition_point(|piece| piece.from <= place);
        let Some(piece) = self.pieces.get(at.saturating_sub(1)) else {
            return 0;
        };
        let slope = self.slope.unwrap_or(0.0);
        (piece.height + slope * (place - self.origin) as f64).round() as i64
    }

    /// Estimates a clock from (place, lateness) of each packet in samples, in order of arrival.
    pub fn estimate(packets: impl Iterator<Item = (i64, i64)> + Clone, rate: u32) -> Self {
        Self::fit(&least_delayed(packets, rate), rate)
    }

    /// The same from the least delayed packet of each window, in order.
    pub fn fit(points: &[Point], rate: u32) -> Self {
        if points.len() < MIN_WINDOWS {
            return Self::default();
        }
        let step = (STEP_MS * i64::from(rate) / 1_000) as f64;
        let mut cuts = vec![0, points.len()];
        cut(points, step, (0, points.len()), &mut cuts);
        cuts.sort_unstable();
        let pieces: Vec<&[Point]> = cuts
            .windows(2)
            .map(|ends| &points[ends[0]..ends[1]])
            .collect();
        let Some(slope) = common_slope(&pieces).filter(|&slope| is_believed(slope, &pieces, rate))
        else {
            return Self::default();
        };
        let mut clock = Self {
            slope: Some(slope),
            origin: points[0].0,
            pieces: Vec::new(),
        };
        if clock.is_significant(&pieces, slope, rate) {
            clock.pieces = pieces
                .iter()
                .map(|piece| clock.piece(piece, slope))
                .collect();
        }
        clock
    }

    fn piece(&self, points: &[Point], slope: f64) -> Piece {
        let heights = points
            .iter()
            .map(|point| point.1 - slope * (point.0 - self.origin) as f64);
        Piece {
            from: points.first().map_or(0, |point| point.0),
            height: median(heights.collect()),
        }
    }

    /// Whether there is more than what jitter alone makes of a perfect clock.
    fn is_significant(&self, pieces: &[&[Point]], slope: f64, rate: u32) -> bool {
        if pieces.len() > 1 {
            return true;
        }
        let points = pieces[0];
        let height = self.piece(points, slope).height;
        let line = |point: &Point| height + slope * (point.0 - self.origin) as f64;
        let noise = median(
            points
                .iter()
                .map(|point| (point.1 - line(point)).abs())
                .collect(),
        );
        let span = (points[points.len() - 1].0 - points[0].0) as f64;
        let least = (SIGNIFICANT_MS * i64::from(rate) / 1_000) as f64;
        let drift = (slope * span).abs();
        (drift >= least && drift >= NOISE_FACTOR * noise) || height.abs() >= NOISE_FACTOR * least
    }
}

/// Whether a clock can be like this, and either half of the points says about the same of it.
fn is_believed(slope: f64, pieces: &[&[Point]], rate: u32) -> bool {
    let count: usize = pieces.iter().map(|piece| piece.len()).sum();
    let most = if count < SOON { MAX_PPM_SOON } else { MAX_PPM };
    if slope.abs() * 1e6 > most {
        return false;
    }
    let (mut early, mut late) = (Vec::new(), Vec::new());
    let mut left = count / 2;
    for piece in pieces {
        let (before, after) = piece.split_at(left.min(piece.len()));
        left -= before.len();
        early.push(before);
        late.push(after);
    }
    let (Some(before), Some(after)) = (common_slope(&early), common_slope(&late)) else {
        return true;
    };
    let ends = pieces.first().and_then(|piece| piece.first());
    let ends = ends.zip(pieces.last().and_then(|piece| piece.last()));
    let span = ends.map_or(0.0, |(first, last)| (last.0 - first.0) as f64);
    let most = (CONTRADICTION_MS * i64::from(rate) / 1_000) as f64;
    (before - after).abs() * span / 2.0 <= most.max(slope.abs() * span / 2.0)
}

fn least_delayed(packets: impl Iterator<Item = (i64, i64)> + Clone, rate: u32) -> Vec<Point> {
    let span = packets
        .clone()
        .fold(None, |span: Option<(i64, i64)>, (place, _)| {
            Some(span.map_or((place, place), |(from, to)| {
                (from.min(place), to.max(place))
            }))
        });
    let Some((from, to)) = span else {
        return Vec::new();
    };
    let window = (WINDOW_S * i64::from(rate)).max((to - from) / MAX_WINDOWS + 1);
    let mut points: Vec<Option<Point>> = vec![None; ((to - from) / window + 1) as usize];
    for (place, late) in packets {
        let slot = &mut points[((place - from) / window) as usize];
        if slot.is_none_or(|(_, least)| (late as f64) < least) {
            *slot = Some((place, late as f64));
        }
    }
    points.into_iter().flatten().collect()
}

/// Finds lasting steps of the delay, the largest first.
fn cut(points: &[Point], step: f64, (from, to): (usize, usize), cuts: &mut Vec<usize>) {
    if to - from < 2 * STEP_WINDOWS || cuts.len() > MAX_PIECES {
        return;
    }
    let slope = common_slope(&[&points[from..to]]).unwrap_or(0.0);
    let level = |range: &[Point]| median(range.iter().map(|p| p.1 - slope * p.0 as f64).collect());
    let jump = |&at: &usize| {
        let before = level(&points[at - STEP_WINDOWS..at]);
        (level(&points[at..at + STEP_WINDOWS]) - before).abs()
    };
    let candidates = from + STEP_WINDOWS..=to - STEP_WINDOWS;
    let largest = candidates
        .map(|at| (jump(&at), at))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, at)) = largest.filter(|(size, _)| *size >= step) {
        cuts.push(at);
        cut(points, step, (from, at), cuts);
        cut(points, step, (at, to), cuts);
    }
}

/// The median of the slopes between points of the same piece that lie at least a quarter of it apart.
fn common_slope(pieces: &[&[Point]]) -> Option<f64> {
    let mut slopes = Vec::new();
    for points in pieces {
        let apart = (points.len() / 4).max(1);
        for (at, first) in points.iter().enumerate() {
            let later = points.get(at + apart..).unwrap_or_default().iter();
            slopes.extend(later.map(|second| (second.1 - first.1) / (second.0 - first.0) as f64));
        }
    }
    (!slopes.is_empty()).then(|| median(slopes))
}

/// The middle value; 0 of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 8_000;

    /// Packets of 20 ms for `seconds`, each late by what `late` says of its time in milliseconds.
    fn clock(seconds: i64, late: impl Fn(i64) -> f64 + Clone) -> Clock {
        let packets = (0..seconds * 50).map(|n| (n * 160, (late(n * 20) * 8.0) as i64));
        Clock::estimate(packets, RATE)
    }

    /// Jitter of up to 80 ms, the same each time.
    fn jitter(ms: i64) -> f64 {
        ((ms as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 % 80.0
    }

    #[test]
    fn rtp_12_a_drift_is_seen_through_jitter() {
        for ppm in [-100.0, -20.0, 20.0, 100.0] {
            let found = clock(3 * 3_600, |ms| ms as f64 * ppm / 1e6 + jitter(ms));
            assert!((found.ppm().unwrap() - ppm).abs() < 1.0, "{ppm}: {found:?}");
            let end = 3 * 3_600 * 8_000;
            let expected = (f64::from(end) * ppm / 1e6) as i64;
            assert!((found.shift(i64::from(end)) - expected).abs() < 16, "{ppm}");
        }
    }

    #[test]
    fn short_calls_and_perfect_clocks_are_left_alone() {
        assert_eq!(clock(50, |ms| ms as f64 / 1_000.0), Clock::default());
        let perfect = clock(3_600, jitter);
        assert!(perfect.pieces.is_empty() && perfect.ppm().unwrap().abs() < 1.0);
        assert_eq!(perfect.shift(1_000_000), 0);
    }

    #[test]
    fn a_busy_quarter_of_an_hour_does_not_bend_the_line() {
        let busy = |ms: i64| f64::from(u8::from((1_200_000..2_100_000).contains(&ms))) * 25.0;
        let found = clock(3_600, |ms| ms as f64 * 50.0 / 1e6 + jitter(ms) + busy(ms));
        assert!((found.ppm().unwrap() - 50.0).abs() < 5.0, "{found:?}");
    }

    #[test]
    fn a_lasting_step_has_a_height_of_its_own() {
        let step = |ms: i64| if ms >= 1_800_000 { 120.0 } else { 0.0 };
        let found = clock(3_600, |ms| ms as f64 * 60.0 / 1e6 + jitter(ms) + step(ms));
        assert!((found.ppm().unwrap() - 60.0).abs() < 3.0, "{found:?}");
        assert_eq!(found.pieces.len(), 2);
        let before = found.shift(1_780_000 * 8);
        let after = found.shift(1_820_000 * 8);
        assert!((after - before - 120 * 8).abs() < 60, "{before} {after}");
    }

    #[test]
    fn a_clock_beyond_reason_is_not_believed() {
        assert_eq!(clock(3_600, |ms| ms as f64 * 0.005), Clock::default());
    }
}
