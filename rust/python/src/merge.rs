//! Merging two recordings of one call.

use std::path::PathBuf;

use pyo3::prelude::*;
use siprecord_engine::merge::{Merge, Pause};

use crate::error::detached_io as detached;

/// Interface, from, to.
type PauseTuple = (u32, i64, i64);
/// Interface, name, both, only first, only second, differing, withheld.
type MergedTuple = (u32, String, u64, u64, u64, u64, u64);
/// Interface, name, SSRC, packets.
type UnmatchedTuple = (u32, String, u32, u64);

#[pyclass(module = "siprecord.media._core", frozen)]
struct CaptureMerge(Merge);

#[pymethods]
impl CaptureMerge {
    #[new]
    fn new(
        py: Python<'_>,
        first: PathBuf,
        second: PathBuf,
        pauses: (Vec<PauseTuple>, Vec<PauseTuple>),
    ) -> PyResult<Self> {
        let pauses = [pauses.0, pauses.1].map(|each| each.into_iter().map(pause).collect());
        detached(py, || Merge::new(&first, &second, pauses)).map(Self)
    }

    #[getter]
    fn streams(&self) -> Vec<MergedTuple> {
        let streams = self.0.report().streams.iter().cloned();
        let tuple = |found: siprecord_engine::merge::Merged| {
            (
                found.interface,
                found.name,
                found.both,
                found.only_first,
                found.only_second,
                found.differing,
                found.withheld,
            )
        };
        streams.map(tuple).collect()
    }

    #[getter]
    fn unmatched(&self) -> Vec<UnmatchedTuple> {
        let unmatched = self.0.report().unmatched.iter().cloned();
        unmatched
            .map(|found| (found.interface, found.name, found.ssrc, found.packets))
            .collect()
    }

    /// Interfaces of the second log and those of the first that they belong to.
    #[getter]
    fn partners(&self) -> Vec<(u32, u32)> {
        self.0.partners()
    }

    /// The second clock's lead in nanoseconds, and the number of packets it was taken from.
    #[getter]
    fn offset(&self) -> (i64, u64) {
        let report = self.0.report();
        (report.offset_ns, report.shared)
    }

    fn write(&self, py: Python<'_>, path: PathBuf, events: Vec<Vec<u8>>) -> PyResult<()> {
        detached(py, || self.0.write(&path, &events))
    }
}

fn pause((interface, from_ns, to_ns): PauseTuple) -> Pause {
    Pause {
        interface,
        from_ns,
        to_ns,
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CaptureMerge>()
}
