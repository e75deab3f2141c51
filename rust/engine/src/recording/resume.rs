//! Goes on with a capture log that another process has begun: the log, and then its streams.

use super::inner::Inner;
use super::{Recording, Resources};
use crate::error::Error;
use crate::log::Log;
use crate::notice::lock;
use crate::socket::wall_clock;
use crate::stream::{Stream, StreamSpec};
use siprecord_core::pcapng::block::LINK_RAW_IP;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::Arc;

impl Recording {
    /// Opens an existing log to append to it; also answers the names of its interfaces.
    pub fn resume(resources: Arc<Resources>, path: &Path) -> Result<(Self, Vec<String>), Error> {
        let notices = resources.notices.clone();
        let (log, survey) = Log::resume(path, notices, resources.max_pending)?;
        let mut inner = Inner::new(log, survey.interfaces.len() as u32);
        let numbered = (0..).zip(survey.interfaces);
        let mut names = Vec::new();
        for (number, interface) in numbered {
            names.push(interface.name.clone());
            if interface.link_type == LINK_RAW_IP {
                inner.resumable.push((number, interface));
            }
        }
        Ok((Self::around(resources, path, inner), names))
    }

    /// Takes a stream up again with the sockets it had, and answers its RTP port. `sockets`: RTP and RTCP; both are
    /// duplicated. What waits in them is treated as `paused` says.
    ///
    /// Its interface is described in the log already, so nothing is written. The log also tells whom the stream
    /// followed, and how far the rollover counters of SRTP have come at least.
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
        let (_, known) = inner.resumable.swap_remove(known);
        spec.keys.go_on_from(known.reached.into_iter());
        let mut stream = Stream::new(interface, pair, spec, self.resources.reporter());
        if let Some(source) = known.followed {
            stream.sources.resume(source, wall_clock());
        }
        stream.switch(paused, 0);
        inner.streams.push(stream);
        Ok(rtp_port)
    }
}
