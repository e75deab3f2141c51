//! Sender reports as they were heard, by the host that sent them: what a stranger says of time moves no audio.

use std::collections::BTreeMap;
use std::net::IpAddr;

use siprecord_core::rtcp;
use siprecord_core::timeline::align::{SenderTime, Told};

/// Hosts that are told apart, and the reports kept of each: more than a day of them. Names of its sources.
const MAX_HOSTS: usize = 16;
const MAX_REPORTS: usize = 20_000;
const MAX_NAMES: usize = 1_000;

/// All that RTCP said on one stream.
#[derive(Debug, Default)]
pub struct Reports {
    by: BTreeMap<IpAddr, Told>,
}

impl Reports {
    /// Takes a compound packet in.
    pub fn take(&mut self, from: IpAddr, compound: &[u8], arrival_ns: i64) {
        if self.by.len() == MAX_HOSTS && !self.by.contains_key(&from) {
            return;
        }
        let told = self.by.entry(from).or_default();
        for part in rtcp::walk(compound).flatten() {
            match part {
                rtcp::Packet::SenderReport(said) if told.times.len() < MAX_REPORTS => {
                    told.times.push(SenderTime {
                        arrival_ns,
                        ssrc: said.ssrc,
                        ntp: said.ntp,
                        timestamp: said.timestamp,
                    });
                }
                rtcp::Packet::Description { ssrc, cname } if told.names.len() < MAX_NAMES => {
                    told.names.insert(ssrc, cname.to_vec());
                }
                _ => {}
            }
        }
    }

    /// What the hosts that are believed said, in the order in which it came.
    pub fn believed(self, is_own: impl Fn(IpAddr) -> bool) -> Told {
        let mut all = Told::default();
        for (_, told) in self.by.into_iter().filter(|(host, _)| is_own(*host)) {
            all.times.extend(told.times);
            all.names.extend(told.names);
        }
        all.times.sort_by_key(|time| time.arrival_ns);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ssrc: u8) -> Vec<u8> {
        let mut data = vec![0x80, 200, 0, 6, 0, 0, 0, ssrc];
        data.resize(28, 1);
        data.extend([
            0x81, 202, 0, 3, 0, 0, 0, ssrc, 1, 4, b'a', b'@', b'b', b'c', 0, 0,
        ]);
        data
    }

    #[test]
    fn what_strangers_report_is_left_aside_and_their_flood_is_bounded() {
        let host = |last: u16| IpAddr::from([192, 0, 2, last as u8]);
        let mut reports = Reports::default();
        reports.take(host(1), &report(7), 100);
        for number in 0..60_000 {
            reports.take(host(2 + number % 40), &report(7), i64::from(number));
        }
        reports.take(host(1), &report(8), 90);
        assert!(reports.by.len() <= MAX_HOSTS);
        let told = reports.believed(|from| from == host(1));
        let times: Vec<_> = told.times.iter().map(|time| time.arrival_ns).collect();
        assert_eq!((times, told.names.len()), (vec![90, 100], 2));
        assert_eq!(told.names[&7], b"a@bc");
    }
}
