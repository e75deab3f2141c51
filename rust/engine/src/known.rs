//! What is known of a log's interfaces without reading all of it.

use siprecord_core::source::Source;
use siprecord_srtp::Reached;

/// An interface, and where in the log it is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub offset: u64,
    pub known: Known,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub link_type: u16,
    pub name: String,
    /// Whom the stream followed last.
    pub followed: Option<Source>,
    /// How far each SSRC has come since its first packet, or since new keys: what SRTP must know, were it protected.
    pub reached: Vec<Reached>,
    /// Whether `reached` speaks of the whole log.
    pub all_heard: bool,
}
