//! Goes on with a capture log that another process has begun: the log, and then its streams.

use super::inner::Inner;
use super::{Recording, Resources};
use crate::clock::Clock;
use crate::error::Error;
use crate::known::Known;
use crate::log::Log;
use crate::notice::lock;
use crate::probation::{relive, Described};
use crate::stream::{Stream, StreamSpec};
use crate::survey::survey;
use siprecord_core::pcapng::block::LINK_RAW_IP;
use std::io;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::Arc;

impl Recording {
    /// Opens an existing log to append to it; also answers the names of its interfaces.
    pub fn resume(resources: Arc<Resources>, path: &Path) -> Result<(Self, Vec<String>), Error> {
        let notices = resources.notices.clone();
        let estate = lock(&resources.estate);
        let found = estate.find(path);
        let (log, survey) = Log::resume(path, notices, &resources.shelter, &found)?;
        let clock = estate.clock(path).unwrap_or_else(Clock::begin);
        estate.written(path);
        drop(estate);
        let mut inner = Inner::new(log, clock, survey.interfaces.len() as u32);
        inner.described = Described {
            interfaces: survey.interfaces.clone(),
            whole: found.known.map_or(0, |(whole, _)| whole),
            length: survey.length,
        };
        let numbered = (0..).zip(survey.interfaces);
        let mut names = Vec::new();
        for (number, interface) in numbered {
            names.push(interface.known.name.clone());
            if interface.known.link_type == LINK_RAW_IP {
                inner.resumable.push((number, interface.known));
            }
        }
        Ok((Self::around(resources, path, inner), names))
    }

    /// Takes a stream up again with the sockets it had, and answers its RTP port. `sockets`: RTP and RTCP; both are
    /// duplicated. What waits in them is treated as `paused` says, and what was taken from them before as it was
    /// then.
    ///
    /// Its interface is described in the log already, so nothing is written. The shelter, and the log beyond what
    /// that knows, also tell whom the stream followed, or who was on probation, and how far the rollover counters of SRTP have come at least.
    pub fn resume_stream(
        &self,
        mut spec: StreamSpec,
        sockets: (RawFd, RawFd),
        interface: u32,
        paused: bool,
    ) -> Result<u16, Error> {
        let mut inner = lock(&self.inner);
        inner.open()?;
        let known = inner
            .resumable
            .iter()
            .position(|(number, _)| *number == interface);
        let known = known.ok_or(Error::NotResumable(interface))?;
        let pair = self
            .resources
            .ports
            .adopt(sockets.0, sockets.1)
            .map_err(Error::Ports)?;
        let rtp_port = pair.rtp_port;
        let (_, mut known) = inner.resumable.swap_remove(known);
        let path = Path::new(&self.path);
        if !spec.keys.theirs.is_empty() && !known.all_heard {
            known = protected(path, interface)?;
        }
        spec.keys.go_on_from(known.reached.into_iter());
        let mut stream = Stream::new(
            interface,
            pair,
            spec,
            self.resources.reporter(),
            inner.clock,
        );
        let earlier = lock(&self.resources.estate).figures(path, interface);
        stream.keep_figures(inner.log.figures(interface), earlier);
        stream.keep_reached(inner.log.aim().position);
        if known.followed.is_none() && stream.sources.current().is_none() {
            known.followed = relive(&mut stream.sources, path, &inner.described, interface)
                .map_err(|error| unreadable(path, error))?;
        }
        if let Some(source) = known.followed {
            stream.sources.resume(source, stream.clock.now());
        }
        stream.switch(paused, 0);
        inner.streams.push(stream);
        let index = inner.streams.len() - 1;
        while let Some(batch) = lock(&self.resources.estate).batch(path, Some(interface)) {
            inner.take_over(index, &batch);
        }
        Ok(rtp_port)
    }
}

/// What only the whole log tells when no shelter does: how far the rollover counters of SRTP have come.
fn protected(path: &Path, interface: u32) -> Result<Known, Error> {
    let survey = survey(path).map_err(|error| unreadable(path, error))?;
    let found = survey.interfaces.into_iter().nth(interface as usize);
    Ok(found.map(|found| found.known).unwrap_or_default())
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::Resume {
        path: path.display().to_string(),
        error,
    }
}
