//! Datagrams as they come from the network.

use siprecord_core::rtcp::compose::{compound, ReportBlock, Reporter};
use siprecord_core::stats::Reception;
use siprecord_core::{ip, rtcp, rtp};

use super::{outcome, rtp_packet, Outcome, Target};

pub struct Rtp;

impl Target for Rtp {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let plain = rtp_packet(1, 160, &[0x55; 160]);
        let mut full = rtp_packet(2, 320, &[]);
        full[0] = 0x80 | 0x20 | 0x10 | 2;
        full.extend([1; 8]);
        full.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        full.extend([7; 20]);
        full.extend([0, 0, 0, 4]);
        vec![plain, full]
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        let Ok(packet) = rtp::Packet::parse(input) else {
            return outcome(&[0, input.len().min(16)]);
        };
        let extension = packet.extension.map_or(0, |found| found.data.len() + 4);
        assert!(12 + packet.csrc.len() + extension + packet.payload.len() <= input.len());
        let mut reception = Reception::default();
        reception.take(&packet, u64::from(packet.timestamp) << 20, 8_000);
        assert_eq!((reception.received(), reception.lost()), (1, 0));
        outcome(&[1, packet.csrc.len(), extension, packet.payload.len()])
    }
}

#[derive(Default)]
pub struct Rtcp {
    reception: Reception,
    seen: u64,
}

impl Target for Rtcp {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let mut report = vec![0x80, 200, 0, 6];
        for value in [9_u32, 0x83aa_7e80, 0x8000_0000, 160, 50, 8_000] {
            report.extend(value.to_be_bytes());
        }
        report.extend([
            0x81, 202, 0, 3, 0, 0, 0, 9, 1, 4, b'a', b'@', b'b', b'c', 0, 0,
        ]);
        report.extend([0x81, 203, 0, 1, 0, 0, 0, 9]);
        let mut ours = Vec::new();
        let from = Reporter {
            ssrc: 1,
            cname: "recorder@node",
        };
        let block = ReportBlock {
            ssrc: 9,
            fraction_lost: 3,
            lost: 4,
            highest: 70_000,
            jitter: 12,
            last_report: 5,
            delay: 6,
        };
        compound(&mut ours, &from, &[block; 33], true);
        vec![report, ours, vec![0x80, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]]
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        self.seen += 20_000_000;
        if let Ok(packet) = rtp::Packet::parse(input) {
            self.reception.take(&packet, self.seen, 8_000);
        }
        let (mut count, mut kinds) = (0, 0);
        for packet in rtcp::walk(input).flatten() {
            count += 1;
            kinds |= match packet {
                rtcp::Packet::SenderReport(_) => 1,
                rtcp::Packet::ReceiverReport { .. } => 2,
                rtcp::Packet::Description { cname, .. } => 4 + (cname.len().min(1) << 5),
                rtcp::Packet::Goodbye { .. } => 8,
                rtcp::Packet::Other { .. } => 16,
            };
            self.reception.take_report(&packet, self.seen);
        }
        assert!(count * 4 <= input.len());
        assert!(self.reception.report_blocks(self.seen).len() <= 31);
        outcome(&[usize::from(rtcp::looks_like_rtcp(input)), count, 1 << kinds])
    }
}

pub struct Ip;

impl Target for Ip {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let datagram = |address: &str| {
            let address = address.parse().expect("an address");
            let datagram = ip::Datagram {
                source: address,
                destination: address,
                payload: &[1, 2, 3],
                original: 3,
            };
            let mut headers = vec![0; datagram.headers_length()];
            datagram.put_headers(&mut headers);
            [headers.as_slice(), &[1, 2, 3]].concat()
        };
        vec![datagram("192.0.2.1:4000"), datagram("[2001:db8::1]:4000")]
    }

    fn read(&mut self, input: &[u8]) -> Outcome {
        match ip::parse(input) {
            Ok(found) => {
                assert!(found.payload.len() + 28 <= input.len());
                outcome(&[1, found.payload.len(), usize::from(found.source.is_ipv6())])
            }
            Err(_) => outcome(&[0, input.len().min(64)]),
        }
    }
}
