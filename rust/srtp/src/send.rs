//! The sending side: our own reports, and the media of a test client.

use crate::keys::MasterKey;
use crate::session::{media_identity, report_identity, Session};
use crate::transform::Place;
use crate::window::Window;
use crate::Refusal;

/// Protects packets under one key. A key must serve one sender only: two that share it and an SSRC betray both.
pub struct Sender {
    session: Session,
    streams: Vec<(u32, Window)>,
    /// Index of the next report, over all SSRCs.
    report: u32,
}

impl Sender {
    pub fn new(key: MasterKey) -> Self {
        Self {
            session: Session::new(key),
            streams: Vec::new(),
            report: 0,
        }
    }

    #[cfg(test)]
    pub(crate) fn with_session(session: Session, report: u32) -> Self {
        Self {
            session,
            streams: Vec::new(),
            report,
        }
    }

    /// Appends the protected packet to `out`. Packets may come a little out of order, or twice.
    pub fn seal_media(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let (ssrc, sequence) = media_identity(packet).ok_or(Refusal::Malformed)?;
        let known = self.streams.iter().position(|(known, _)| *known == ssrc);
        let place = known.unwrap_or(self.streams.len());
        if known.is_none() {
            self.streams.push((ssrc, Window::default()));
        }
        let window = &mut self.streams[place].1;
        let index = window.estimate(sequence);
        self.session
            .seal_media(packet, &Place::media(ssrc, index), out)?;
        window.note(index);
        Ok(())
    }

    /// Appends the protected and encrypted report to `out`.
    pub fn seal_report(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let ssrc = report_identity(packet).ok_or(Refusal::Malformed)?;
        let place = Place::report(ssrc, self.report | 1 << 31);
        self.session.seal_report(packet, &place, out)?;
        self.report = (self.report + 1) & 0x7fff_ffff;
        Ok(())
    }
}
