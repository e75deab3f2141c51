//! The media plane's hands: threads, sockets and files around the pure core.

// Receiving: sockets, drain threads, the capture log's writer.
pub mod drain;
pub mod log;
pub mod ports;
pub mod recording;
pub mod socket;

// Reading: the capture log's reader, rendering, live following.
pub mod follow;
pub mod reader;
pub mod render;

// Sending: real-time RTP for test calls and load.
pub mod sender;
