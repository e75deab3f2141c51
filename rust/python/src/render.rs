//! Rendering for Python: stream plans in, PCM and reports out.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use siprecord_core::g711::Law;
use siprecord_core::payload::{amr, Framing};
use siprecord_core::timeline::align::By;
use siprecord_core::timeline::Cause;
use siprecord_engine::render::{
    Codec, Codecs, EventPacket, Format, Located, Renderer, SourceReport, StreamReport, StreamSpec,
};

use crate::codecs::codec_of;
use crate::error::detached_io as detached;

/// (payload type, kind, RTP clock, sample rate, two numbers that mean what the kind says)
pub type CodecTuple = (u8, String, u32, u32, u16, u16);
/// (interface, codecs, [(from_ns, to_ns, "hold" | "pause")], [(until_ns, payload type, its number until then)])
type PlanTuple = (
    u32,
    Vec<CodecTuple>,
    Vec<(i64, i64, String)>,
    Vec<(i64, u8, u8)>,
);
/// (start, skip, samples, fill, payload type, segment, payload)
type PacketTuple<'py> = (i64, u16, u16, u8, u8, u32, Bound<'py, PyBytes>);
/// (arrival, SSRC, time stamp, payload type, payload)
type EventTuple<'py> = (i64, u32, u32, u8, Bound<'py, PyBytes>);

/// ((address, port), SSRC, packets, own packets, first and last arrival)
type SourceTuple = ((String, u16), u32, u64, u64, i64, i64);

#[pyclass(module = "siprecord.media._core")]
struct AudioRenderer(Renderer);

#[pymethods]
impl AudioRenderer {
    #[new]
    fn new(py: Python<'_>, path: PathBuf, streams: Vec<PlanTuple>) -> PyResult<Self> {
        let specs = streams.iter().map(spec).collect::<PyResult<Vec<_>>>()?;
        Ok(Self(detached(py, || Renderer::open(&path, &specs))?))
    }

    #[getter]
    fn frames(&self) -> u64 {
        self.0.frames()
    }

    #[getter]
    fn origin_ns(&self) -> i64 {
        self.0.origin_ns()
    }

    #[getter]
    fn rate(&self) -> u32 {
        self.0.rate()
    }

    #[getter]
    fn origin(&self) -> i64 {
        self.0.origin()
    }

    #[getter]
    fn plain(&self) -> bool {
        self.0.is_plain()
    }

    fn unit(&self, channel: usize) -> PyResult<u32> {
        let found = self.0.unit(channel);
        found.ok_or_else(|| PyValueError::new_err(format!("there is no channel {channel}")))
    }

    fn rewind(&mut self, channel: usize) {
        self.0.rewind(channel);
    }

    fn packets<'py>(
        &mut self,
        py: Python<'py>,
        channel: usize,
        count: usize,
    ) -> PyResult<Vec<PacketTuple<'py>>> {
        let renderer = &mut self.0;
        let found = detached(py, || renderer.packets(channel, count))?;
        Ok(found
            .iter()
            .map(|packet| packet_tuple(py, packet))
            .collect())
    }

    fn events<'py>(&self, py: Python<'py>, channel: usize) -> Vec<EventTuple<'py>> {
        let found = self.0.events(channel).iter();
        found.map(|packet| event_tuple(py, packet)).collect()
    }

    fn read<'py>(&mut self, py: Python<'py>, frames: usize) -> PyResult<Bound<'py, PyBytes>> {
        let renderer = &mut self.0;
        let pcm = detached(py, || renderer.read(frames))?;
        Ok(PyBytes::new(py, &pcm))
    }

    fn reports<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.0
            .reports()
            .iter()
            .map(|report| report_dict(py, report))
            .collect()
    }
}

fn spec(plan: &PlanTuple) -> PyResult<StreamSpec> {
    Ok(StreamSpec {
        interface: plan.0,
        codecs: planned(&plan.1)?,
        known: plan
            .2
            .iter()
            .map(|(from, to, cause)| Ok((*from, *to, cause_of(cause)?)))
            .collect::<PyResult<_>>()?,
        earlier: plan.3.clone(),
    })
}

fn packet_tuple<'py>(py: Python<'py>, found: &Located) -> PacketTuple<'py> {
    let place = &found.placement;
    (
        place.start,
        place.skip,
        place.samples,
        place.fill,
        place.payload_type,
        place.segment,
        PyBytes::new(py, &found.payload),
    )
}

fn event_tuple<'py>(py: Python<'py>, found: &EventPacket) -> EventTuple<'py> {
    (
        found.arrival_ns,
        found.ssrc,
        found.timestamp,
        found.payload_type,
        PyBytes::new(py, &found.payload),
    )
}

pub fn planned(named: &[CodecTuple]) -> PyResult<Codecs> {
    let mut all = std::array::from_fn(|number| Codec::by_default(number as u8));
    for codec in named {
        all[usize::from(codec.0)] = coded(codec)?;
    }
    Ok(all)
}

/// A codec of a rendering plan; rates beyond reason are refused.
fn coded((_, kind, clock, rate, first, second): &CodecTuple) -> PyResult<Codec> {
    let amr = |wideband| {
        Framing::Amr(amr::Format {
            wideband,
            octet_aligned: *first != 0,
        })
    };
    let framing = match kind.as_str() {
        "samples" => Framing::Samples { octets: *first },
        "frames" => Framing::Frames {
            octets: *first,
            ticks: *second,
        },
        "g729" => Framing::G729,
        "g723" => Framing::G723,
        "opus" => Framing::Opus,
        "amr" => amr(false),
        "amr-wb" => amr(true),
        "speex" => Framing::Speex { ticks: *first },
        "event" => return Ok(Codec::Event),
        name => return codec_of(name),
    };
    if ![clock, rate]
        .iter()
        .all(|value| (1_000..=384_000).contains(*value))
    {
        return Err(PyValueError::new_err(format!(
            "{kind} at {clock} Hz can't be placed"
        )));
    }
    Ok(Codec::Coded(Format {
        framing,
        clock: *clock,
        rate: *rate,
    }))
}

fn cause_of(name: &str) -> PyResult<Cause> {
    match name {
        "hold" => Ok(Cause::Hold),
        "pause" => Ok(Cause::Pause),
        "restart" => Ok(Cause::Restart),
        "failover" => Ok(Cause::Failover),
        _ => Err(PyValueError::new_err(format!("no such cause: {name}"))),
    }
}

fn report_dict<'py>(py: Python<'py>, found: &StreamReport) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let report = &found.report;
    dict.set_item("interface", found.interface)?;
    dict.set_item("received", report.received)?;
    dict.set_item("unique", report.unique)?;
    dict.set_item("duplicated", report.duplicated)?;
    dict.set_item("lost", report.lost)?;
    dict.set_item("withheld", report.withheld)?;
    dict.set_item("reordered", report.reordered)?;
    dict.set_item("hidden", report.hidden)?;
    dict.set_item("ssrc_changes", report.ssrc_changes)?;
    dict.set_item("segments", report.segments)?;
    dict.set_item("drift_ppm", report.drift_ppm)?;
    dict.set_item("inserted_ns", found.inserted_ns)?;
    dict.set_item("dropped_ns", found.dropped_ns)?;
    dict.set_item("aligned_by", aligned_by(found.aligned.by))?;
    dict.set_item("aligned_offset_ns", found.aligned.offset_ns)?;
    dict.set_item("first_ssrc", report.first_ssrc)?;
    dict.set_item("first_arrival_ns", report.first_arrival_ns)?;
    dict.set_item("last_arrival_ns", report.last_arrival_ns)?;
    dict.set_item("rtcp_packets", found.rtcp_packets)?;
    dict.set_item("malformed", found.malformed)?;
    dict.set_item("broken", found.broken)?;
    dict.set_item("payload_types", found.payload_types.clone())?;
    dict.set_item("audio_samples", found.audio_samples)?;
    dict.set_item("strays", found.strays)?;
    let sources: Vec<_> = found.sources.iter().map(source_tuple).collect();
    dict.set_item("sources", sources)?;
    let gaps: Vec<_> = found
        .gaps
        .iter()
        .map(|gap| (gap.start, gap.end, gap.cause.name()))
        .collect();
    dict.set_item("gaps", gaps)?;
    Ok(dict)
}

fn aligned_by(by: By) -> &'static str {
    match by {
        By::Rtcp => "rtcp",
        By::Arrival => "arrival",
        By::ArrivalAlone => "arrival-alone",
        By::ArrivalUnsteady => "arrival-unsteady",
        By::ArrivalContradicted => "arrival-contradicted",
    }
}

fn source_tuple(found: &SourceReport) -> SourceTuple {
    let address = found.source.address;
    (
        (address.ip().to_string(), address.port()),
        found.source.ssrc,
        found.packets,
        found.own,
        found.first_ns,
        found.last_ns,
    )
}

#[pyfunction]
fn g711_decode<'py>(py: Python<'py>, data: &[u8], law: &str) -> PyResult<Bound<'py, PyBytes>> {
    let law = law_of(law)?;
    let pcm: Vec<u8> = data
        .iter()
        .flat_map(|&code| law.decode(code).to_le_bytes())
        .collect();
    Ok(PyBytes::new(py, &pcm))
}

#[pyfunction]
fn g711_encode<'py>(py: Python<'py>, pcm: &[u8], law: &str) -> PyResult<Bound<'py, PyBytes>> {
    let law = law_of(law)?;
    let pairs = pcm
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
    let codes: Vec<u8> = pairs.map(|sample| law.encode(sample)).collect();
    Ok(PyBytes::new(py, &codes))
}

fn law_of(name: &str) -> PyResult<Law> {
    match codec_of(name)? {
        Codec::G711(law) => Ok(law),
        _ => Err(PyValueError::new_err(format!(
            "{name} is not a law of G.711"
        ))),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<AudioRenderer>()?;
    module.add_function(wrap_pyfunction!(g711_decode, module)?)?;
    module.add_function(wrap_pyfunction!(g711_encode, module)?)
}
