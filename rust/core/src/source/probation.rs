//! Probation over the death of a process: what it had heard while it followed nobody.

use super::claim::State;
use super::{Heard, Sources, Verdict};

impl Sources {
    /// Takes in what an earlier process heard while it followed nobody, as its log tells it, so that the next packet
    /// in order proves its sender. Who has proved himself there already is barred, since that process had a reason
    /// not to follow him: he was heard before anybody could know our port, or went on with the stream before.
    pub fn relive(&mut self, heard: &Heard) {
        if self.take(heard).verdict == Verdict::Followed {
            self.holder = None;
            self.claims[self.current].state = State::Barred;
        }
    }

    /// What was relived was not all that was heard, so nobody is barred for it.
    pub fn pardon(&mut self) {
        self.claims.retain(|claim| claim.state == State::Pending);
        self.current = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Event, Policy, Source};
    use super::*;

    fn heard(host: u8, sequence: u16) -> Heard {
        Heard {
            source: Source {
                address: ([192, 0, 2, host], 4_000).into(),
                ssrc: u32::from(host),
            },
            sequence,
            time_ns: 1_000 + u64::from(sequence),
        }
    }

    fn relived(all: &[Heard]) -> Sources {
        let mut sources = Sources::new(Policy::default());
        all.iter().for_each(|each| sources.relive(each));
        assert_eq!(sources.current(), None);
        sources
    }

    #[test]
    fn the_next_packet_in_order_proves_a_sender_from_its_first_on() {
        for strays in [&[][..], &[heard(9, 500)], &[heard(9, 500), heard(9, 501)]] {
            for lost in [0, 40, 90] {
                let mut sources = relived(&[strays, &[heard(1, 7)]].concat());
                let mut taken = sources.take(&heard(1, 8 + lost));
                if lost == 90 {
                    assert_eq!(taken.verdict, Verdict::Pending, "the proof begins anew");
                    taken = sources.take(&heard(1, 9 + lost));
                }
                let Some(Event::Followed { to, since_ns, .. }) = taken.event else {
                    panic!("{taken:?}");
                };
                assert_eq!((to, since_ns), (heard(1, 7).source, 1_007));
            }
        }
    }

    #[test]
    fn what_is_heard_twice_proves_nothing() {
        let mut sources = relived(&[heard(1, 7), heard(1, 7)]);
        assert_eq!(sources.take(&heard(1, 7)).verdict, Verdict::Pending);
        assert_eq!(sources.take(&heard(1, 8)).verdict, Verdict::Followed);
    }

    #[test]
    fn who_was_proved_and_not_followed_is_barred_if_all_was_heard() {
        let all = [heard(9, 1), heard(9, 2), heard(9, 3), heard(1, 7)];
        let mut sources = relived(&all);
        assert_eq!(sources.take(&heard(9, 4)).verdict, Verdict::Refused);
        assert_eq!(sources.take(&heard(1, 8)).verdict, Verdict::Followed);
        let mut sources = relived(&all[..3]);
        sources.pardon();
        assert_eq!(sources.take(&heard(9, 4)).verdict, Verdict::Pending);
        assert_eq!(sources.take(&heard(9, 5)).verdict, Verdict::Followed);
    }
}
