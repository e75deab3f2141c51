//! The pure half of the media plane: bytes in, values out.
//!
//! Nothing here opens a socket, reads a clock or touches a file; nothing here is `unsafe`.
#![forbid(unsafe_code)]

// Wire formats and live statistics (used by the engine).
pub mod digits;
pub mod ip;
pub mod level;
pub mod ports;
pub mod rtcp;
pub mod rtp;
pub mod seq;
pub mod source;
pub mod stats;

// The capture log's format.
pub mod pcapng;

// From packets to audio (used by rendering and live readers).
pub mod g711;
pub mod g722;
pub mod merge;
pub mod ogg;
pub mod payload;
pub mod timeline;

// The concurrent map of active calls.
pub mod fnv;
pub mod sharded_map;
