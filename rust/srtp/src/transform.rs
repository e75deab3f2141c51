//! What a session's keys do to one packet, whichever cipher they are for.

use crate::cm::{self, Cm};
use crate::gcm::Gcm;
use crate::keys::MasterKey;
use crate::suite::Suite;
use aes::{Aes128, Aes256};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use zeroize::Zeroizing;

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

/// Numbers of the session keys (RFC 3711 section 4.3.2): for reports add three.
const ENCRYPTION: u8 = 0;
const AUTHENTICATION: u8 = 1;
const SALT: u8 = 2;

/// The session keys for media and for reports.
pub(crate) fn transforms(master: &MasterKey) -> (Box<dyn Transform>, Box<dyn Transform>) {
    let suite = master.suite;
    (
        transform(master, 0, suite.rtp_tag()),
        transform(master, 3, suite.rtcp_tag()),
    )
}

fn transform(master: &MasterKey, offset: u8, tag: usize) -> Box<dyn Transform> {
    let key = derive(master, ENCRYPTION + offset, master.suite.key_bytes());
    let salt = derive(master, SALT + offset, master.suite.salt_bytes());
    let mac = || derive(master, AUTHENTICATION + offset, 20);
    match master.suite {
        Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => {
            Box::new(Cm::<Aes128>::new(&key, &salt, &mac(), tag))
        }
        Suite::AesCm256HmacSha1_80 | Suite::AesCm256HmacSha1_32 => {
            Box::new(Cm::<Aes256>::new(&key, &salt, &mac(), tag))
        }
        Suite::AeadAes128Gcm => Box::new(Gcm::<Aes128Gcm>::new(&key, &salt)),
        Suite::AeadAes256Gcm => Box::new(Gcm::<Aes256Gcm>::new(&key, &salt)),
    }
}

/// Derives a session key (RFC 3711 section 4.3.3) with a derivation rate of zero. A shorter salt is filled with
/// zeros at its end.
pub(crate) fn derive(master: &MasterKey, label: u8, length: usize) -> Zeroizing<Vec<u8>> {
    let mut block = [0; 16];
    block[..master.salt.len()].copy_from_slice(&master.salt);
    block[7] ^= label;
    let mut out = Zeroizing::new(vec![0; length]);
    match master.key.len() {
        16 => cm::keystream::<Aes128>(&master.key, &block, &mut out),
        _ => cm::keystream::<Aes256>(&master.key, &block, &mut out),
    }
    out
}
