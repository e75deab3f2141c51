"""One-way and silent streams (Q71, Q74), in time that is an argument."""

from __future__ import annotations

from siprecord.recording.listening import Alarm, Heard, Patience, SoundWatch

PATIENCE = Patience(one_way_s=30, silent_s=120)


def heard(packet: float, sound: float = 0.0, *, audible: bool = True, paused: bool = False) -> Heard:
    return Heard(name="1", last_packet=packet, last_sound=sound, audible=audible, paused=paused)


def kinds(alarms: list[Alarm]) -> list[tuple[int, str, bool]]:
    return [(alarm.mline, alarm.kind, alarm.over) for alarm in alarms]


def test_Q71_a_stream_without_packets_while_the_other_sends_is_told_of_once_and_when_it_is_over() -> None:
    watch = SoundWatch(PATIENCE)
    told = {now: watch.check({0: heard(now, now), 1: heard(0)}, now) for now in range(1000, 1101, 5)}
    assert {now: kinds(alarms) for now, alarms in told.items() if alarms} == {1030: [(1, "one_way", False)]}
    assert told[1030][0].text == "no RTP has come for 30 s on stream 1, while others send"
    assert watch.alarms == {1: "one_way"}
    over = watch.check({0: heard(1105, 1105), 1: heard(1104, 1104)}, 1105)
    assert kinds(over) == [(1, "one_way", True)]
    assert watch.alarms == {}


def test_a_call_in_which_nobody_sends_is_not_one_way() -> None:
    watch = SoundWatch(PATIENCE)
    assert not any(watch.check({0: heard(1000), 1: heard(1000)}, now) for now in range(1000, 1500, 5))


def test_streams_that_end_one_after_the_other_are_not_one_way() -> None:
    """A client that died, or a hold that nobody signalled."""
    watch = SoundWatch(PATIENCE)
    told = [
        alarm for now in range(1000, 1500) for alarm in watch.check({0: heard(1000), 1: heard(1014)}, now)
    ]
    assert told == []


def test_the_end_of_an_alarm_says_why() -> None:
    sending, mute = heard(1200, 1200), heard(0)
    for end, text in (
        ({0: heard(1230), 1: heard(1229)}, "stream 1 is well again"),
        ({0: heard(1230), 1: heard(0, paused=True)}, "stream 1 is on hold or paused"),
        ({0: sending, 1: mute}, "stream 1 sends as little as all others now"),
        ({0: heard(1230)}, "stream 1 has ended"),
    ):
        watch = SoundWatch(PATIENCE)
        assert watch.check({0: heard(1170), 1: mute}, 1170) == []
        assert kinds(watch.check({0: sending, 1: mute}, 1200)) == [(1, "one_way", False)]
        assert [alarm.text for alarm in watch.check(end, 1230)] == [text]


def test_a_silent_stream_that_ends_altogether_is_not_said_to_be_well() -> None:
    watch = SoundWatch(PATIENCE)
    watch.check({0: heard(1000)}, 1000)
    assert kinds(watch.check({0: heard(1120)}, 1120)) == [(0, "silent", False)]
    (over,) = watch.check({0: heard(1120)}, 1131)
    assert (over.over, over.text) == (True, "stream 1 brings no RTP at all now")


def test_packets_without_sound_are_told_of_where_the_level_is_known() -> None:
    for audible, expected in ((True, [(1, "silent", False)]), (False, [])):
        watch = SoundWatch(PATIENCE)
        told = []
        for now in range(1000, 1200, 5):
            told += watch.check({0: heard(now, now), 1: heard(now, audible=audible)}, now)
        assert kinds(told) == expected


def test_a_change_to_a_codec_whose_level_is_unknown_and_back_is_no_silence() -> None:
    watch, told = SoundWatch(PATIENCE), []
    for now in range(1000, 1500):
        told += watch.check({0: heard(now, min(now, 1050), audible=now < 1100 or now >= 1400)}, now)
    assert told == []
    assert kinds(watch.check({0: heard(1520, 1050)}, 1520)) == [(0, "silent", False)]


def test_hold_and_pause_forgive_what_was_silent() -> None:
    watch = SoundWatch(PATIENCE)
    for now in range(1000, 1400, 5):
        assert watch.check({0: heard(now, now), 1: heard(0, paused=True)}, now) == []
    assert watch.check({0: heard(1410, 1410), 1: heard(0)}, 1410) == []
    assert kinds(watch.check({0: heard(1425, 1425), 1: heard(0)}, 1426)) == [(1, "one_way", False)]


def test_a_stream_that_joins_later_has_its_own_time_and_one_that_leaves_is_forgotten() -> None:
    watch = SoundWatch(PATIENCE)
    watch.check({0: heard(1000, 1000)}, 1000)
    assert watch.check({0: heard(5000, 5000), 1: heard(0)}, 5000) == []
    assert kinds(watch.check({0: heard(5031, 5031), 1: heard(0)}, 5031)) == [(1, "one_way", False)]
    assert kinds(watch.check({0: heard(5036, 5036)}, 5036)) == [(1, "one_way", True)]


def test_no_patience_is_no_alarm() -> None:
    watch = SoundWatch(Patience(one_way_s=0, silent_s=0))
    assert not any(watch.check({0: heard(now), 1: heard(0)}, now) for now in range(1000, 9000, 50))
