//! AES in counter mode with HMAC-SHA1 (RFC 3711 sections 4.1.1 and 4.2.1, RFC 6188).

use crate::transform::{Parts, Place, Transform};
use aes::cipher::{consts::U16, StreamCipherCoreWrapper};
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipher};
use ctr::{flavors::Ctr128BE, CtrCore};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

pub(crate) struct Cm<C> {
    cipher: C,
    salt: Zeroizing<[u8; 14]>,
    mac: Hmac<Sha1>,
    tag: usize,
}

impl<C: KeyInit> Cm<C> {
    /// The lengths are those of a suite that uses this cipher.
    pub fn new(key: &[u8], salt: &[u8], mac: &[u8], tag: usize) -> Self {
        let mut own_salt = Zeroizing::new([0; 14]);
        own_salt.copy_from_slice(salt);
        Self {
            cipher: C::new_from_slice(key).expect("a suite's key fits its cipher"),
            salt: own_salt,
            mac: <Hmac<Sha1> as KeyInit>::new_from_slice(mac).expect("any key fits HMAC"),
            tag,
        }
    }
}

impl<C> Cm<C> {
    fn mac(&self, place: &Place, clear: &[u8], sealed: &[u8]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(clear);
        mac.update(sealed);
        mac.update(&place.trailer);
        mac
    }

    /// The salt, the SSRC and the index, each in its place of the counter block.
    fn counter(&self, place: &Place) -> [u8; 16] {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&*self.salt);
        let mut add = |at: usize, bytes: &[u8]| {
            block[at..]
                .iter_mut()
                .zip(bytes)
                .for_each(|(byte, other)| *byte ^= other);
        };
        add(4, &place.ssrc.to_be_bytes());
        add(8, &place.index.to_be_bytes()[2..]);
        block
    }
}

impl<C> Transform for Cm<C>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send + Sync,
{
    fn open(&self, place: &Place, parts: &Parts<'_>, out: &mut Vec<u8>) -> bool {
        let mac = self.mac(place, parts.clear, parts.sealed);
        if mac.verify_truncated_left(parts.tag).is_err() {
            return false;
        }
        out.extend_from_slice(parts.clear);
        out.extend_from_slice(parts.sealed);
        if place.encrypted {
            let start = out.len() - parts.sealed.len();
            apply(&self.cipher, &self.counter(place), &mut out[start..]);
        }
        true
    }

    fn seal(&self, place: &Place, clear: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Vec<u8> {
        out.extend_from_slice(clear);
        let start = out.len();
        out.extend_from_slice(plain);
        if place.encrypted {
            apply(&self.cipher, &self.counter(place), &mut out[start..]);
        }
        let tag = self
            .mac(place, clear, &out[start..])
            .finalize()
            .into_bytes();
        tag[..self.tag].to_vec()
    }
}

fn apply<C>(cipher: &C, block: &[u8; 16], data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, block.into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
}

/// Fills `out`, which is zero, with the keystream that begins at `block`.
pub(crate) fn keystream<C>(key: &[u8], block: &[u8; 16], out: &mut [u8])
where
    C: KeyInit + BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let cipher = C::new_from_slice(key).expect("a suite's key fits its cipher");
    apply(&cipher, block, out);
}
