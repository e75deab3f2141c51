//! What a stream's statistics tell its senders: report blocks (RFC 3550 appendix A.3).

use super::{Reception, Source};
use crate::rtcp::compose::ReportBlock;
use crate::rtcp::{Packet, SenderReport};

/// A source that is silent for this long is not reported on: five intervals (RFC 3550 section 6.3.5).
const SILENT_NS: u64 = 25_000_000_000;

/// What the block needs besides the counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reported {
    expected: u64,
    received: u64,
    /// The middle of the last sender report's time, and when it came.
    sender_report: Option<(u32, u64)>,
    gone: bool,
}

impl Reception {
    /// Notes what a packet of a compound tells of the sources; `arrival_ns` as for media packets.
    pub fn take_report(&mut self, packet: &Packet<'_>, arrival_ns: u64) {
        match packet {
            Packet::SenderReport(SenderReport { ssrc, ntp, .. }) => {
                if let Some(source) = self.source_mut(*ssrc) {
                    source.reported.sender_report = Some(((ntp >> 16) as u32, arrival_ns));
                }
            }
            Packet::Goodbye { sources } => {
                for ssrc in sources.chunks_exact(4) {
                    let ssrc = u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]]);
                    if let Some(source) = self.source_mut(ssrc) {
                        source.reported.gone = true;
                    }
                }
            }
            _ => {}
        }
    }

    fn source_mut(&mut self, ssrc: u32) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.ssrc == ssrc)
    }

    /// One block for each source heard lately. What was lost is counted from the block before.
    pub fn report_blocks(&mut self, now_ns: u64) -> Vec<ReportBlock> {
        let heard = |source: &&mut Source| {
            !source.reported.gone && now_ns.saturating_sub(source.last_heard) < SILENT_NS
        };
        self.sources
            .iter_mut()
            .filter(heard)
            .map(|source| source.block(now_ns))
            .collect()
    }
}

impl Source {
    /// A source that said goodbye and goes on all the same is back.
    pub(super) fn is_back(&mut self) {
        self.reported.gone = false;
    }

    fn block(&mut self, now_ns: u64) -> ReportBlock {
        let (expected, received) = (self.expected(), self.received);
        let before = self.reported;
        let expected_since = expected.saturating_sub(before.expected);
        let lost_since = expected_since.saturating_sub(received.saturating_sub(before.received));
        self.reported.expected = expected;
        self.reported.received = received;
        let (last_report, delay) = before.sender_report.map_or((0, 0), |(middle, came)| {
            let delay = u128::from(now_ns.saturating_sub(came)) * 65_536 / 1_000_000_000;
            (middle, delay.min(u128::from(u32::MAX)) as u32)
        });
        let fraction = (lost_since << 8).checked_div(expected_since).unwrap_or(0);
        let lost = i64::try_from(expected).unwrap_or(i64::MAX) - received as i64;
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: lost.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            highest: (self.cycles as u32).wrapping_add(u32::from(self.highest)),
            jitter: self.jitter >> 4,
            last_report,
            delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::tests::{feed, FRAME};

    fn sender_report(ssrc: u32, ntp: u64) -> Packet<'static> {
        Packet::SenderReport(SenderReport {
            ssrc,
            ntp,
            timestamp: 0,
            packets: 0,
            octets: 0,
        })
    }

    #[test]
    fn rtcp_04_losses_are_counted_from_report_to_report() {
        let mut reception = Reception::default();
        feed(
            &mut reception,
            1,
            (65_500..65_600).filter(|number| number % 4 != 0),
        );
        let block = reception.report_blocks(65_600 * FRAME)[0];
        assert_eq!((block.ssrc, block.lost, block.highest), (1, 24, 65_599));
        assert_eq!(block.fraction_lost, (24 * 256 / 99) as u8);
        feed(&mut reception, 1, 65_600..65_700);
        let block = reception.report_blocks(65_700 * FRAME)[0];
        assert_eq!(
            (block.lost, block.fraction_lost, block.highest),
            (24, 0, 65_699)
        );
        feed(&mut reception, 1, [65_699, 65_699]);
        let block = reception.report_blocks(65_700 * FRAME)[0];
        assert_eq!((block.lost, block.fraction_lost), (22, 0));
    }

    #[test]
    fn rtcp_04_the_last_sender_report_and_the_time_since() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, 0..10);
        reception.take_report(&sender_report(1, 0x1111_2222_3333_4444), 10 * FRAME);
        reception.take_report(&sender_report(9, 1), 10 * FRAME);
        let block = reception.report_blocks(10 * FRAME + 500_000_000)[0];
        assert_eq!((block.last_report, block.delay), (0x2222_3333, 32_768));
    }

    #[test]
    fn rtcp_09_silent_and_leaving_sources_are_left_out() {
        let mut reception = Reception::default();
        feed(&mut reception, 1, 0..10);
        feed(&mut reception, 2, 1_000..1_010);
        let ssrcs = |reception: &mut Reception, now: u64| -> Vec<u32> {
            let blocks = reception.report_blocks(now);
            blocks.iter().map(|block| block.ssrc).collect()
        };
        assert_eq!(ssrcs(&mut reception, 1_010 * FRAME), [1, 2]);
        assert_eq!(ssrcs(&mut reception, 1_300 * FRAME), [2]);
        let sources = &[0, 0, 0, 2][..];
        reception.take_report(&Packet::Goodbye { sources }, 1_300 * FRAME);
        assert!(ssrcs(&mut reception, 1_300 * FRAME).is_empty());
        feed(&mut reception, 2, 1_310..1_311);
        assert_eq!(ssrcs(&mut reception, 1_311 * FRAME), [2]);
    }
}
