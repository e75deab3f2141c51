//! One master key at work: which part of a packet lies where.

use crate::derive::transforms;
use crate::keys::MasterKey;
use crate::transform::{Parts, Place, Transform};
use crate::Refusal;

/// The bytes of a report that are never encrypted: its first header and SSRC.
const REPORT_HEAD: usize = 8;
/// Reports that one key may protect (RFC 3711 section 9.2).
const MAX_REPORTS: u64 = 1 << 31;

pub(crate) struct Session {
    pub master: MasterKey,
    media: Box<dyn Transform>,
    reports: Box<dyn Transform>,
    media_packets: u64,
    report_packets: u64,
}

impl Session {
    pub fn new(master: MasterKey) -> Self {
        let (media, reports) = transforms(&master);
        Self {
            master,
            media,
            reports,
            media_packets: 0,
            report_packets: 0,
        }
    }

    #[cfg(test)]
    pub fn with_transforms(
        master: MasterKey,
        media: Box<dyn Transform>,
        reports: Box<dyn Transform>,
    ) -> Self {
        Self {
            media,
            reports,
            ..Self::new(master)
        }
    }

    /// Whether a media packet may be protected by this key, as far as its identifier tells.
    pub fn is_named_by_media(&self, packet: &[u8]) -> bool {
        let tag = self.master.suite.rtp_tag();
        self.is_named(packet, tag)
    }

    pub fn is_named_by_report(&self, packet: &[u8]) -> bool {
        let tag = self.master.suite.rtcp_tag();
        self.is_named(packet, tag)
    }

    fn is_named(&self, packet: &[u8], tag: usize) -> bool {
        let mki = &self.master.mki;
        let before_tag = packet.len().checked_sub(tag).map(|end| &packet[..end]);
        before_tag.is_some_and(|packet| packet.ends_with(mki))
    }

    pub fn open_media(
        &mut self,
        packet: &[u8],
        place: &Place,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let clear = header_bytes(packet).ok_or(Refusal::Malformed)?;
        let parts = self.cut(packet, clear, self.master.suite.rtp_tag())?;
        if self.media_packets >= self.master.lifetime {
            return Err(Refusal::Expired);
        }
        if !self.media.open(place, &parts, out) {
            return Err(Refusal::Unauthenticated);
        }
        self.media_packets += 1;
        Ok(())
    }

    /// The last word of a protected report: flag and index.
    pub fn report_word(&self, packet: &[u8]) -> Result<u32, Refusal> {
        let suite = self.master.suite;
        let after = suite.rtcp_tag() + self.master.mki.len();
        let end = packet.len().checked_sub(after).ok_or(Refusal::Malformed)?;
        let word = packet[..end].last_chunk().ok_or(Refusal::Malformed)?;
        Ok(u32::from_be_bytes(*word))
    }

    pub fn open_report(
        &mut self,
        packet: &[u8],
        place: &Place,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let mut parts = self.cut(packet, REPORT_HEAD, self.master.suite.rtcp_tag())?;
        let body = parts
            .sealed
            .split_last_chunk::<4>()
            .ok_or(Refusal::Malformed)?;
        parts.sealed = body.0;
        if self.report_packets >= self.master.lifetime.min(MAX_REPORTS) {
            return Err(Refusal::Expired);
        }
        if !self.reports.open(place, &parts, out) {
            return Err(Refusal::Unauthenticated);
        }
        self.report_packets += 1;
        Ok(())
    }

    /// Cuts off the tag and the key's identifier, which is not authenticated.
    fn cut<'a>(&self, packet: &'a [u8], clear: usize, tag: usize) -> Result<Parts<'a>, Refusal> {
        let mki = self.master.mki.len();
        let end = packet
            .len()
            .checked_sub(tag + mki)
            .ok_or(Refusal::Malformed)?;
        let (clear, sealed) = packet[..end]
            .split_at_checked(clear)
            .ok_or(Refusal::Malformed)?;
        Ok(Parts {
            clear,
            sealed,
            tag: &packet[end + mki..],
        })
    }

    pub fn seal_media(
        &mut self,
        packet: &[u8],
        place: &Place,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let clear = header_bytes(packet).ok_or(Refusal::Malformed)?;
        if self.media_packets >= self.master.lifetime {
            return Err(Refusal::Expired);
        }
        self.media_packets += 1;
        let (clear, plain) = packet.split_at(clear);
        let tag = self.media.seal(place, clear, plain, out);
        out.extend_from_slice(&self.master.mki);
        out.extend_from_slice(&tag);
        Ok(())
    }

    pub fn seal_report(
        &mut self,
        packet: &[u8],
        place: &Place,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let parts = packet.split_at_checked(REPORT_HEAD);
        let (clear, plain) = parts.ok_or(Refusal::Malformed)?;
        if self.report_packets >= self.master.lifetime.min(MAX_REPORTS) {
            return Err(Refusal::Expired);
        }
        self.report_packets += 1;
        let tag = self.reports.seal(place, clear, plain, out);
        out.extend_from_slice(&place.trailer);
        out.extend_from_slice(&self.master.mki);
        out.extend_from_slice(&tag);
        Ok(())
    }
}

/// The length of an RTP header with its contributing sources and its extension (RFC 3550 section 5).
fn header_bytes(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let fixed = 12 + usize::from(first & 0x0f) * 4;
    if first >> 6 != 2 || packet.len() < fixed {
        return None;
    }
    if first & 0x10 == 0 {
        return Some(fixed);
    }
    let words = packet.get(fixed + 2..)?.first_chunk()?;
    let length = fixed + 4 + usize::from(u16::from_be_bytes(*words)) * 4;
    (length <= packet.len()).then_some(length)
}

/// The SSRC and the sequence number of a media packet.
pub(crate) fn media_identity(packet: &[u8]) -> Option<(u32, u16)> {
    let fixed = packet.first_chunk::<12>()?;
    let ssrc = u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]);
    (fixed[0] >> 6 == 2).then_some((ssrc, u16::from_be_bytes([fixed[2], fixed[3]])))
}

/// The SSRC of a report's sender.
pub(crate) fn report_identity(packet: &[u8]) -> Option<u32> {
    let head = packet.first_chunk::<REPORT_HEAD>()?;
    (head[0] >> 6 == 2).then_some(u32::from_be_bytes([head[4], head[5], head[6], head[7]]))
}
