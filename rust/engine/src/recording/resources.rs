//! What the recordings of one engine share, and the buffers that a thread works with.

use crate::drain::Settings;
use crate::notice::{lock, Notices};
use crate::ports::PortPool;
use crate::reporter::{ReportPlan, Reporter};
use crate::socket::{random, steady_clock, Receiver, WHOLE_DATAGRAM};
use std::sync::{Arc, Mutex};

/// What all recordings of an engine share.
pub struct Resources {
    pub ports: PortPool,
    pub notices: Arc<Notices>,
    pub max_pending: usize,
    pub datagram_bytes: usize,
    reports: ReportPlan,
    desks: Mutex<Vec<Desk>>,
}

impl Resources {
    pub fn new(settings: &Settings, notices: Notices) -> Self {
        let ports = PortPool::new(
            settings.bind_address,
            settings.ports,
            settings.receive_buffer,
            settings.quarantine,
        );
        Self {
            ports,
            notices: Arc::new(notices),
            max_pending: settings.max_pending,
            datagram_bytes: settings.datagram_bytes.clamp(2_048, WHOLE_DATAGRAM),
            reports: ReportPlan {
                interval: settings.report_interval,
                cname: format!("{:016x}{:08x}", random(), random() as u32).into(),
            },
            desks: Mutex::default(),
        }
    }

    /// For a new stream.
    pub(super) fn reporter(&self) -> Reporter {
        Reporter::new(self.reports.clone(), steady_clock(), random())
    }

    pub fn desk(&self) -> Desk {
        Desk {
            receiver: Receiver::new(self.datagram_bytes),
            blocks: Vec::new(),
        }
    }

    /// Lends a desk to a caller's thread.
    pub(super) fn borrow<T>(&self, work: impl FnOnce(&mut Desk) -> T) -> T {
        let mut desk = lock(&self.desks).pop().unwrap_or_else(|| self.desk());
        let outcome = work(&mut desk);
        lock(&self.desks).push(desk);
        outcome
    }
}

/// The buffers that a thread works with.
pub struct Desk {
    pub(super) receiver: Receiver,
    pub(super) blocks: Vec<u8>,
}

impl Desk {
    /// Forgets what was gathered for a recording that has failed.
    pub fn clear(&mut self) {
        self.blocks.clear();
    }
}
