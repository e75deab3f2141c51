//! Master keys, as the signalling brings them. They never appear in any text.

use crate::suite::Suite;
use std::fmt;
use zeroize::Zeroizing;

/// Packets that one master key may protect at most (RFC 3711 section 9.2).
const MAX_LIFETIME: u64 = 1 << 48;
/// RFC 4568 section 6.1.
const MAX_MKI: usize = 128;

/// Why a master key can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    Key { needed: usize, got: usize },
    Salt { needed: usize, got: usize },
    Mki { got: usize },
    Lifetime,
}

impl fmt::Display for BadKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { needed, got } => {
                write!(formatter, "the SRTP key has {got} bytes, not {needed}")
            }
            Self::Salt { needed, got } => {
                write!(formatter, "the SRTP salt has {got} bytes, not {needed}")
            }
            Self::Mki { got } => write!(formatter, "the SRTP MKI has {got} bytes, more than 128"),
            Self::Lifetime => write!(formatter, "the SRTP key's lifetime is not within 1 to 2^48"),
        }
    }
}

impl std::error::Error for BadKey {}

/// A master key with its salt, wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    pub(crate) suite: Suite,
    pub(crate) key: Zeroizing<Vec<u8>>,
    pub(crate) salt: Zeroizing<Vec<u8>>,
    pub(crate) mki: Vec<u8>,
    pub(crate) lifetime: u64,
}

impl MasterKey {
    pub fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Result<Self, BadKey> {
        let (needed, got) = (suite.key_bytes(), key.len());
        if got != needed {
            return Err(BadKey::Key { needed, got });
        }
        let (needed, got) = (suite.salt_bytes(), salt.len());
        if got != needed {
            return Err(BadKey::Salt { needed, got });
        }
        Ok(Self {
            suite,
            key: Zeroizing::new(key.to_vec()),
            salt: Zeroizing::new(salt.to_vec()),
            mki: Vec::new(),
            lifetime: MAX_LIFETIME,
        })
    }

    /// The identifier that each packet carries; none when it is empty.
    pub fn with_mki(mut self, mki: &[u8]) -> Result<Self, BadKey> {
        if mki.len() > MAX_MKI {
            return Err(BadKey::Mki { got: mki.len() });
        }
        self.mki = mki.to_vec();
        Ok(self)
    }

    /// How many packets it protects at most; reports are bounded by 2^31 besides.
    pub fn with_lifetime(mut self, packets: u64) -> Result<Self, BadKey> {
        if packets == 0 || packets > MAX_LIFETIME {
            return Err(BadKey::Lifetime);
        }
        self.lifetime = packets;
        Ok(self)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKey({}, hidden)", self.suite.name())
    }
}
