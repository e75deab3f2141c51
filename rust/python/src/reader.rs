//! The capture log's reader for Python: batches of plain tuples, kind first.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use siprecord_core::pcapng::read::Transport;
use siprecord_engine::follow;
use siprecord_engine::reader::{Item, ItemReader};

use crate::codecs::codecs;
use crate::error::detached_io as detached;

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

type AudioTuple<'py> = (u32, i64, i64, Bound<'py, PyBytes>);

#[pyclass(module = "siprecord.media._core")]
struct Follower(follow::Follower);

#[pymethods]
impl Follower {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(Self(detached(py, || follow::Follower::open(&path))?))
    }

    /// The items among up to `size` new bytes, and whether there may be more.
    fn read<'py>(&mut self, py: Python<'py>, size: u64) -> PyResult<(Bound<'py, PyList>, bool)> {
        let follower = &mut self.0;
        let (items, more) = detached(py, || {
            let mut items = Vec::new();
            let more = follower.read(size, &mut items)?;
            Ok((items, more))
        })?;
        let list = PyList::empty(py);
        for item in &items {
            list.append(item_object(py, item)?)?;
        }
        Ok((list, more))
    }

    fn set_codecs(&mut self, interface: u32, named: Vec<(u8, String)>) -> PyResult<()> {
        self.0.set_codecs(interface, codecs(&named)?);
        Ok(())
    }

    /// (interface, time of the first sample, its number, PCM)
    fn audio<'py>(&mut self, py: Python<'py>, flush: bool) -> PyResult<Vec<AudioTuple<'py>>> {
        let follower = &mut self.0;
        let pieces = detached(py, || Ok(follower.audio(flush)))?;
        let tuple = |piece: &follow::LiveAudio| {
            (
                piece.interface,
                piece.time_ns(),
                piece.start,
                PyBytes::new(py, &piece.pcm),
            )
        };
        Ok(pieces.iter().map(tuple).collect())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemBatches>()?;
    module.add_class::<Follower>()
}
