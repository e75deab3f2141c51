//! What is fuzzed. A target takes any bytes and answers what came of them; a panic or a broken promise is a finding.

mod log;
mod media;
mod payload;
mod srtp;
mod time;

/// A short word for what became of an input; a new word makes the input a seed.
pub type Outcome = u64;

/// One thing that reads bytes from outside.
pub trait Target {
    /// Inputs that are well formed.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Reads one input. Panics where a promise is broken.
    fn read(&mut self, input: &[u8]) -> Outcome;

    /// Bytes of the longest input.
    fn longest(&self) -> usize {
        2_048
    }
}

type Make = fn() -> Box<dyn Target>;

/// All targets by name.
pub const TARGETS: [(&str, Make); 16] = [
    ("rtp", || Box::new(media::Rtp)),
    ("rtcp", || Box::new(media::Rtcp::default())),
    ("ip", || Box::new(media::Ip)),
    ("sip-tags", || Box::new(log::Tags)),
    ("pcapng", || Box::new(log::Blocks)),
    ("log", || Box::new(log::File::new())),
    ("srtp", || Box::new(srtp::Srtp::new())),
    ("timeline", || Box::new(time::Finished)),
    ("live", || Box::new(time::Live)),
    ("amr", || Box::new(payload::Amr)),
    ("opus", || Box::new(payload::of("opus"))),
    ("g729", || Box::new(payload::of("g729"))),
    ("g723", || Box::new(payload::of("g723"))),
    ("speex", || Box::new(payload::of("speex"))),
    ("frames", || Box::new(payload::of("frames"))),
    ("g722", || Box::new(payload::G722)),
];

/// An outcome out of a few numbers, of which only the size counts.
pub fn outcome(numbers: &[usize]) -> Outcome {
    numbers.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &number| {
        let size = u64::from(usize::BITS - number.leading_zeros());
        (sum ^ size).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// An RTP packet.
pub fn rtp_packet(sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80, 0];
    out.extend(sequence.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend([0, 0, 0, 9]);
    out.extend_from_slice(payload);
    out
}
