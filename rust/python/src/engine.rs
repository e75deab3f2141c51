//! The engine for Python: conversions and calls.

use crate::error::{detached, MediaError};
use crate::srtp::SrtpKeys;
use crate::stream::{Details, Stream};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use siprecord_core::pcapng::write::{Section, SipMessage, Transport};
use siprecord_engine::drain;
use siprecord_engine::error::Error;
use siprecord_engine::floor::{self, Plan};
use siprecord_engine::recording::Recording;
use siprecord_engine::settings::Settings;
use siprecord_engine::stream::StreamSpec;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Engine>()?;
    module.add_class::<Log>()?;
    module.add_function(wrap_pyfunction!(floor_loop, module)?)
}

/// The attributes of `siprecord.media.types.MediaSettings`.
#[derive(FromPyObject)]
struct MediaSettings {
    bind_address: String,
    port_min: u16,
    port_max: u16,
    quarantine_s: f64,
    drain_interval_ms: u64,
    threads: usize,
    receive_buffer: usize,
    max_pending_bytes: usize,
    datagram_bytes: usize,
    rtcp_interval_s: f64,
}

impl MediaSettings {
    fn read(self) -> PyResult<Settings> {
        let bind_address = self.bind_address.parse().map_err(|_| {
            MediaError::new_err(format!(
                "bind_address {:?} is not an IP address",
                self.bind_address
            ))
        })?;
        Ok(Settings {
            bind_address,
            ports: (self.port_min, self.port_max),
            quarantine: seconds(self.quarantine_s),
            interval: Duration::from_millis(self.drain_interval_ms.max(1)),
            threads: self.threads,
            receive_buffer: self.receive_buffer,
            max_pending: self.max_pending_bytes,
            datagram_bytes: self.datagram_bytes,
            report_interval: seconds(self.rtcp_interval_s),
        })
    }
}

/// Negative and absurd durations become the nearest sensible one: none, or a year.
fn seconds(value: f64) -> Duration {
    Duration::from_secs_f64(value.clamp(0.0, 31_536_000.0))
}

#[pyclass(frozen, module = "siprecord.media._core")]
struct Engine {
    engine: drain::Engine,
}

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, settings: MediaSettings) -> PyResult<Self> {
        let settings = settings.read()?;
        detached(py, || {
            drain::Engine::start(&settings).map(|engine| Self { engine })
        })
    }

    /// `section`: hardware, operating system, application, comment.
    fn open_log(
        &self,
        py: Python<'_>,
        path: PathBuf,
        section: (String, String, String, String),
    ) -> PyResult<Log> {
        let (hardware, os, application, comment) = &section;
        detached(py, || {
            let section = Section {
                hardware,
                os,
                application,
                comment,
            };
            self.engine
                .open_log(&path, &section)
                .map(|recording| Log { recording })
        })
    }

    /// The log, and the names of its interfaces.
    fn resume_log(&self, py: Python<'_>, path: PathBuf) -> PyResult<(Log, Vec<String>)> {
        detached(py, || {
            self.engine
                .resume_log(&path)
                .map(|(recording, names)| (Log { recording }, names))
        })
    }

    /// A descriptor for whoever keeps it; valid as long as the engine.
    fn shelter_fileno(&self) -> i32 {
        self.engine.shelter().as_raw_fd()
    }

    /// The shelter of an earlier engine; the descriptor is duplicated.
    fn inherit(&self, py: Python<'_>, shelter: i32) -> PyResult<()> {
        detached(py, || {
            // SAFETY: the caller has it open; it is borrowed for this call only.
            let shelter = unsafe { BorrowedFd::borrow_raw(shelter) };
            let shelter = shelter.try_clone_to_owned().map_err(Error::Shelter)?;
            self.engine.inherit(shelter)
        })
    }

    /// Logs completed, packets stored, packets lost.
    fn settle(&self, py: Python<'_>) -> (u64, u64, u64) {
        let settled = py.detach(|| self.engine.settle());
        (settled.logs, settled.stored, settled.lost)
    }

    fn fileno(&self) -> i32 {
        self.engine.notices().as_fd().as_raw_fd()
    }

    /// Recording, kind, text, dropped, interface.
    fn drain_notices(&self) -> Vec<(String, &'static str, String, u64, u32)> {
        let notices = self.engine.notices().drain().into_iter();
        notices
            .map(|notice| {
                (
                    notice.recording,
                    notice.kind.as_str(),
                    notice.text,
                    notice.dropped,
                    notice.interface,
                )
            })
            .collect()
    }

    fn totals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let totals = self.engine.totals();
        let dict = PyDict::new(py);
        dict.set_item("packets", totals.packets)?;
        dict.set_item("bytes", totals.bytes)?;
        dict.set_item("cpu_seconds", totals.cpu_seconds)?;
        dict.set_item("recordings", totals.recordings)?;
        dict.set_item("late_ticks", totals.late_ticks)?;
        Ok(dict)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || {
            self.engine.close();
            Ok::<_, Infallible>(())
        })
    }
}

/// How a SIP message travelled: source, destination, over a stream (TCP, TLS), inbound.
type Way = ((String, u16), (String, u16), bool, bool);

#[pyclass(frozen, module = "siprecord.media._core")]
struct Log {
    recording: Arc<Recording>,
}

#[pymethods]
impl Log {
    fn append_sip(&self, py: Python<'_>, data: &[u8], way: Way, time_ns: u64) -> PyResult<()> {
        let (source, destination, over_stream, inbound) = way;
        let message = SipMessage {
            data,
            source: address(&source),
            destination: address(&destination),
            transport: if over_stream {
                Transport::Tcp
            } else {
                Transport::Udp
            },
            inbound,
        };
        detached(py, || self.recording.append_sip(&message, time_ns))
    }

    /// Nanoseconds to add to the time of day: somebody has set the machine's clock since the recording began.
    fn clock_shift_ns(&self) -> i64 {
        self.recording.clock_shift()
    }

    fn append_event(&self, py: Python<'_>, json: &[u8]) -> PyResult<()> {
        detached(py, || self.recording.append_event(json))
    }

    /// `sockets`, RTP and RTCP, are used instead of a free pair of ports.
    #[pyo3(signature = (name, description, details, sockets=None))]
    fn open_stream(
        &self,
        py: Python<'_>,
        name: String,
        description: String,
        details: Details,
        sockets: Option<(i32, i32)>,
    ) -> PyResult<Stream> {
        let spec = StreamSpec {
            name,
            description,
            ..details.read()?
        };
        let open = || match sockets {
            None => self.recording.open_stream(spec),
            Some(sockets) => self.recording.open_stream_on(spec, sockets),
        };
        let (interface, rtp_port) = detached(py, open)?;
        Ok(Stream::new(&self.recording, interface, rtp_port))
    }

    /// `sockets`: RTP and RTCP.
    fn resume_stream(
        &self,
        py: Python<'_>,
        details: Details,
        sockets: (i32, i32),
        interface: u32,
        paused: bool,
    ) -> PyResult<Stream> {
        let spec = details.read()?;
        let resume = || {
            self.recording
                .resume_stream(spec, sockets, interface, paused)
        };
        let rtp_port = detached(py, resume)?;
        Ok(Stream::new(&self.recording, interface, rtp_port))
    }

    /// Interface, RTP descriptor, RTCP descriptor of each open stream.
    fn descriptors(&self, py: Python<'_>) -> PyResult<Vec<(u32, i32, i32)>> {
        detached(py, || self.recording.descriptors())
    }

    /// Bytes written, bytes pending, packets dropped, whether writing fails at present.
    fn status(&self, py: Python<'_>) -> (u64, usize, u64, bool) {
        let status = py.detach(|| self.recording.status());
        (
            status.bytes_written,
            status.pending_bytes,
            status.dropped_packets,
            status.failing,
        )
    }

    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.recording.flush())
    }

    fn close(&self, py: Python<'_>, sync: bool) -> PyResult<()> {
        detached(py, || self.recording.close(sync))
    }
}

/// Never refuses: the evidence counts for more than its address. A scope ("%eth0") is left out.
fn address((host, port): &(String, u16)) -> SocketAddr {
    let host = host
        .trim_matches(['[', ']'])
        .split('%')
        .next()
        .unwrap_or_default();
    let address = host.parse::<IpAddr>().map(|address| address.to_canonical());
    SocketAddr::new(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), *port)
}

/// The yardstick: `plan` is sockets for each file, tick in ms, seconds, whether to store as much as the engine;
/// `keys` are those of all senders, when they send SRTP. Answers packets, bytes, CPU seconds.
#[pyfunction]
fn floor_loop(
    py: Python<'_>,
    sockets: Vec<i32>,
    folder: PathBuf,
    plan: (usize, u64, f64, bool),
    keys: Option<SrtpKeys>,
) -> PyResult<(u64, u64, f64)> {
    let (sockets_per_file, interval_ms, seconds, same_stores) = plan;
    let plan = Plan {
        sockets_per_file,
        interval: Duration::from_millis(interval_ms.max(1)),
        duration: Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0)),
        same_stores,
        key: keys.map(SrtpKeys::read).transpose()?,
    };
    let outcome = detached(py, || floor::run(&sockets, &folder, &plan))?;
    Ok((outcome.packets, outcome.bytes, outcome.cpu_ns as f64 / 1e9))
}
