//! One target, many inputs, and what was found.

use std::collections::HashSet;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant};

use crate::memory;
use crate::mutate::mutate;
use crate::random::Random;
use crate::targets::{Outcome, Target};

/// No input may hold more memory than this, nor take longer.
const MOST_BYTES: isize = 64 << 20;
const MOST_TIME: Duration = Duration::from_secs(2);
/// Seeds that are kept because they did something new.
const MOST_SEEDS: usize = 512;
/// Inputs after which what a target holds must not grow any more, and by how much it still may.
const WARM_UP: u64 = 2_000;
const MOST_GROWTH: isize = 1 << 20;
const MOST_FINDINGS: usize = 20;

/// Something that must not be.
pub struct Finding {
    pub text: String,
    pub input: Vec<u8>,
}

/// What became of a run.
#[derive(Default)]
pub struct Report {
    pub inputs: u64,
    pub seconds: f64,
    pub outcomes: usize,
    /// Most bytes held while one input was read.
    pub peak: isize,
    pub slowest: Duration,
    pub findings: Vec<Finding>,
}

/// Feeds `inputs` mutated inputs to a target; the same seed makes the same run.
pub fn run(target: &mut dyn Target, inputs: u64, seed: u64) -> Report {
    let mut random = Random::new(seed);
    let mut seeds = target.seeds();
    let mut seen: HashSet<Outcome> = HashSet::new();
    let mut report = Report::default();
    let (longest, mut input, mut warm) = (target.longest(), Vec::new(), 0);
    let started = Instant::now();
    while report.inputs < inputs && report.findings.len() < MOST_FINDINGS {
        mutate(&mut random, &seeds, longest, &mut input);
        report.inputs += 1;
        let outcome = attempt(target, &input, &mut report);
        if outcome.is_some_and(|outcome| seen.insert(outcome)) && seeds.len() < MOST_SEEDS {
            seeds.push(input.clone());
            warm += (input.capacity() + 512) as isize;
        }
        if report.inputs == WARM_UP {
            warm = memory::live();
        }
    }
    report.seconds = started.elapsed().as_secs_f64();
    report.outcomes = seen.len();
    let grown = memory::live() - warm;
    if report.inputs > WARM_UP && grown > MOST_GROWTH {
        let text = format!("{grown} bytes more are held than after the warm-up");
        report.findings.push(Finding { text, input });
    }
    report
}

/// Reads one input; whatever goes wrong becomes a finding.
fn attempt(target: &mut dyn Target, input: &[u8], report: &mut Report) -> Option<Outcome> {
    let before = memory::live();
    memory::take_peak();
    let began = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| target.read(input)));
    let took = began.elapsed();
    let held = memory::take_peak() - before;
    report.slowest = report.slowest.max(took);
    report.peak = report.peak.max(held);
    let mut find = |text: String| {
        report.findings.push(Finding {
            text,
            input: input.to_vec(),
        });
    };
    if held > MOST_BYTES {
        find(format!("it held {held} bytes"));
    }
    if took > MOST_TIME {
        find(format!("it took {took:?}"));
    }
    match result {
        Ok(outcome) => Some(outcome),
        Err(panic) => {
            find(format!("panic: {}", said(&*panic)));
            None
        }
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::TARGETS;

    #[test]
    fn every_target_stands_some_thousand_inputs() {
        for (name, make) in TARGETS {
            let report = run(&mut *make(), 3_000, 11);
            let found: Vec<&str> = report.findings.iter().map(|f| f.text.as_str()).collect();
            assert_eq!((name, found), (name, vec![]));
            assert_eq!(report.inputs, 3_000);
            assert!(report.outcomes > 1, "{name} does one thing only");
        }
    }

    struct Broken(Vec<Vec<u8>>);

    impl Target for Broken {
        fn seeds(&self) -> Vec<Vec<u8>> {
            vec![vec![0; 8]]
        }

        fn read(&mut self, input: &[u8]) -> Outcome {
            assert!(input.len() != 5, "five");
            self.0.push(vec![0; 2_000]);
            0
        }
    }

    #[test]
    fn panics_and_growth_are_found() {
        let report = run(&mut Broken(Vec::new()), 5_000, 1);
        assert!(report
            .findings
            .iter()
            .any(|found| found.text == "panic: five"));
        let report = run(&mut Broken(Vec::new()), 0, 1);
        assert!(report.findings.is_empty());
    }
}
