//! What is counted of a stream.

/// What has come on a stream.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// RTP packets handed to the log, and the bytes of their datagrams.
    pub packets: u64,
    pub bytes: u64,
    /// RTCP datagrams handed to the log, from either port.
    pub rtcp_packets: u64,
    /// RTP packets of senders that the stream does not follow.
    pub strays: u64,
    /// Times that another sender was followed than before.
    pub source_changes: u64,
    /// Datagrams that are neither, handed to the log as well.
    pub other_packets: u64,
    /// Datagrams of which only a part is kept.
    pub truncated: u64,
    /// Datagrams of any kind that came during a pause.
    pub dropped_paused: u64,
    /// Datagrams that the kernel dropped because nobody emptied the RTP socket in time.
    pub dropped_kernel: u32,
    /// Times that a socket could not be read.
    pub socket_errors: u64,
    /// Arrival of the first and the last RTP packet, nanoseconds since 1970; 0 when there is none.
    pub first_arrival_ns: u64,
    pub last_arrival_ns: u64,
}
