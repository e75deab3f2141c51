//! ITU-T G.711: mu-law and A-law, to and from 16-bit linear samples.
//!
//! Bit-exact with the Recommendation, its 14-bit (mu) and 13-bit (A) values scaled up to 16 bits. Encoding cuts at
//! the Recommendation's decision values, negative samples by one's complement. Each code comes back after decoding
//! and encoding, but for mu-law's negative zero (0x7f), which comes back as the positive one (0xff).

/// Which of the two companding laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// PCMU, static payload type 0.
    Mu,
    /// PCMA, static payload type 8.
    A,
}

/// The code that means silence in each law.
pub const MU_SILENCE: u8 = 0xff;
pub const A_SILENCE: u8 = 0xd5;

static MU_TABLE: [i16; 256] = mu_table();
static A_TABLE: [i16; 256] = a_table();

impl Law {
    /// The 256 linear values by code.
    pub fn table(self) -> &'static [i16; 256] {
        match self {
            Law::Mu => &MU_TABLE,
            Law::A => &A_TABLE,
        }
    }

    pub fn decode(self, code: u8) -> i16 {
        self.table()[usize::from(code)]
    }

    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Law::Mu => encode_mu(sample),
            Law::A => encode_a(sample),
        }
    }

    /// Appends one code for each sample.
    pub fn encode_into(self, samples: &[i16], codes: &mut Vec<u8>) {
        codes.extend(samples.iter().map(|&sample| self.encode(sample)));
    }
}

const fn mu_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let inverted = !(code as u8);
        let steps = (((inverted & 0x0f) as i16) << 3) + 0x84;
        let magnitude = (steps << ((inverted & 0x70) >> 4)) - 0x84;
        table[code] = if inverted & 0x80 != 0 {
            -magnitude
        } else {
            magnitude
        };
        code += 1;
    }
    table
}

const fn a_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let even = (code as u8) ^ 0x55;
        let steps = ((even & 0x0f) as i16) << 4;
        let magnitude = match (even & 0x70) >> 4 {
            0 => steps + 8,
            segment => (steps + 0x108) << (segment - 1),
        };
        table[code] = if even & 0x80 != 0 {
            magnitude
        } else {
            -magnitude
        };
        code += 1;
    }
    table
}

fn encode_mu(sample: i16) -> u8 {
    let magnitude = if sample < 0 { !sample } else { sample };
    let biased = ((magnitude >> 2) + 33).min(0x1fff) as u16;
    let segment = 16 - (biased >> 6).leading_zeros() + 1;
    let high = (8 - segment) as u8;
    let low = 0x0f - ((biased >> segment) & 0x0f) as u8;
    (high << 4) | low | if sample < 0 { 0 } else { 0x80 }
}

fn encode_a(sample: i16) -> u8 {
    let magnitude = if sample < 0 { !sample } else { sample };
    let steps = (magnitude >> 4) as u16;
    let exponent = (16 - (steps >> 5).leading_zeros()) + u32::from(steps > 15);
    let code = match exponent {
        0 => steps,
        _ => ((steps >> (exponent - 1)) - 16) + ((exponent as u16) << 4),
    };
    (code as u8 | if sample < 0 { 0 } else { 0x80 }) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_recommendation() {
        let mu = [
            (0x00, -32124),
            (0x0f, -16764),
            (0x70, -120),
            (0x7f, 0),
            (0x80, 32124),
            (0xff, 0),
            (0xfe, 8),
        ];
        let a = [
            (0x55, -8),
            (0xd5, 8),
            (0x2a, -32256),
            (0xaa, 32256),
            (0x80, 5504),
            (0x54, -24),
        ];
        for (code, value) in mu {
            assert_eq!(Law::Mu.decode(code), value, "mu {code:#x}");
        }
        for (code, value) in a {
            assert_eq!(Law::A.decode(code), value, "A {code:#x}");
        }
        assert_eq!(
            (Law::Mu.encode(0), Law::A.encode(0)),
            (MU_SILENCE, A_SILENCE)
        );
    }

    #[test]
    fn every_code_comes_back() {
        for law in [Law::Mu, Law::A] {
            for code in 0..=255 {
                let again = law.encode(law.decode(code));
                assert_eq!(law.decode(again), law.decode(code));
                assert!(
                    again == code || (law == Law::Mu && code == 0x7f),
                    "{law:?} {code:#x} -> {again:#x}"
                );
            }
        }
    }

    #[test]
    fn encoding_is_monotonic_and_close_over_all_samples() {
        for law in [Law::Mu, Law::A] {
            let mut previous = i16::MIN;
            for sample in i16::MIN..=i16::MAX {
                let value = law.decode(law.encode(sample));
                assert!(value >= previous, "{law:?} at {sample}");
                let bound = (i32::from(sample).abs() / 16).max(16)
                    + 520 * i32::from(sample.unsigned_abs() > 32_000);
                assert!(
                    (i32::from(value) - i32::from(sample)).abs() <= bound,
                    "{law:?} at {sample}: {value}"
                );
                previous = value;
            }
        }
    }
}
