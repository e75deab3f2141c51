//! When a stream's own RTCP leaves, where it goes, and under which name. It also keeps the path open.

use crate::ports::Port;
use siprecord_core::rtcp::compose::interval;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What all reporters of an engine share.
#[derive(Clone, Debug)]
pub struct ReportPlan {
    /// Mean time between two reports; none are sent when it is zero.
    pub interval: Duration,
    /// Canonical name (RFC 7022).
    pub cname: Arc<str>,
}

/// Where a report goes and from which of our sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
    pub from: Port,
}

pub struct Reporter {
    plan: ReportPlan,
    pub ssrc: u32,
    random: u64,
    due_ns: u64,
    /// What the signalling says.
    given: Option<Target>,
    /// Whence the last report came, and to which of our sockets.
    heard: Option<Target>,
    /// Somebody else uses our SSRC.
    collided: bool,
    pub sent: u64,
}

impl Reporter {
    /// `now` is a steady clock; `seed` any random number.
    pub fn new(plan: ReportPlan, now: u64, seed: u64) -> Self {
        let mut reporter = Self {
            plan,
            ssrc: 0,
            random: seed | 1,
            due_ns: u64::MAX,
            given: None,
            heard: None,
            collided: false,
            sent: 0,
        };
        reporter.ssrc = reporter.draw();
        reporter.schedule(now, true);
        reporter
    }

    /// No secret: it spreads reports over time and tells sources apart.
    fn draw(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) as u32
    }

    /// Sets the time of the next report and answers it.
    pub fn schedule(&mut self, now: u64, first: bool) -> u64 {
        let base = u64::try_from(self.plan.interval.as_nanos()).unwrap_or(u64::MAX);
        let random = self.draw();
        self.due_ns = match base {
            0 => u64::MAX,
            base => now.saturating_add(interval(base, first, random)),
        };
        self.due_ns
    }

    pub fn due_ns(&self) -> u64 {
        self.due_ns
    }

    pub fn cname(&self) -> Arc<str> {
        self.plan.cname.clone()
    }

    pub fn set_target(&mut self, target: Option<Target>) {
        self.given = target;
    }

    pub fn note_report(&mut self, address: SocketAddr, port: Port) {
        self.heard = Some(Target {
            address,
            from: port,
        });
    }

    pub fn note_source(&mut self, ssrc: u32) {
        self.collided |= ssrc == self.ssrc;
    }

    /// After a collision: the SSRC that we leave (RFC 3550 section 8.2).
    pub fn leave_collision(&mut self) -> Option<u32> {
        let left = self.collided.then_some(self.ssrc);
        if left.is_some() {
            self.collided = false;
            self.ssrc = self.draw();
        }
        left
    }

    /// What the signalling says; else whence reports come, if media come from there too; else beside the media.
    pub fn target(&self, media: Option<SocketAddr>) -> Option<Target> {
        let reports = self
            .heard
            .filter(|heard| media.is_some_and(|media| media.ip() == heard.address.ip()));
        let beside = || {
            let media = media?;
            let port = media.port().checked_add(1)?;
            Some(Target {
                address: SocketAddr::new(media.ip(), port),
                from: Port::Rtcp,
            })
        };
        self.given.or(reports).or_else(beside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn reporter(interval: u64) -> Reporter {
        let plan = ReportPlan {
            interval: Duration::from_secs(interval),
            cname: "x".into(),
        };
        Reporter::new(plan, 0, 42)
    }

    fn at(text: &str, from: Port) -> Target {
        Target {
            address: text.parse().unwrap(),
            from,
        }
    }

    #[test]
    fn rtcp_02_reports_are_spread_and_the_first_comes_sooner() {
        let mut reporter = reporter(5);
        let due: Vec<u64> = (0..700_000)
            .map(|step| step * SECOND / 100)
            .filter(|now| {
                let due = *now >= reporter.due_ns();
                due && reporter.schedule(*now, false) > *now
            })
            .collect();
        assert!((1_026_000_000..3_090_000_000).contains(&due[0]));
        let gaps: Vec<u64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps
            .iter()
            .all(|gap| (2_040_000_000..6_180_000_000).contains(gap)));
        let mean = gaps.iter().sum::<u64>() / gaps.len() as u64;
        assert!((3_900_000_000..4_300_000_000).contains(&mean), "{mean}");
    }

    #[test]
    fn no_reports_when_they_are_off() {
        assert_eq!(reporter(0).due_ns(), u64::MAX);
        assert_eq!(reporter(0).schedule(7, false), u64::MAX);
    }

    #[test]
    fn the_target_is_given_or_heard_or_beside_the_media() {
        let mut reporter = reporter(5);
        let media: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        assert_eq!(reporter.target(None), None);
        assert_eq!(
            reporter.target(Some(media)),
            Some(at("192.0.2.1:4001", Port::Rtcp))
        );
        reporter.note_report("192.0.2.9:7000".parse().unwrap(), Port::Rtp);
        assert_eq!(reporter.target(None), None);
        assert_eq!(
            reporter.target(Some(media)),
            Some(at("192.0.2.1:4001", Port::Rtcp))
        );
        reporter.note_report(media, Port::Rtp);
        assert_eq!(
            reporter.target(Some(media)),
            Some(at("192.0.2.1:4000", Port::Rtp))
        );
        reporter.set_target(Some(at("192.0.2.5:5", Port::Rtcp)));
        assert_eq!(reporter.target(None), Some(at("192.0.2.5:5", Port::Rtcp)));
        let last: SocketAddr = "192.0.2.7:65535".parse().unwrap();
        reporter.set_target(None);
        assert_eq!(reporter.target(Some(last)), None);
    }

    #[test]
    fn rtp_09_a_collision_leaves_the_ssrc() {
        let mut reporter = reporter(5);
        let ours = reporter.ssrc;
        reporter.note_source(ours ^ 1);
        assert_eq!(reporter.leave_collision(), None);
        reporter.note_source(ours);
        assert_eq!(reporter.leave_collision(), Some(ours));
        assert_ne!(reporter.ssrc, ours);
        assert_eq!(reporter.leave_collision(), None);
    }
}
