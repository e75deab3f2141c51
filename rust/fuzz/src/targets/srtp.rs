//! Protected packets: nothing that was changed on the way may be opened.

use siprecord_srtp::{MasterKey, Receiver, Refusal, Sender, Suite};

use super::{outcome, rtp_packet, Outcome, Target};

pub struct Srtp {
    sealed: Vec<(bool, Vec<u8>)>,
    receivers: Vec<Receiver>,
    now: u64,
}

fn key(suite: Suite) -> MasterKey {
    let (key, salt) = (vec![7; suite.key_bytes()], vec![9; suite.salt_bytes()]);
    MasterKey::new(suite, &key, &salt).expect("lengths that fit")
}

impl Srtp {
    pub fn new() -> Self {
        let mut sealed = Vec::new();
        for suite in Suite::ALL {
            let mut sender = Sender::new(key(suite));
            for number in 0..4_u16 {
                let packet = rtp_packet(number.wrapping_sub(2), u32::from(number), &[0x55; 40]);
                let mut out = Vec::new();
                sender.seal_media(&packet, &mut out).expect("a packet");
                sealed.push((true, out));
            }
            let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
            let mut out = Vec::new();
            sender.seal_report(&report, &mut out).expect("a report");
            sealed.push((false, out));
        }
        Self {
            sealed,
            receivers: Suite::ALL
                .map(|suite| Receiver::new(vec![key(suite)]))
                .into(),
            now: 0,
        }
    }

    fn is_genuine(&self, media: bool, input: &[u8]) -> bool {
        self.sealed
            .iter()
            .any(|(kind, packet)| *kind == media && packet == input)
    }
}

impl Target for Srtp {
    fn seeds(&self) -> Vec<Vec<u8>> {
        self.sealed
            .iter()
            .map(|(_, packet)| packet.clone())
            .collect()
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        self.now += 1;
        let mut out = Vec::new();
        let word = |refused: Result<(), Refusal>, out: &mut Vec<u8>| {
            let length = out.len();
            out.clear();
            match refused {
                Ok(()) => 1 + usize::from(length > 0),
                Err(refusal) => {
                    assert_eq!(length, 0, "a refused packet leaves nothing behind");
                    4 + refusal as usize
                }
            }
        };
        let mut words = Vec::new();
        for receiver in &mut self.receivers {
            let media = receiver.open_media(input, self.now, &mut out);
            words.push((true, word(media, &mut out)));
            let report = receiver.open_report(input, self.now, &mut out);
            words.push((false, word(report, &mut out)));
        }
        for (media, found) in &words {
            assert!(
                *found > 2 || self.is_genuine(*media, input),
                "a forged packet was opened"
            );
        }
        outcome(
            &words
                .iter()
                .map(|(_, word)| 1 << word)
                .collect::<Vec<usize>>(),
        )
    }
}
