//! What the recordings of one engine share.

use crate::error::Error;
use crate::notice::{lock, Notices};
use crate::ports::PortPool;
use crate::receiver::WHOLE_DATAGRAM;
use crate::reporter::{ReportPlan, Reporter};
use crate::settings::Settings;
use crate::shelter::desk::Desk;
use crate::shelter::estate::Estate;
use crate::shelter::Shelter;
use crate::socket::{random, steady_clock};
use std::io;
use std::sync::{Arc, Mutex};

/// What all recordings of an engine share.
pub struct Resources {
    pub ports: PortPool,
    pub notices: Arc<Notices>,
    pub shelter: Arc<Shelter>,
    /// What earlier lives left.
    pub(super) estate: Mutex<Estate>,
    reports: ReportPlan,
    desks: Mutex<Vec<Desk>>,
}

impl Resources {
    pub fn new(settings: &Settings, notices: Notices) -> io::Result<Self> {
        let datagram_bytes = settings.datagram_bytes.clamp(2_048, WHOLE_DATAGRAM);
        let shelter = Shelter::new(datagram_bytes, settings.max_pending)?;
        Ok(Self::with(settings, notices, shelter))
    }

    pub(super) fn with(settings: &Settings, notices: Notices, shelter: Arc<Shelter>) -> Self {
        let ports = PortPool::new(
            settings.bind_address,
            settings.ports,
            settings.receive_buffer,
            settings.quarantine,
        );
        Self {
            ports,
            notices: Arc::new(notices),
            shelter,
            estate: Mutex::default(),
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

    pub fn desk(&self) -> io::Result<Desk> {
        Ok(Desk::new(self.shelter.desk()?, self.shelter.layout()))
    }

    /// Lends a desk to a caller's thread.
    pub(super) fn borrow<T>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let free = lock(&self.desks).pop();
        let mut desk = match free {
            Some(desk) => desk,
            None => self.desk().map_err(Error::Start)?,
        };
        let outcome = work(&mut desk);
        lock(&self.desks).push(desk);
        outcome
    }
}
