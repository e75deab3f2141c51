//! Depacketisers: payloads of each format, cut into frames or measured.

use siprecord_core::g722::Decoder;
use siprecord_core::payload::{amr, Framing};

use super::{outcome, Outcome, Target};

/// A format whose payloads are only measured.
pub struct Measured {
    framings: Vec<Framing>,
    seeds: Vec<Vec<u8>>,
}

/// The target of a format.
pub fn of(name: &str) -> Measured {
    let (framings, seeds) = match name {
        "opus" => (
            vec![Framing::Opus],
            vec![
                vec![0x78; 60],
                vec![0x7b, 0x43, 5, 1, 2, 3, 4, 5],
                vec![0xf9, 2, 1, 2, 3],
            ],
        ),
        "g729" => (
            vec![Framing::G729],
            vec![vec![1; 20], vec![1; 22], vec![1; 2]],
        ),
        "g723" => {
            let mixed = [vec![0; 24], vec![1; 20], vec![2; 4], vec![3; 1]].concat();
            (vec![Framing::G723], vec![mixed, vec![0; 24]])
        }
        "speex" => (
            vec![Framing::Speex { ticks: 160 }],
            vec![vec![0x1e, 0x9d, 0x66, 0, 0, 0x39, 0xce], vec![0x7f]],
        ),
        _ => (
            vec![
                Framing::Frames {
                    octets: 33,
                    ticks: 160,
                },
                Framing::Frames {
                    octets: 38,
                    ticks: 160,
                },
                Framing::Frames {
                    octets: 0,
                    ticks: 240,
                },
                Framing::Samples { octets: 2 },
                Framing::Samples { octets: 0 },
            ],
            vec![vec![0xd5; 33], vec![0; 76], vec![0; 160]],
        ),
    };
    Measured { framings, seeds }
}

impl Target for Measured {
    fn seeds(&self) -> Vec<Vec<u8>> {
        self.seeds.clone()
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        let ticks = self.framings.iter().map(|framing| framing.ticks(input));
        let found: Vec<usize> = ticks.map(|ticks| ticks.map_or(0, usize::from)).collect();
        outcome(&found)
    }
}

/// AMR and AMR-WB in both packings.
pub struct Amr;

impl Target for Amr {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let aligned = [vec![0xf0, 0x3c], vec![0x55; 31]].concat();
        let two = [vec![0xf0, 0xbc, 0x44], vec![0x55; 36]].concat();
        let efficient = [vec![0xf3, 0xc0], vec![0x55; 31]].concat();
        vec![aligned, two, efficient, vec![0xf0, 0x7c]]
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        let mut found = Vec::new();
        for (wideband, octet_aligned) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let format = amr::Format {
                wideband,
                octet_aligned,
            };
            let frames = amr::frames(input, format);
            let ticks = Framing::Amr(format).ticks(input);
            let count = frames.as_ref().map_or(0, Vec::len);
            assert_eq!(
                usize::from(ticks.unwrap_or(0)),
                count * usize::from(format.ticks())
            );
            let octets: usize = frames.iter().flatten().map(Vec::len).sum();
            assert!(
                octets <= input.len() + count,
                "frames are no longer than their payload"
            );
            found.push(count);
        }
        outcome(&found)
    }
}

/// G.722 takes any octets; each is two samples.
pub struct G722;

impl Target for G722 {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![(0..160).collect(), vec![0xff; 160], vec![0; 160]]
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        let mut out = Vec::new();
        Decoder::default().decode(input, &mut out);
        assert_eq!(out.len(), 2 * input.len());
        outcome(&[out
            .iter()
            .map(|sample| sample.unsigned_abs())
            .max()
            .unwrap_or(0)
            .into()])
    }
}
