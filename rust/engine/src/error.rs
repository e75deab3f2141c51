//! Why the engine can't do what was asked. The texts are for people.

use crate::ports::NoPair;
use std::fmt;
use std::io;

#[derive(Debug)]
pub enum Error {
    /// The capture log can't be created.
    Open { path: String, error: io::Error },
    /// An existing capture log can't be gone on with.
    Resume { path: String, error: io::Error },
    /// The last step of closing the capture log failed.
    Close { path: String, error: io::Error },
    /// No pair of ports.
    Ports(NoPair),
    /// The engine itself can't start.
    Start(io::Error),
    /// What an earlier life left can't be read.
    Shelter(io::Error),
    /// The capture log is closed.
    Closed,
    /// An earlier defect has ended this recording.
    Failed(String),
    /// There is no such interface, or it is closed.
    NoStream(u32),
    /// The resumed log has no such media interface, or its stream was taken up before.
    NotResumable(u32),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, error } => {
                write!(formatter, "can't create the capture log {path}: {error}")
            }
            Self::Resume { path, error } => {
                write!(
                    formatter,
                    "can't go on with the capture log {path}: {error}"
                )
            }
            Self::Close { path, error } => {
                write!(formatter, "can't close the capture log {path}: {error}")
            }
            Self::Ports(error) => error.fmt(formatter),
            Self::Start(error) => write!(formatter, "the media engine can't start: {error}"),
            Self::Shelter(error) => {
                write!(
                    formatter,
                    "what an earlier recorder had taken can't be read: {error}"
                )
            }
            Self::Closed => write!(formatter, "the capture log is closed"),
            Self::Failed(text) => write!(formatter, "the recording has failed: {text}"),
            Self::NoStream(interface) => {
                write!(formatter, "no open stream has interface {interface}")
            }
            Self::NotResumable(interface) => {
                write!(
                    formatter,
                    "interface {interface} has no stream to go on with"
                )
            }
        }
    }
}

impl std::error::Error for Error {}
