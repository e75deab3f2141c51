//! What a session's keys do to one packet, whichever cipher they are for.

/// Where a packet stands in its stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub ssrc: u32,
    /// 48 bits for media, 31 for reports.
    pub index: u64,
    /// What is authenticated after the packet: the rollover counter, or the report's index with its flag.
    pub trailer: [u8; 4],
    pub report: bool,
    /// Reports may be sent in the clear, though authenticated.
    pub encrypted: bool,
}

impl Place {
    pub fn media(ssrc: u32, index: u64) -> Self {
        Self {
            ssrc,
            index,
            trailer: ((index >> 16) as u32).to_be_bytes(),
            report: false,
            encrypted: true,
        }
    }

    /// `word` is the last word of the report: flag and index.
    pub fn report(ssrc: u32, word: u32) -> Self {
        Self {
            ssrc,
            index: u64::from(word & 0x7fff_ffff),
            trailer: word.to_be_bytes(),
            report: true,
            encrypted: word >> 31 == 1,
        }
    }
}

/// A protected packet, cut where its parts meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    /// Authenticated, never encrypted.
    pub clear: &'a [u8],
    /// The ciphertext, with its tag when the suite is an AEAD.
    pub sealed: &'a [u8],
    /// The tag of the other suites.
    pub tag: &'a [u8],
}

/// Session keys for media, or for reports.
pub(crate) trait Transform: Send + Sync {
    /// Appends the whole packet in the clear; nothing when it is not authentic.
    fn open(&self, place: &Place, parts: &Parts<'_>, out: &mut Vec<u8>) -> bool;

    /// Appends the clear and the sealed part, and answers the tag that comes last.
    fn seal(&self, place: &Place, clear: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Vec<u8>;
}
