//! `RtpSender`: real-time RTP for test calls and load.
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::error::MediaError;
use crate::srtp::SrtpKeys;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use siprecord_engine::sender::{Impairments, Jitter, Packets, Progress, RtpSender, SendSpec};

/// Encoded audio that many streams may share.
#[pyclass(name = "RtpClip", module = "siprecord.media", frozen)]
struct PyRtpClip(Arc<[u8]>);

#[pymethods]
impl PyRtpClip {
    #[new]
    #[pyo3(signature = (payload, /))]
    fn new(payload: &[u8]) -> Self {
        Self(payload.into())
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

#[derive(FromPyObject)]
struct PyImpairments {
    drop: Vec<u64>,
    duplicate: Vec<u64>,
    delay: Vec<(u64, f64)>,
    jitter: f64,
    seed: u64,
}

/// The attributes of `siprecord.media.sender.SendSpec`.
#[derive(FromPyObject)]
pub struct PySendSpec<'py> {
    socket: usize,
    destination: (String, u16),
    clip: Bound<'py, PyRtpClip>,
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    first_frame: u64,
    frame_samples: u32,
    frame_bytes: usize,
    clock_rate: u32,
    start_delay: f64,
    packets: Option<u64>,
    #[pyo3(attribute("loop"))]
    looped: bool,
    impairments: PyImpairments,
    srtp: Option<SrtpKeys>,
}

fn address(host: &str) -> PyResult<IpAddr> {
    let text = format!("{host:?} is not an IP address: resolve names first");
    host.parse().map_err(|_| PyValueError::new_err(text))
}

fn seconds(value: f64) -> PyResult<Duration> {
    let text = || format!("{value} is not a span of time in seconds");
    Duration::try_from_secs_f64(value).map_err(|_| PyValueError::new_err(text()))
}

impl PyImpairments {
    fn convert(self) -> PyResult<Impairments> {
        let delay = |(index, by)| Ok((index, seconds(by)?));
        let delay: PyResult<Vec<(u64, Duration)>> = self.delay.into_iter().map(delay).collect();
        Ok(Impairments {
            drop: self.drop,
            duplicate: self.duplicate,
            delay: delay?,
            jitter: Jitter {
                most: seconds(self.jitter)?,
                seed: self.seed,
            },
        })
    }
}

impl PySendSpec<'_> {
    pub fn convert(self) -> PyResult<SendSpec> {
        let (host, port) = &self.destination;
        let destination = SocketAddr::new(address(host)?, *port);
        let frames = self.clip.get().0.len().div_ceil(self.frame_bytes.max(1)) as u64;
        let once = (!self.looped).then_some(frames);
        Ok(SendSpec {
            socket: self.socket,
            destination,
            packets: Packets {
                clip: Arc::clone(&self.clip.get().0),
                frame_bytes: self.frame_bytes,
                frame_samples: self.frame_samples,
                payload_type: self.payload_type,
                ssrc: self.ssrc,
                sequence: self.sequence,
                timestamp: self.timestamp,
                first_frame: self.first_frame,
            },
            clock_rate: self.clock_rate,
            start_delay: seconds(self.start_delay)?,
            total: self.packets.or(once),
            impairments: self.impairments.convert()?,
            key: self.srtp.map(SrtpKeys::read).transpose()?,
        })
    }
}

/// How far a stream has come.
#[pyclass(name = "SendProgress", module = "siprecord.media", frozen, get_all)]
struct PySendProgress {
    sent: u64,
    failed: u64,
    done: bool,
}

#[pymethods]
impl PySendProgress {
    fn __repr__(&self) -> String {
        let Self { sent, failed, done } = self;
        let done = if *done { "True" } else { "False" };
        format!("SendProgress(sent={sent}, failed={failed}, done={done})")
    }
}

impl From<Progress> for PySendProgress {
    fn from(progress: Progress) -> Self {
        let Progress { sent, failed, done } = progress;
        Self { sent, failed, done }
    }
}

/// Many RTP streams, sent in real time by one thread.
#[pyclass(name = "RtpSender", module = "siprecord.media", frozen)]
struct PyRtpSender(RtpSender);

#[pymethods]
impl PyRtpSender {
    #[new]
    #[pyo3(signature = (quantum = 0.001))]
    fn new(quantum: f64) -> PyResult<Self> {
        Ok(Self(RtpSender::new(seconds(quantum)?)))
    }

    #[pyo3(signature = (host, port = 0))]
    fn bind(&self, host: &str, port: u16) -> PyResult<(usize, u16)> {
        self.0.bind(address(host)?, port).map_err(|error| {
            let what = match port {
                0 => "no pair of ports is free".to_owned(),
                port => format!("ports {port} and {} are not free", u32::from(port) + 1),
            };
            MediaError::new_err(format!("can't send from {host}: {what} ({error})"))
        })
    }

    fn add_streams(&self, py: Python<'_>, specs: Vec<PySendSpec<'_>>) -> PyResult<Vec<usize>> {
        let specs: PyResult<Vec<SendSpec>> = specs.into_iter().map(PySendSpec::convert).collect();
        let specs = specs?;
        let added = py.detach(|| self.0.add(specs));
        added.map_err(|error| PyValueError::new_err(error.0))
    }

    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let started = py.detach(|| self.0.start());
        started.map_err(|error| MediaError::new_err(format!("can't start to send: {error}")))
    }

    fn stop_streams(&self, py: Python<'_>, numbers: Vec<usize>) {
        py.detach(|| self.0.stop_streams(&numbers));
    }

    #[pyo3(signature = (numbers = None))]
    fn progress(&self, numbers: Option<Vec<usize>>) -> PyResult<Vec<PySendProgress>> {
        let Some(numbers) = numbers else {
            return Ok(self.0.progress().into_iter().map(Into::into).collect());
        };
        let one = |number| {
            let unknown = || PyValueError::new_err(format!("there is no stream {number}"));
            self.0
                .progress_of(number)
                .map(Into::into)
                .ok_or_else(unknown)
        };
        numbers.into_iter().map(one).collect()
    }

    #[getter]
    fn lateness(&self) -> f64 {
        self.0.lateness().as_secs_f64()
    }

    /// Packets by how late they left: the n-th count is of those less than 2^n microseconds late.
    fn lateness_counts(&self) -> Vec<u64> {
        self.0.lateness_counts()
    }

    #[pyo3(signature = (timeout = None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let limit = timeout.map(seconds).transpose()?;
        Ok(py.detach(|| self.0.wait(limit)))
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyRtpClip>()?;
    module.add_class::<PySendProgress>()?;
    module.add_class::<PyRtpSender>()
}
