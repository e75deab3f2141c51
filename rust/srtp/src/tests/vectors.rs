//! Vectors of RFC 3711, RFC 6188 and RFC 7714.

use super::{hex, key, open, sealed};
use crate::cm::Cm;
use crate::derive::derive;
use crate::gcm::Gcm;
use crate::session::Session;
use crate::transform::{Place, Transform};
use crate::{MasterKey, Receiver, Refusal, Sender, Suite};
use aes::Aes128;
use aes_gcm::{Aes128Gcm, Aes256Gcm};

#[test]
fn rfc3711_b2_counter_mode() {
    let session = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    let cm = Cm::<Aes128>::new(&session, &salt, &[0; 20], 10);
    let mut out = Vec::new();
    cm.seal(&Place::media(0, 0), &[], &[0; 48], &mut out);
    let expected = hex(
        "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0",
    );
    assert_eq!(out, expected);
}

#[test]
fn rfc3711_b3_key_derivation() {
    let master = MasterKey::new(
        Suite::AesCm128HmacSha1_80,
        &hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
        &hex("0EC675AD498AFEEBB6960B3AABE6"),
    )
    .unwrap();
    assert_eq!(
        *derive(&master, 0, 16),
        hex("C61E7A93744F39EE10734AFE3FF7A087")
    );
    assert_eq!(*derive(&master, 2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    let authentication = hex(
        "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098
         6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2",
    );
    assert_eq!(*derive(&master, 1, 94), authentication);
}

#[test]
fn rfc6188_7_2_key_derivation() {
    let master = MasterKey::new(
        Suite::AesCm256HmacSha1_80,
        &hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6"),
        &hex("3b04803de51ee7c96423ab5b78d2"),
    )
    .unwrap();
    let cipher = hex("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4");
    assert_eq!(*derive(&master, 0, 32), cipher);
    assert_eq!(*derive(&master, 2, 14), hex("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(
        *derive(&master, 1, 20),
        hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
    );
}

/// Whole packets that other implementations agree on, under the master keys of RFC 3711 B.3 and RFC 6188 7.2.
#[test]
fn whole_packets_under_known_master_keys() {
    let plain = hex("800f1234decafbadcafebabe abababababababababababababababab");
    for (suite, key, salt, expected) in [
        (
            Suite::AesCm128HmacSha1_80,
            "E1F97A0D3E018BE0D64FA32C06DE4139",
            "0EC675AD498AFEEBB6960B3AABE6",
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
        ),
        (
            Suite::AesCm256HmacSha1_80,
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
            "3b04803de51ee7c96423ab5b78d2",
            "800f1234decafbadcafebabe f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b",
        ),
    ] {
        let master = || MasterKey::new(suite, &hex(key), &hex(salt)).unwrap();
        let mut sender = Sender::new(master());
        assert_eq!(sealed(&mut sender, &plain), hex(expected));
        let mut receiver = Receiver::new(vec![master()]);
        assert_eq!(open(&mut receiver, &hex(expected)).unwrap(), plain);
    }
}

const RFC7714_RTP: &str = "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e6973206469
                           7669736120696e207061727465732074726573";
const RFC7714_RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61
                            deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

/// RFC 7714 gives session keys, not master keys.
fn rfc7714(suite: Suite) -> Session {
    let transform = || -> Box<dyn Transform> {
        let key: Vec<u8> = (0..suite.key_bytes() as u8).collect();
        let salt = hex("517569642070726f2071756f");
        match suite {
            Suite::AeadAes128Gcm => Box::new(Gcm::<Aes128Gcm>::new(&key, &salt)),
            _ => Box::new(Gcm::<Aes256Gcm>::new(&key, &salt)),
        }
    };
    Session::with_transforms(key(suite, 0), transform(), transform())
}

#[test]
fn rfc7714_16_media() {
    for (suite, expected) in [
        (
            Suite::AeadAes128Gcm,
            "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de
             3adf8833899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            Suite::AeadAes256Gcm,
            "8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba6
             3799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ] {
        let mut sender = Sender::with_session(rfc7714(suite), 0);
        assert_eq!(sealed(&mut sender, &hex(RFC7714_RTP)), hex(expected));
        let mut receiver = Receiver::with_session(rfc7714(suite));
        assert_eq!(open(&mut receiver, &hex(expected)).unwrap(), hex(RFC7714_RTP));
    }
}

#[test]
fn rfc7714_17_reports() {
    for (suite, expected) in [
        (
            Suite::AeadAes128Gcm,
            "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b46
             86303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade 800005d4",
        ),
        (
            Suite::AeadAes256Gcm,
            "81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658
             c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be 800005d4",
        ),
    ] {
        let mut out = Vec::new();
        let mut sender = Sender::with_session(rfc7714(suite), 0x5d4);
        sender.seal_report(&hex(RFC7714_RTCP), &mut out).unwrap();
        assert_eq!(out, hex(expected));
        assert_eq!(opened_report(suite, expected), Ok(hex(RFC7714_RTCP)));
    }
}

#[test]
fn rfc7714_17_reports_in_the_clear() {
    for (suite, tag) in [
        (Suite::AeadAes128Gcm, "841dd9683dd78ec92ae58790125f62b3"),
        (Suite::AeadAes256Gcm, "91db4afbfeee5a978fab4393ed2615fe"),
    ] {
        let packet = format!("{RFC7714_RTCP}{tag}000005d4");
        assert_eq!(opened_report(suite, &packet), Ok(hex(RFC7714_RTCP)));
        let changed = packet.replacen("4c", "4d", 1);
        assert_eq!(
            opened_report(suite, &changed),
            Err(Refusal::Unauthenticated)
        );
    }
}

fn opened_report(suite: Suite, packet: &str) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    let mut receiver = Receiver::with_session(rfc7714(suite));
    receiver
        .open_report(&hex(packet), 0, &mut out)
        .map(|()| out)
}

#[test]
fn the_derivation_of_a_short_salt_fills_it_with_zeros() {
    let master = |suite: Suite| {
        let key: Vec<u8> = (0..suite.key_bytes() as u8).collect();
        MasterKey::new(suite, &key, &hex("a0a1a2a3a4a5a6a7a8a9aaab")).unwrap()
    };
    let short = master(Suite::AeadAes128Gcm);
    assert_eq!(
        *derive(&short, 0, 16),
        hex("077c6143cb221bc355ff23d5f984a16e")
    );
    assert_eq!(*derive(&short, 2, 12), hex("9af3e95364ebac9c99c5a7c4"));
    assert_eq!(*derive(&short, 5, 12), hex("fcca937b9112a500dac72269"));
    let long = master(Suite::AeadAes256Gcm);
    assert_eq!(*derive(&long, 2, 12), hex("944bd21c268a962cd09c674a"));
}
