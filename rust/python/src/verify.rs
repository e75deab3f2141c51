//! Comparing a capture log with what was sent.

use std::path::PathBuf;

use pyo3::prelude::*;
use siprecord_engine::verify::{verify, Found, Sent};

use crate::error::detached_io as detached;
use crate::sender::PySendSpec;

/// The attributes of `siprecord.media.verification.SentStream`.
#[derive(FromPyObject)]
struct PySent<'py> {
    name: String,
    spec: PySendSpec<'py>,
    sent: u64,
    failed: u64,
}

/// Stored, lost, surplus, damaged.
type FoundTuple = (u64, u64, u64, u64);

fn tuple(found: &Found) -> FoundTuple {
    (found.stored, found.lost, found.surplus, found.damaged)
}

/// What was found of each stream, and how many packets are of none.
#[pyfunction]
fn verify_capture(
    py: Python<'_>,
    path: PathBuf,
    streams: Vec<PySent<'_>>,
) -> PyResult<(Vec<FoundTuple>, u64)> {
    let convert = |sent: PySent<'_>| {
        Ok(Sent {
            name: sent.name,
            spec: sent.spec.convert()?,
            sent: sent.sent,
            failed: sent.failed,
        })
    };
    let streams: PyResult<Vec<Sent>> = streams.into_iter().map(convert).collect();
    let streams = streams?;
    let findings = detached(py, || verify(&path, &streams))?;
    Ok((
        findings.streams.iter().map(tuple).collect(),
        findings.foreign,
    ))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(verify_capture, module)?)
}
