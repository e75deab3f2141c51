//! ITU-T G.722 at 64 kbit/s: octets to 16 kHz samples, bit-exact with the Recommendation.
//!
//! One octet carries two samples: six bits of the lower band, two of the upper. Both bands are adaptive
//! differential codes with the same predictor; a quadrature mirror filter of 24 taps joins them. The names of the
//! steps are those of the Recommendation's section 6.

const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42: [u8; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const WH: [i32; 3] = [0, -214, 798];
const RH2: [u8; 4] = [2, 1, 2, 1];
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
const QM4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
const TAPS: usize = 24;

/// The state of one stream's decoder.
#[derive(Debug, Clone)]
pub struct Decoder {
    low: Band,
    high: Band,
    /// The mirror filter's memory, the latest pair last.
    history: [i32; TAPS],
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            low: Band::new(32),
            high: Band::new(8),
            history: [0; TAPS],
        }
    }
}

impl Decoder {
    /// Appends two samples for each octet.
    pub fn decode(&mut self, octets: &[u8], out: &mut Vec<i16>) {
        out.reserve(octets.len() * 2);
        for &octet in octets {
            out.extend(self.octet(octet));
        }
    }

    fn octet(&mut self, octet: u8) -> [i16; 2] {
        let (six, two) = (usize::from(octet & 0x3f), usize::from(octet >> 6));
        let low = limit(self.low.predicted + scaled(self.low.step, QM6[six]));
        let four = six >> 2;
        let difference = scaled(self.low.step, QM4[four]);
        self.low.adapt(WL[usize::from(RL42[four])], 18_432, 8);
        self.low.predict(difference);
        let difference = scaled(self.high.step, QM2[two]);
        let high = limit(self.high.predicted + difference);
        self.high.adapt(WH[usize::from(RH2[two])], 22_528, 10);
        self.high.predict(difference);
        self.join(low, high)
    }

    /// The receive quadrature mirror filter.
    fn join(&mut self, low: i32, high: i32) -> [i16; 2] {
        self.history.copy_within(2.., 0);
        self.history[TAPS - 2] = low + high;
        self.history[TAPS - 1] = low - high;
        let (mut first, mut second) = (0, 0);
        for (tap, pair) in self.history.chunks_exact(2).enumerate() {
            second += pair[0] * QMF[tap];
            first += pair[1] * QMF[11 - tap];
        }
        [saturate(first >> 11) as i16, saturate(second >> 11) as i16]
    }
}

/// One sub-band: the scale factor of its quantiser, and its predictor of two poles and six zeros.
#[derive(Debug, Clone)]
struct Band {
    predicted: i32,
    zeros_predicted: i32,
    /// The scale factor, linear and logarithmic.
    step: i32,
    log_step: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    reconstructed: [i32; 2],
    partial: [i32; 2],
    differences: [i32; 6],
}

impl Band {
    fn new(step: i32) -> Self {
        Self {
            predicted: 0,
            zeros_predicted: 0,
            step,
            log_step: 0,
            poles: [0; 2],
            zeros: [0; 6],
            reconstructed: [0; 2],
            partial: [0; 2],
            differences: [0; 6],
        }
    }

    /// LOGSCL and SCALEL, or their twins of the upper band.
    fn adapt(&mut self, weight: i32, most: i32, shift: i32) {
        self.log_step = (((self.log_step * 127) >> 7) + weight).clamp(0, most);
        let mantissa = ILB[((self.log_step >> 6) & 31) as usize];
        let down = shift - (self.log_step >> 11);
        let value = if down < 0 {
            mantissa << -down
        } else {
            mantissa >> down
        };
        self.step = value << 2;
    }

    /// Block 4: takes in the quantised difference and predicts the next sample.
    fn predict(&mut self, difference: i32) {
        let reconstructed = saturate(self.predicted + difference);
        let partial = saturate(self.zeros_predicted + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
        let doubled = |value: i32| saturate(value * 2);
        let poles: i32 = (0..2)
            .map(|at| (self.poles[at] * doubled(self.reconstructed[at])) >> 15)
            .sum();
        let zeros: i32 = (0..6)
            .map(|at| (self.zeros[at] * doubled(self.differences[at])) >> 15)
            .sum();
        self.zeros_predicted = saturate(zeros);
        self.predicted = saturate(saturate(poles) + self.zeros_predicted);
    }

    /// UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, partial: i32) {
        let same = |other: i32| (partial < 0) == (other < 0);
        let grown = saturate(self.poles[0] * 4);
        let cross = if same(self.partial[0]) {
            (-grown).min(32_767)
        } else {
            grown
        };
        let sign = if same(self.partial[1]) { 128 } else { -128 };
        let second =
            (sign + (cross >> 7) + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let sign = if same(self.partial[0]) { 192 } else { -192 };
        let most = saturate(15_360 - second);
        let first = saturate(sign + ((self.poles[0] * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let weight = if difference == 0 { 0 } else { 128 };
        for (zero, &before) in self.zeros.iter_mut().zip(&self.differences) {
            let same = (before < 0) == (difference < 0);
            let sign = if same { weight } else { -weight };
            *zero = saturate(sign + ((*zero * 32_640) >> 15));
        }
    }
}

fn scaled(step: i32, level: i32) -> i32 {
    (step * level) >> 15
}

fn limit(value: i32) -> i32 {
    value.clamp(-16_384, 16_383)
}

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_samples_for_each_octet_whatever_the_cut() {
        let octets: Vec<u8> = (0..4_000_u32).map(|n| ((n * n) >> 3) as u8).collect();
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        Decoder::default().decode(&octets, &mut whole);
        let mut decoder = Decoder::default();
        for part in octets.chunks(7) {
            decoder.decode(part, &mut parts);
        }
        assert_eq!(whole.len(), 8_000);
        assert_eq!(whole, parts);
    }

    #[test]
    fn no_octets_overflow_the_arithmetic() {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        for octet in 0..=255 {
            decoder.decode(&[octet; 500], &mut out);
            decoder.decode(&[octet, !octet].repeat(200), &mut out);
        }
        assert_eq!(out.len(), 256 * 900 * 2);
    }
}
