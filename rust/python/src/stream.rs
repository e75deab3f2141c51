//! One media stream for Python.

use crate::error::{detached, MediaError};
use crate::srtp::{keys, SrtpKeys};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use siprecord_core::digits::{set_of, Mask};
use siprecord_core::source::Policy;
use siprecord_engine::ports::Port;
use siprecord_engine::recording::Recording;
use siprecord_engine::reporter::Target;
use siprecord_engine::stream::StreamSpec;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Stream>()
}

/// What `siprecord.media.engine` makes of a `StreamSpec`.
#[derive(FromPyObject)]
pub struct Details {
    clock_rates: Vec<(u8, u32)>,
    expected_source: Option<(String, u16)>,
    announced: bool,
    srtp: Vec<SrtpKeys>,
    srtp_own: Option<SrtpKeys>,
    srtp_goes_on: bool,
    srtp_indices: HashMap<u32, u64>,
    mask: PayloadTypes,
}

/// Those of telephone events, those never negotiated, those of tones.
type PayloadTypes = (Vec<u8>, Vec<u8>, Vec<u8>);

fn mask((events, suspects, tones): &PayloadTypes) -> Mask {
    Mask {
        events: set_of(events),
        suspects: set_of(suspects),
        tones: set_of(tones),
    }
}

impl Details {
    pub fn read(self) -> PyResult<StreamSpec> {
        let policy = Policy {
            expected: expected(self.expected_source)?,
            known_from_ns: if self.announced { 0 } else { u64::MAX },
        };
        let mut keys = keys(self.srtp, self.srtp_own, self.srtp_indices)?;
        keys.go_on = self.srtp_goes_on;
        Ok(StreamSpec {
            clock_rates: self.clock_rates,
            policy,
            keys,
            mask: mask(&self.mask),
            ..StreamSpec::default()
        })
    }
}

fn expected(source: Option<(String, u16)>) -> PyResult<Option<SocketAddr>> {
    source.as_ref().map(exact_address).transpose()
}

/// An address that something is sent to or compared with.
fn exact_address((host, port): &(String, u16)) -> PyResult<SocketAddr> {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let address =
        address.map_err(|_| MediaError::new_err(format!("{host:?} is not an IP address")))?;
    Ok(SocketAddr::new(address.to_canonical(), *port))
}

#[pyclass(frozen, module = "siprecord.media._core")]
pub struct Stream {
    recording: Arc<Recording>,
    #[pyo3(get)]
    interface: u32,
    #[pyo3(get)]
    rtp_port: u16,
}

impl Stream {
    pub fn new(recording: &Arc<Recording>, interface: u32, rtp_port: u16) -> Self {
        Self {
            recording: recording.clone(),
            interface,
            rtp_port,
        }
    }
}

#[pymethods]
impl Stream {
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = detached(py, || self.recording.stream_report(self.interface))?;
        let (counts, reception) = (&report.counts, &report.reception);
        let dict = PyDict::new(py);
        dict.set_item("packets", counts.packets)?;
        dict.set_item("bytes", counts.bytes)?;
        dict.set_item("lost", reception.lost())?;
        dict.set_item("rtcp_packets", counts.rtcp_packets)?;
        dict.set_item("dropped_paused", counts.dropped_paused)?;
        dict.set_item("last_arrival_ns", counts.last_arrival_ns)?;
        dict.set_item("first_arrival_ns", counts.first_arrival_ns)?;
        dict.set_item("ssrc", reception.ssrc())?;
        dict.set_item("expected", reception.expected())?;
        dict.set_item("received", reception.received())?;
        dict.set_item("reordered", reception.reordered())?;
        dict.set_item("level_dbov", report.level.dbov())?;
        dict.set_item("last_sound_ns", report.level.last_sound_ns())?;
        let payload = report.level.payload();
        dict.set_item("payload_type", payload)?;
        dict.set_item("clock_rate", reception.clock_rate())?;
        dict.set_item("jitter", reception.jitter())?;
        dict.set_item("sources", reception.sources_seen())?;
        dict.set_item("other_packets", counts.other_packets)?;
        dict.set_item("truncated", counts.truncated)?;
        dict.set_item("dropped_kernel", counts.dropped_kernel)?;
        dict.set_item("socket_errors", counts.socket_errors)?;
        dict.set_item("paused", report.paused)?;
        dict.set_item("strays", counts.strays)?;
        dict.set_item("source_changes", counts.source_changes)?;
        let source = report.source.map(|source| source.address);
        dict.set_item(
            "source",
            source.map(|address| (address.ip().to_string(), address.port())),
        )?;
        let secure = report.secure.unwrap_or_default();
        dict.set_item("srtp_failed", secure.failed)?;
        dict.set_item("srtp_replayed", secure.replayed)?;
        dict.set_item("rtcp_sent", report.reports_sent)?;
        Ok(dict)
    }

    fn set_paused(&self, py: Python<'_>, paused: bool) -> PyResult<()> {
        detached(py, || self.recording.set_paused(self.interface, paused))
    }

    fn announce(&self, py: Python<'_>) -> PyResult<()> {
        let now = self.recording.now();
        let change = |policy: &mut Policy| policy.known_from_ns = policy.known_from_ns.min(now);
        detached(py, || self.recording.change_policy(self.interface, change))
    }

    fn expect_source(&self, py: Python<'_>, source: Option<(String, u16)>) -> PyResult<()> {
        let expected = expected(source)?;
        let change = |policy: &mut Policy| policy.expected = expected;
        detached(py, || self.recording.change_policy(self.interface, change))
    }

    fn set_mask(&self, py: Python<'_>, payload_types: PayloadTypes) -> PyResult<()> {
        let mask = mask(&payload_types);
        detached(py, || self.recording.set_mask(self.interface, mask))
    }

    fn set_clock_rates(&self, py: Python<'_>, rates: Vec<(u8, u32)>) -> PyResult<()> {
        detached(py, || self.recording.set_clock_rates(self.interface, rates))
    }

    fn set_keys(
        &self,
        py: Python<'_>,
        theirs: Vec<SrtpKeys>,
        ours: Option<SrtpKeys>,
    ) -> PyResult<()> {
        let keys = keys(theirs, ours, HashMap::new())?;
        detached(py, || self.recording.set_keys(self.interface, keys))
    }

    fn srtp_indices(&self, py: Python<'_>) -> PyResult<HashMap<u32, u64>> {
        let indices = detached(py, || self.recording.srtp_indices(self.interface))?;
        Ok(indices.into_iter().collect())
    }

    /// `mux`: reports leave from the media port.
    fn set_rtcp_target(
        &self,
        py: Python<'_>,
        target: Option<(String, u16)>,
        mux: bool,
    ) -> PyResult<()> {
        let address = expected(target)?;
        let from = if mux { Port::Rtp } else { Port::Rtcp };
        let target = address.map(|address| Target { address, from });
        let set = || self.recording.set_report_target(self.interface, target);
        detached(py, set)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.recording.close_stream(self.interface))
    }
}
