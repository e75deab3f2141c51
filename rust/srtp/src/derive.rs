//! From a master key to session keys, and to what is done with them.

use crate::cm::{self, Cm};
use crate::gcm::Gcm;
use crate::keys::MasterKey;
use crate::suite::Suite;
use crate::transform::Transform;
use aes::{Aes128, Aes256};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use zeroize::Zeroizing;

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
