//! The capture log's reader for Python: batches of plain tuples, kind first.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use siprecord_core::pcapng::read::Transport;
use siprecord_engine::follow;
use siprecord_engine::reader::{Item, ItemReader};

use crate::error::detached_io as detached;
use crate::render::{planned, CodecTuple};

#[pyclass(module = "siprecord.media._core")]
struct ItemBatches(ItemReader);

#[pymethods]
impl ItemBatches {
    #[new]
    fn new(py: Python<'_>, path: PathBuf, packets: bool) -> PyResult<Self> {
        Ok(Self(detached(py, || ItemReader::open(&path, packets))?))
    }

    fn batch<'py>(
        &mut self,
        py: Python<'py>,
        count: usize,
        size: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        let reader = &mut self.0;
        let items = detached(py, || reader.batch(count, size))?;
        let list = PyList::empty(py);
        for item in &items {
            list.append(item_object(py, item)?)?;
        }
        Ok(list)
    }

    /// How far the file has been read, bytes left over, bytes stepped over.
    fn position(&self) -> (u64, u64, u64) {
        (
            self.0.log.position(),
            self.0.log.left_over(),
            self.0.log.damaged(),
        )
    }
}

/// One item as the tuple that the stub file describes.
pub fn item_object<'py>(py: Python<'py>, item: &Item) -> PyResult<Bound<'py, PyAny>> {
    let bytes = |data: &[u8]| PyBytes::new(py, data);
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    let host = |address: &std::net::SocketAddr| (address.ip().to_string(), address.port());
    match item {
        Item::Interface {
            index,
            linktype,
            name,
            description,
        } => (
            "interface",
            *index,
            *linktype,
            text(name),
            text(description),
        )
            .into_pyobject(py)
            .map(Bound::into_any),
        Item::Event { base, json } => ("event", *base, bytes(json))
            .into_pyobject(py)
            .map(Bound::into_any),
        Item::Sip {
            time_ns,
            transport,
            inbound,
            addresses,
            data,
        } => {
            let transport = match transport {
                Transport::Tcp => "tcp",
                Transport::Udp => "udp",
                Transport::Unknown => "unknown",
            };
            let (source, destination) = (host(&addresses.0), host(&addresses.1));
            (
                "sip",
                *time_ns,
                bytes(data),
                transport,
                source,
                destination,
                *inbound,
            )
                .into_pyobject(py)
                .map(Bound::into_any)
        }
        Item::Datagram {
            interface,
            time_ns,
            addresses,
            payload,
        } => {
            let (source, destination) = (host(&addresses.0), host(&addresses.1));
            (
                "packet",
                *interface,
                *time_ns,
                source,
                destination,
                bytes(payload),
            )
                .into_pyobject(py)
                .map(Bound::into_any)
        }
    }
}

/// (interface, unit, start, skip, ticks, fill, payload type, beginning, whether it is PCM, PCM or payload)
type AudioTuple<'py> = (
    u32,
    u32,
    i64,
    i64,
    i64,
    i64,
    u8,
    u32,
    bool,
    Bound<'py, PyBytes>,
);

#[pyclass(module = "siprecord.media._core")]
struct Follower(follow::Follower);

#[pymethods]
impl Follower {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(Self(detached(py, || follow::Follower::open(&path))?))
    }

    /// The items among up to `size` new bytes, and how far that is: `end`, `more`, or `news` of a stream.
    fn read<'py>(
        &mut self,
        py: Python<'py>,
        size: u64,
    ) -> PyResult<(Bound<'py, PyList>, &'static str)> {
        let follower = &mut self.0;
        let (items, progress) = detached(py, || {
            let mut items = Vec::new();
            let progress = follower.read(size, &mut items)?;
            Ok((items, progress))
        })?;
        let list = PyList::empty(py);
        for item in &items {
            list.append(item_object(py, item)?)?;
        }
        let progress = match progress {
            follow::Progress::End => "end",
            follow::Progress::More => "more",
            follow::Progress::News => "news",
        };
        Ok((list, progress))
    }

    /// Bytes of the file that have been read.
    fn position(&self) -> u64 {
        self.0.position()
    }

    fn set_codecs(&mut self, interface: u32, named: Vec<CodecTuple>, unit: u32) -> PyResult<()> {
        if !(1_000..=384_000).contains(&unit) {
            return Err(PyValueError::new_err(format!("a unit of {unit} Hz")));
        }
        self.0.set_codecs(interface, planned(&named)?, unit);
        Ok(())
    }

    /// The audio that is due.
    fn audio<'py>(&mut self, py: Python<'py>, flush: bool) -> PyResult<Vec<AudioTuple<'py>>> {
        let follower = &mut self.0;
        let pieces = detached(py, || Ok(follower.audio(flush)))?;
        Ok(pieces.iter().map(|piece| audio_tuple(py, piece)).collect())
    }
}

fn audio_tuple<'py>(py: Python<'py>, piece: &follow::LiveAudio) -> AudioTuple<'py> {
    let (is_pcm, data) = match &piece.sound {
        follow::Sound::Pcm(pcm) => (true, pcm),
        follow::Sound::Payload(payload) => (false, payload),
    };
    (
        piece.interface,
        piece.unit,
        piece.start,
        piece.skip,
        piece.ticks,
        piece.fill,
        piece.payload_type,
        piece.beginning,
        is_pcm,
        PyBytes::new(py, data),
    )
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemBatches>()?;
    module.add_class::<Follower>()
}
