//! SRTP keys from Python, and both sides of SRTP for tests and test clients.

use crate::error::MediaError;
use pyo3::prelude::*;
use siprecord_engine::secure::Keys;
use siprecord_srtp::{MasterKey, Reached, Receiver, Refusal, Sender, Suite};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SrtpSender>()?;
    module.add_class::<SrtpReceiver>()
}

/// The attributes of `siprecord.media.srtp.SrtpKeys`.
#[derive(FromPyObject)]
pub struct SrtpKeys {
    suite: String,
    key: Vec<u8>,
    salt: Vec<u8>,
    mki: Vec<u8>,
    lifetime: u64,
}

impl SrtpKeys {
    pub fn read(self) -> PyResult<MasterKey> {
        let suite = Suite::parse(&self.suite).ok_or_else(|| {
            MediaError::new_err(format!("{:?} is no SRTP suite that we know", self.suite))
        })?;
        MasterKey::new(suite, &self.key, &self.salt)
            .and_then(|key| key.with_mki(&self.mki))
            .and_then(|key| key.with_lifetime(self.lifetime))
            .map_err(|error| MediaError::new_err(error.to_string()))
    }
}

/// The keys of a stream: theirs, ours, and the indices of an earlier process.
pub fn keys(
    theirs: Vec<SrtpKeys>,
    ours: Option<SrtpKeys>,
    indices: HashMap<u32, u64>,
) -> PyResult<Keys> {
    let theirs: PyResult<_> = theirs.into_iter().map(SrtpKeys::read).collect();
    Ok(Keys {
        theirs: theirs?,
        ours: ours.map(SrtpKeys::read).transpose()?,
        go_on: false,
        reached: indices.into_iter().map(reached).collect(),
    })
}

/// Of what lies below a bare index nothing is known, so nothing there counts as new.
fn reached((ssrc, highest): (u32, u64)) -> Reached {
    Reached {
        ssrc,
        highest,
        seen: u128::MAX,
    }
}

fn run<T>(
    state: &Mutex<T>,
    work: impl FnOnce(&mut T, &mut Vec<u8>) -> Result<(), Refusal>,
) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    match work(&mut state, &mut out) {
        Ok(()) => Ok(out),
        Err(refusal) => Err(MediaError::new_err(refusal.to_string())),
    }
}

#[pyclass(frozen, module = "siprecord.media._core")]
struct SrtpSender {
    sender: Mutex<Sender>,
}

#[pymethods]
impl SrtpSender {
    #[new]
    fn new(keys: SrtpKeys) -> PyResult<Self> {
        let sender = Mutex::new(Sender::new(keys.read()?));
        Ok(Self { sender })
    }

    fn protect_rtp(&self, packet: &[u8]) -> PyResult<Vec<u8>> {
        run(&self.sender, |sender, out| sender.seal_media(packet, out))
    }

    fn protect_rtcp(&self, packet: &[u8]) -> PyResult<Vec<u8>> {
        run(&self.sender, |sender, out| sender.seal_report(packet, out))
    }
}

#[pyclass(frozen, module = "siprecord.media._core")]
struct SrtpReceiver {
    receiver: Mutex<Receiver>,
}

#[pymethods]
impl SrtpReceiver {
    #[new]
    fn new(keys: SrtpKeys) -> PyResult<Self> {
        let receiver = Mutex::new(Receiver::new(vec![keys.read()?]));
        Ok(Self { receiver })
    }

    fn unprotect_rtp(&self, packet: &[u8]) -> PyResult<Vec<u8>> {
        run(&self.receiver, |receiver, out| {
            receiver.open_media(packet, 0, out)
        })
    }

    fn unprotect_rtcp(&self, packet: &[u8]) -> PyResult<Vec<u8>> {
        run(&self.receiver, |receiver, out| {
            receiver.open_report(packet, 0, out)
        })
    }
}
