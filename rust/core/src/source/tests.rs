use super::*;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// All tests play long after 1970.
const START: u64 = 1_000_000 * SECOND;

fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

/// A source for each letter, each with an address and an SSRC of its own.
fn source(letter: char) -> Source {
    Source {
        address: at(letter as u8, 4_000),
        ssrc: u32::from(letter),
    }
}

struct Play {
    sources: Sources,
    /// Judges the same packets by the short way where it can.
    short: Sources,
    selection: Selection,
    now: u64,
    events: Vec<Event>,
    sent: Vec<(Heard, u32, Verdict)>,
}

impl Play {
    fn new(policy: Policy) -> Self {
        Self {
            sources: Sources::new(policy),
            short: Sources::new(policy),
            selection: Selection::new(policy),
            now: START,
            events: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn packet(&mut self, source: Source, sequence: u16) -> Verdict {
        let heard = Heard {
            source,
            sequence,
            time_ns: self.now,
        };
        let claim = self.selection.take(&heard);
        if self.short.goes_on(&heard) {
            let taken = self.sources.take(&heard);
            assert_eq!((taken.verdict, taken.event), (Verdict::Followed, None));
            self.sent.push((heard, claim, taken.verdict));
            return taken.verdict;
        }
        let taken = self.sources.take(&heard);
        assert_eq!(self.short.take(&heard), taken);
        self.events.extend(taken.event);
        self.sent.push((heard, claim, taken.verdict));
        taken.verdict
    }

    /// Plays one packet each 20 ms from each of the sources at the same time.
    fn run(&mut self, sources: &[Source], sequences: std::ops::Range<u16>) {
        for sequence in sequences {
            self.now += 20 * MS;
            for source in sources {
                self.packet(*source, sequence);
            }
        }
    }

    fn wait(&mut self, time: u64) {
        self.now += time;
    }

    /// The sources followed, in the order of their events.
    fn followed(&self) -> Vec<Source> {
        let to = |event: &Event| match event {
            Event::Followed { to, .. } => Some(*to),
            Event::Refused { .. } => None,
        };
        self.events.iter().filter_map(to).collect()
    }

    /// Packets of a source that are the stream's own, of those it sent; both ways to tell must agree.
    fn kept(&self, source: Source) -> (usize, usize) {
        let ruling = Ruling::new(self.decisions());
        let mine = || {
            self.sent
                .iter()
                .filter(move |(heard, ..)| heard.source == source)
        };
        let selected = mine().filter(|(_, claim, _)| self.selection.is_followed(*claim));
        let admitted = mine().filter(|(heard, ..)| ruling.admits(source, heard.time_ns));
        let kept = selected.count();
        assert_eq!(kept, admitted.count(), "selection and ruling differ");
        (kept, mine().count())
    }

    fn decisions(&self) -> Vec<Decision> {
        let mut sources = Sources::new(self.sources.policy());
        let judge = |(heard, ..): &(Heard, u32, Verdict)| {
            let event = sources.take(heard).event?;
            Decision::of(&event, heard.time_ns)
        };
        self.sent.iter().filter_map(judge).collect()
    }
}

#[test]
fn a_source_is_followed_at_its_second_packet_and_from_its_first() {
    let mut play = Play::new(Policy::default());
    assert_eq!(play.packet(source('a'), 10), Verdict::Pending);
    assert_eq!(play.sources.current(), None);
    assert_eq!(play.packet(source('a'), 11), Verdict::Followed);
    assert_eq!(play.sources.current(), Some(source('a')));
    let event = Event::Followed {
        from: None,
        to: source('a'),
        since_ns: START,
        earlier: 1,
    };
    assert_eq!(play.events, [event]);
    assert_eq!(play.kept(source('a')), (2, 2));
}

#[test]
fn a_stray_first_packet_does_not_lock_the_stream() {
    let mut play = Play::new(Policy::default());
    play.packet(source('x'), 700);
    play.run(&[source('a')], 0..100);
    assert_eq!(play.followed(), [source('a')]);
    assert_eq!(
        (play.kept(source('x')), play.kept(source('a'))),
        ((0, 1), (100, 100))
    );
}

#[test]
fn stray_packets_without_order_never_lock_the_stream() {
    let mut play = Play::new(Policy::default());
    for sequence in [5, 5, 4_000, 3, 40_000, 40_000, 20_000] {
        assert_eq!(play.packet(source('x'), sequence), Verdict::Pending);
    }
    play.run(&[source('a')], 65_530..65_535);
    play.run(&[source('a')], 0..5);
    assert_eq!(play.kept(source('x')), (0, 7));
    assert_eq!(play.kept(source('a')), (10, 10));
}

#[test]
fn a_sender_that_can_not_count_is_followed_in_the_end() {
    let mut play = Play::new(Policy::default());
    for _ in 0..EARNEST {
        play.packet(source('a'), 0);
    }
    assert_eq!(play.kept(source('a')), (25, 25));
}

#[test]
fn a_change_of_ssrc_is_followed_and_told() {
    let mut play = Play::new(Policy::default());
    let renewed = Source {
        ssrc: 99,
        ..source('a')
    };
    play.run(&[source('a')], 0..50);
    play.run(&[renewed], 7_000..7_050);
    assert_eq!(play.followed(), [source('a'), renewed]);
    let Event::Followed { from, earlier, .. } = play.events[1] else {
        panic!()
    };
    assert_eq!((from, earlier), (Some(source('a')), 1));
    assert_eq!(
        (play.kept(source('a')), play.kept(renewed)),
        ((50, 50), (50, 50))
    );
}

#[test]
fn several_ssrcs_from_one_address_are_all_followed_and_told_once() {
    let mut play = Play::new(Policy::default());
    let voices: Vec<Source> = (0..4)
        .map(|ssrc| Source {
            ssrc,
            ..source('a')
        })
        .collect();
    play.run(&voices, 0..100);
    assert_eq!(play.events.len(), 4);
    assert!(voices.iter().all(|voice| play.kept(*voice) == (100, 100)));
}

#[test]
fn a_true_change_of_address_is_followed_from_its_first_packet() {
    let mut play = Play::new(Policy::default());
    play.run(&[source('a')], 0..50);
    play.run(&[source('b')], 900..1_000);
    assert_eq!(play.followed(), [source('a'), source('b')]);
    assert_eq!(
        (play.kept(source('a')), play.kept(source('b'))),
        ((50, 50), (100, 100))
    );
}

#[test]
fn late_packets_of_the_one_before_are_still_its_own() {
    let mut play = Play::new(Policy::default());
    play.run(&[source('a')], 0..50);
    play.run(&[source('b')], 0..10);
    assert_eq!(play.packet(source('a'), 50), Verdict::Followed);
    play.run(&[source('b')], 10..300);
    assert_eq!(play.packet(source('a'), 51), Verdict::Pending);
    assert_eq!(play.kept(source('a')), (51, 52));
    assert_eq!(play.kept(source('b')), (300, 300));
}

#[test]
fn a_changed_path_is_followed_at_once() {
    let mut play = Play::new(Policy::default());
    let moved = Source {
        address: at(9, 9_999),
        ..source('a')
    };
    play.run(&[source('a')], 65_500..65_530);
    play.run(&[moved], 65_531..65_535);
    assert_eq!(play.followed(), [source('a'), moved]);
    assert_eq!(play.sent[31].2, Verdict::Followed);
    assert_eq!(play.kept(moved), (4, 4));
}

#[test]
fn a_second_sender_beside_the_first_is_not_followed_and_told_once() {
    let mut play = Play::new(Policy::default());
    play.run(&[source('a')], 0..20);
    play.run(&[source('a'), source('x')], 20..500);
    assert_eq!(play.followed(), [source('a')]);
    assert_eq!(
        play.events[1..],
        [Event::Refused {
            source: source('x')
        }]
    );
    assert_eq!(
        (play.kept(source('a')), play.kept(source('x'))),
        ((500, 500), (0, 480))
    );
}

#[test]
fn the_same_ssrc_from_a_second_address_is_not_followed() {
    let mut play = Play::new(Policy::default());
    let forged = Source {
        address: at(66, 6_666),
        ..source('a')
    };
    play.run(&[source('a')], 0..20);
    for sequence in 20..200 {
        play.run(&[source('a')], sequence..sequence + 1);
        play.packet(forged, 30_000 + sequence);
    }
    assert_eq!(
        (play.kept(source('a')), play.kept(forged)),
        ((200, 200), (0, 180))
    );
}

#[test]
fn a_second_sender_does_not_speak_in_a_pause_of_the_first() {
    let mut play = Play::new(Policy::default());
    play.run(&[source('a'), source('x')], 0..50);
    play.run(&[source('x')], 50..500);
    play.run(&[source('a'), source('x')], 500..550);
    assert_eq!(play.kept(source('x')), (0, 550));
    assert_eq!(play.kept(source('a')), (100, 100));
}

#[test]
fn a_second_sender_is_followed_when_the_first_is_gone_for_good_and_leaves_when_it_returns() {
    let mut play = Play::new(Policy::default());
    play.run(&[source('a'), source('x')], 0..50);
    play.run(&[source('x')], 50..700);
    assert_eq!(play.followed(), [source('a'), source('x')]);
    play.run(&[source('a'), source('x')], 700..1_000);
    assert_eq!(play.followed(), [source('a'), source('x'), source('a')]);
    assert_eq!(play.sources.current(), Some(source('a')));
    assert_eq!(play.sent.last().unwrap().2, Verdict::Refused);
}

#[test]
fn the_signalled_address_wins_at_once() {
    let policy = Policy {
        expected: Some(source('a').address),
        known_from_ns: 0,
    };
    let mut play = Play::new(policy);
    play.run(&[source('x')], 0..50);
    play.run(&[source('x'), source('a')], 50..300);
    assert_eq!(play.followed(), [source('x'), source('a')]);
    assert_eq!(play.kept(source('a')), (250, 250));
    let same_host = Source {
        address: at(b'a', 5_000),
        ssrc: 5,
    };
    play.run(&[source('a'), same_host], 300..400);
    assert_eq!(play.kept(same_host), (0, 100));
}

#[test]
fn beside_the_signalled_address_nobody_speaks_in_its_pauses() {
    let policy = Policy {
        expected: Some(source('a').address),
        known_from_ns: 0,
    };
    let mut play = Play::new(policy);
    play.run(&[source('a'), source('x')], 0..50);
    play.run(&[source('x')], 50..5_000);
    assert_eq!(play.kept(source('x')), (0, 5_000));
}

#[test]
fn what_was_heard_before_our_port_was_known_is_never_followed() {
    let policy = Policy {
        expected: None,
        known_from_ns: START + SECOND,
    };
    let mut play = Play::new(policy);
    play.run(&[source('x')], 0..49);
    play.wait(20 * MS);
    play.run(&[source('x'), source('a')], 100..400);
    assert_eq!(play.followed(), [source('a')]);
    assert_eq!(
        play.events[0],
        Event::Refused {
            source: source('x')
        }
    );
    assert_eq!(
        (play.kept(source('x')), play.kept(source('a'))),
        ((0, 349), (300, 300))
    );
}

#[test]
fn a_new_address_from_the_signalling_is_followed_at_once() {
    let mut play = Play::new(Policy::default());
    play.run(&[source('a')], 0..50);
    let policy = Policy {
        expected: Some(source('b').address),
        known_from_ns: 0,
    };
    play.sources.set_policy(policy);
    play.short.set_policy(policy);
    play.run(&[source('a'), source('b')], 50..60);
    assert_eq!(play.followed(), [source('a'), source('b')]);
}

#[test]
fn a_flood_of_sources_neither_grows_memory_nor_unseats_the_current_one() {
    let mut play = Play::new(Policy::default());
    play.run(&[source('a')], 0..10);
    let mut random = 7_u64;
    for step in 10..2_000_u16 {
        play.run(&[source('a')], step..step + 1);
        for _ in 0..5 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let stranger = Source {
                address: at((random >> 40) as u8, (random >> 20) as u16),
                ssrc: (random >> 32) as u32,
            };
            play.packet(stranger, (random >> 10) as u16);
        }
    }
    assert_eq!(play.followed(), [source('a')]);
    assert!(play.sources.claims.len() <= MAX_CLAIMS);
    assert_eq!(play.kept(source('a')), (2_000, 2_000));
    let pending = play
        .sources
        .claims
        .iter()
        .filter(|claim| claim.state == State::Pending);
    assert_eq!(play.sources.pending, pending.count());
}

#[test]
fn any_order_of_packets_and_times_is_survived() {
    let mut random = 11_u64;
    let mut play = Play::new(Policy {
        expected: Some(at(1, 1)),
        known_from_ns: START,
    });
    for _ in 0..20_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let heard = Source {
            address: at((random >> 61) as u8, (random >> 59) as u16 & 3),
            ssrc: (random >> 50) as u32 & 3,
        };
        play.now = START.wrapping_add((random >> 20) % SECOND);
        play.packet(heard, (random >> 40) as u16 & 63);
        assert!(play.sources.former.len() <= MAX_FORMER);
    }
}

#[test]
fn after_a_restart_the_one_before_goes_on_and_a_stray_that_is_heard_first_does_not_take_over() {
    let mut sources = Sources::new(Policy::default());
    sources.resume(source('a'), START);
    let heard = |who: char, sequence: u16| Heard {
        source: source(who),
        sequence,
        time_ns: START + u64::from(sequence) * 20 * MS,
    };
    for sequence in 1..10 {
        assert_eq!(
            sources.take(&heard('x', sequence)).verdict,
            Verdict::Pending
        );
    }
    assert_eq!(sources.take(&heard('a', 10)).verdict, Verdict::Followed);
    assert_eq!(sources.current(), Some(source('a')));
}

#[test]
fn rtp_14_who_goes_on_with_the_call_before_is_never_followed() {
    let mut before = Play::new(Policy::default());
    before.run(&[source('a')], 65_500..65_535);
    let traces = before.sources.traces();
    assert_eq!((traces.len(), traces[0].highest), (1, 65_534));
    let next = |expected, sequence: u16| {
        let mut sources = Sources::new(Policy {
            expected,
            known_from_ns: 0,
        });
        sources.beware_of(traces.clone());
        let heard = |sequence: u16| Heard {
            source: source('a'),
            sequence,
            time_ns: before.now + 31 * SECOND,
        };
        sources.take(&heard(sequence));
        sources.take(&heard(sequence.wrapping_add(1))).verdict
    };
    assert_eq!(next(None, 1_540), Verdict::Refused);
    assert_eq!(next(Some(source('a').address), 1_540), Verdict::Followed);
    // The same source with numbers of its own is a new stream.
    assert_eq!(next(None, 30_000), Verdict::Followed);
    assert_eq!(next(None, 65_500), Verdict::Followed);
}
