//! Pieces of codecs and containers that Python puts together: G.722, AMR frames, Ogg pages.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use siprecord_core::g711::Law;
use siprecord_core::payload::amr::{self, Format};
use siprecord_core::payload::opus;
use siprecord_core::{g722, ogg};
use siprecord_engine::render::Codec;

pub fn codec_of(name: &str) -> PyResult<Codec> {
    match name {
        "pcmu" => Ok(Codec::G711(Law::Mu)),
        "pcma" => Ok(Codec::G711(Law::A)),
        "signal" => Ok(Codec::Signal),
        "foreign" => Ok(Codec::Foreign),
        _ => Err(PyValueError::new_err(format!("no such codec: {name}"))),
    }
}

/// The decoder of one G.722 stream; keep one for each.
#[pyclass(module = "siprecord.media._core")]
struct G722Decoder(g722::Decoder);

#[pymethods]
impl G722Decoder {
    #[new]
    fn new() -> Self {
        Self(g722::Decoder::default())
    }

    fn decode<'py>(&mut self, py: Python<'py>, octets: &[u8]) -> Bound<'py, PyBytes> {
        let mut samples = Vec::new();
        self.0.decode(octets, &mut samples);
        let pcm: Vec<u8> = samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        PyBytes::new(py, &pcm)
    }
}

#[pyfunction]
fn amr_frames<'py>(
    py: Python<'py>,
    payload: &[u8],
    wideband: bool,
    octet_aligned: bool,
) -> Option<Vec<Bound<'py, PyBytes>>> {
    let format = Format {
        wideband,
        octet_aligned,
    };
    let frames = amr::frames(payload, format)?;
    Some(frames.iter().map(|frame| PyBytes::new(py, frame)).collect())
}

#[pyfunction]
fn opus_ticks(packet: &[u8]) -> Option<u16> {
    opus::ticks(packet)
}

#[pyfunction]
fn ogg_page<'py>(
    py: Python<'py>,
    head: (u8, i64, u32, u32),
    packets: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let head = ogg::Head {
        flags: head.0,
        granule: head.1,
        serial: head.2,
        number: head.3,
    };
    let packets: Vec<&[u8]> = packets.iter().map(|packet| &**packet).collect();
    match ogg::page(head, &packets) {
        Some(page) => Ok(PyBytes::new(py, &page)),
        None => Err(PyValueError::new_err("the packets need more than one page")),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<G722Decoder>()?;
    module.add_function(wrap_pyfunction!(amr_frames, module)?)?;
    module.add_function(wrap_pyfunction!(opus_ticks, module)?)?;
    module.add_function(wrap_pyfunction!(ogg_page, module)?)
}
