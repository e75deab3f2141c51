//! A sender's clock as far as it is known by now: the estimate of `drift.rs`, made again as windows are completed.
//!
//! The line goes through all windows so far and is drawn on until the next estimate, so it differs from the one that
//! the whole call gives by what is not known yet: nothing in the first seven windows, and a lasting change of the delay
//! some windows after it came.

use super::super::drift::{median, Clock, Point, MAX_WINDOWS, MIN_WINDOWS, STEP_MS, WINDOW_S};

/// The anchor that a stream would have had is known after this, as for the rendered file.
const ANCHORING_NS: i64 = 2_000_000_000;
/// A new estimate is made when the windows are more by this part, so that all of them together cost little.
const GROWTH: usize = 16;
/// As long as the last windows contradict the line, a new one is drawn for so many more.
const IMPATIENCE: usize = 2;
const RECENT: usize = 6;

#[derive(Debug)]
pub(super) struct Pace {
    rate: u32,
    first_ns: i64,
    origin: i64,
    /// By how much the least delayed packet of the first two seconds came before what the first packet promised.
    early: i64,
    anchored: bool,
    window: i64,
    /// Windows that are complete, by live places.
    points: Vec<Point>,
    /// The number of the window that is open, and its least delayed packet.
    open: Option<(i64, Point)>,
    /// Windows at the last estimate.
    seen: usize,
    clock: Clock,
}

impl Pace {
    pub fn new(rate: u32, first_ns: i64, origin: i64) -> Self {
        Self {
            rate,
            first_ns,
            origin,
            early: 0,
            anchored: false,
            window: WINDOW_S * i64::from(rate),
            points: Vec::new(),
            open: None,
            seen: 0,
            clock: Clock::default(),
        }
    }

    /// By how many samples audio at this place is to be moved.
    pub fn shift(&self, place: i64) -> i64 {
        if self.anchored {
            self.early + self.clock.shift(place)
        } else {
            0
        }
    }

    /// Takes in where a packet stands, how much later it came, and when.
    pub fn note(&mut self, place: i64, late: i64, arrival_ns: i64) {
        if !self.anchored {
            if arrival_ns - self.first_ns <= ANCHORING_NS {
                self.early = self.early.min(late);
            } else {
                self.anchored = true;
            }
        }
        let number = (place - self.origin).div_euclid(self.window);
        let late = late as f64;
        match &mut self.open {
            Some((at, point)) if *at == number => {
                if late < point.1 {
                    *point = (place, late);
                }
            }
            Some((at, _)) if *at > number => {}
            open => {
                let complete = open.replace((number, (place, late)));
                if let Some((_, point)) = complete {
                    self.complete(point);
                }
            }
        }
    }

    fn complete(&mut self, point: Point) {
        self.points.push(point);
        if self.points.len() as i64 >= MAX_WINDOWS {
            self.widen();
        }
        let known = self.points.len();
        let grown = known >= self.seen + (self.seen / GROWTH).max(1);
        if known >= MIN_WINDOWS && (grown || self.is_contradicted()) {
            let points: Vec<Point> = self
                .points
                .iter()
                .map(|&(place, late)| (place, late - self.early as f64))
                .collect();
            self.clock = Clock::fit(&points, self.rate);
            self.seen = known;
        }
    }

    /// Whether the last windows lie far from the line.
    fn is_contradicted(&self) -> bool {
        if self.points.len() < self.seen + IMPATIENCE {
            return false;
        }
        let apart = self.points[self.points.len() - RECENT..]
            .iter()
            .map(|point| point.1 - self.shift(point.0) as f64);
        median(apart.collect()).abs() * 2_000.0 >= (STEP_MS * i64::from(self.rate)) as f64
    }

    /// Windows of twice the length, of half the number.
    fn widen(&mut self) {
        self.window *= 2;
        let (origin, window) = (self.origin, self.window);
        let number = |point: &Point| (point.0 - origin).div_euclid(window);
        let wide = self.points.chunk_by(|a, b| number(a) == number(b));
        let least = wide.filter_map(|part| part.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)));
        self.points = least.collect();
        self.seen = self.points.len();
        self.open = None;
    }
}
