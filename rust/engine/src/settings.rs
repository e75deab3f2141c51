//! How an engine is to work.

use std::net::IpAddr;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    pub bind_address: IpAddr,
    /// Lowest and highest port.
    pub ports: (u16, u16),
    /// How long a pair of ports rests after use.
    pub quarantine: Duration,
    pub interval: Duration,
    /// 0 stands for the number of cores, at most four.
    pub threads: usize,
    /// Bytes asked of the kernel for each RTP socket; 0 leaves the system's default.
    pub receive_buffer: usize,
    /// Bytes of unwritten blocks kept for each recording.
    pub max_pending: usize,
    /// Bytes kept of one datagram.
    pub datagram_bytes: usize,
    /// Mean time between two reports that a stream sends; zero: none.
    pub report_interval: Duration,
}
