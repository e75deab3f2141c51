//! `siprecord-fuzz [--target NAME|all] [--inputs N] [--seed N] [--jobs N]`: mutated input for everything in Rust that
//! reads bytes from outside. The same arguments make the same inputs.
//!
//! `--repeat FILE` reads one input again. Findings are files in `fuzz/findings`; exit status 1 when there are any.

mod memory;
mod mutate;
mod random;
mod run;
mod targets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use run::{run, Report};
use targets::TARGETS;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

const FINDINGS: &str = "fuzz/findings";

struct Options {
    target: String,
    inputs: u64,
    seed: u64,
    jobs: u64,
    repeat: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    let chosen = |name: &str| options.target == "all" || options.target == name;
    if let Some(path) = &options.repeat {
        return repeat(path, chosen);
    }
    std::panic::set_hook(Box::new(|_| ()));
    let mut found = false;
    let mut total = 0;
    let names = TARGETS.iter().filter(|(name, _)| chosen(name));
    for (name, _) in names {
        let report = in_threads(name, &options);
        print(name, &report);
        total += report.inputs;
        found |= !report.findings.is_empty();
    }
    println!("rust: {total} inputs in all");
    ExitCode::from(u8::from(found))
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        target: "all".into(),
        inputs: 1_000_000,
        seed: 7,
        jobs: 1,
        repeat: None,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{name} needs a number"))
        };
        match name.as_str() {
            "--target" => options.target.clone_from(&value),
            "--inputs" => options.inputs = number()?,
            "--seed" => options.seed = number()?,
            "--jobs" => options.jobs = number()?.max(1),
            "--repeat" => options.repeat = Some(PathBuf::from(&value)),
            _ => return Err(format!("there is no option {name}")),
        }
    }
    let known = TARGETS.iter().any(|(name, _)| *name == options.target);
    if !known && options.target != "all" {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        return Err(format!("the targets are {}", names.join(", ")));
    }
    Ok(options)
}

fn in_threads(name: &'static str, options: &Options) -> Report {
    let share = options.inputs.div_ceil(options.jobs);
    let work = |job: u64| {
        let make = TARGETS.iter().find(|(known, _)| *known == name);
        let mut target = make.map(|(_, make)| make()).expect("a known target");
        run(&mut *target, share, options.seed.wrapping_add(job << 32))
    };
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.jobs)
            .map(|job| scope.spawn(move || work(job)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    reports.into_iter().fold(Report::default(), |mut all, one| {
        all.inputs += one.inputs;
        all.seconds = all.seconds.max(one.seconds);
        all.outcomes = all.outcomes.max(one.outcomes);
        all.peak = all.peak.max(one.peak);
        all.slowest = all.slowest.max(one.slowest);
        all.findings.extend(one.findings);
        all
    })
}

fn print(name: &str, report: &Report) {
    let pace = report.inputs as f64 / report.seconds.max(1e-9) * 60.0 / 1e6;
    println!(
        "{name}: {} inputs, {pace:.1} million a minute, {} outcomes, at most {} KiB and {:?} for one, {} findings",
        report.inputs,
        report.outcomes,
        report.peak >> 10,
        report.slowest,
        report.findings.len(),
    );
    for (number, finding) in report.findings.iter().enumerate() {
        let path = Path::new(FINDINGS).join(format!("rust-{name}-{number}"));
        let saved = std::fs::create_dir_all(FINDINGS)
            .and_then(|()| std::fs::write(&path, &finding.input))
            .is_ok();
        println!("  {}", finding.text);
        if saved {
            println!(
                "  again: cargo run -rp siprecord-fuzz -- --target {name} --repeat {}",
                path.display()
            );
        }
    }
}

/// Reads one input with the usual words of a panic.
fn repeat(path: &Path, chosen: impl Fn(&str) -> bool) -> ExitCode {
    let Ok(input) = std::fs::read(path) else {
        eprintln!("can't read {}", path.display());
        return ExitCode::from(2);
    };
    for (name, make) in TARGETS.iter().filter(|(name, _)| chosen(name)) {
        println!("{name}: outcome {:x}", make().read(&input));
    }
    ExitCode::SUCCESS
}
