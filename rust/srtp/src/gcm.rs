//! AES in Galois/counter mode (RFC 7714).

use crate::transform::{Parts, Place, Transform};
use aes_gcm::aead::{consts::U12, consts::U16, AeadCore, AeadInOut, KeyInit, Nonce, Tag};
use zeroize::Zeroizing;

const TAG: usize = 16;

pub(crate) struct Gcm<A> {
    cipher: A,
    salt: Zeroizing<[u8; 12]>,
}

impl<A: KeyInit> Gcm<A> {
    /// The lengths are those of a suite that uses this cipher.
    pub fn new(key: &[u8], salt: &[u8]) -> Self {
        let mut own_salt = Zeroizing::new([0; 12]);
        own_salt.copy_from_slice(salt);
        Self {
            cipher: A::new_from_slice(key).expect("a suite's key fits its cipher"),
            salt: own_salt,
        }
    }
}

impl<A: AeadCore<NonceSize = U12, TagSize = U16>> Gcm<A> {
    /// Two zero bytes, the SSRC and the index, with the salt added (RFC 7714 sections 8.1 and 9.1).
    fn nonce(&self, place: &Place) -> Nonce<A> {
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(&place.ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&place.index.to_be_bytes()[2..]);
        nonce
            .iter_mut()
            .zip(self.salt.iter())
            .for_each(|(byte, salt)| *byte ^= salt);
        nonce.into()
    }
}

/// What is authenticated but not encrypted: a report's last word too.
fn associated(place: &Place, clear: &[u8], more: &[u8]) -> Vec<u8> {
    let trailer: &[u8] = if place.report { &place.trailer } else { &[] };
    [clear, more, trailer].concat()
}

impl<A> Transform for Gcm<A>
where
    A: AeadInOut + AeadCore<NonceSize = U12, TagSize = U16> + Send + Sync,
{
    fn open(&self, place: &Place, parts: &Parts<'_>, out: &mut Vec<u8>) -> bool {
        let Some((sealed, tag)) = parts.sealed.split_last_chunk::<TAG>() else {
            return false;
        };
        let (start, nonce, tag) = (out.len(), self.nonce(place), Tag::<A>::from(*tag));
        out.extend_from_slice(parts.clear);
        out.extend_from_slice(sealed);
        let body = start + parts.clear.len();
        let outcome = if !place.encrypted {
            let all = associated(place, parts.clear, sealed);
            self.cipher
                .decrypt_inout_detached(&nonce, &all, (&mut [][..]).into(), &tag)
        } else if place.report {
            let all = associated(place, parts.clear, &[]);
            self.cipher
                .decrypt_inout_detached(&nonce, &all, (&mut out[body..]).into(), &tag)
        } else {
            let buffer = (&mut out[body..]).into();
            self.cipher
                .decrypt_inout_detached(&nonce, parts.clear, buffer, &tag)
        };
        if outcome.is_err() {
            out.truncate(start);
        }
        outcome.is_ok()
    }

    fn seal(&self, place: &Place, clear: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Vec<u8> {
        out.extend_from_slice(clear);
        let body = out.len();
        out.extend_from_slice(plain);
        let nonce = self.nonce(place);
        let tag = if place.encrypted {
            let all = associated(place, clear, &[]);
            self.cipher
                .encrypt_inout_detached(&nonce, &all, (&mut out[body..]).into())
        } else {
            let all = associated(place, clear, plain);
            self.cipher
                .encrypt_inout_detached(&nonce, &all, (&mut [][..]).into())
        };
        out.extend_from_slice(&tag.expect("a datagram is far below the cipher's bound"));
        Vec::new()
    }
}
