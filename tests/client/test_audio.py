from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from siprecord.client.audio import load_pcm
from siprecord.client.report import CallError
from tests.support import audio


def test_telephone_audio_stays_as_it_is(tmp_path: Path) -> None:
    samples = audio.voice(seed=1, seconds=0.3)
    path = audio.write_wav(tmp_path / "a.wav", samples)
    assert load_pcm(path) == samples.tobytes()


def test_two_channels_become_their_mean(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.array([[100, 300], [-5, -6], [32767, 32767]], np.int16), 8000)
    assert np.frombuffer(load_pcm(path), np.int16).tolist() == [200, -6, 32767]


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_other_rates_are_resampled(tmp_path: Path, rate: int) -> None:
    time = np.arange(rate) / rate
    tone = np.asarray(10000 * np.sin(2 * np.pi * 440 * time), np.int16)
    path = tmp_path / "a.wav"
    soundfile.write(path, tone, rate)
    samples = np.frombuffer(load_pcm(path), np.int16)
    assert abs(len(samples) - 8000) <= 1
    spectrum = np.abs(np.fft.rfft(samples[:8000] * np.hanning(len(samples[:8000]))))
    assert int(np.argmax(spectrum)) == 440


def test_files_that_hold_no_sound_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"can't read .*nothing\.wav: there is no such file"):
        load_pcm(tmp_path / "nothing.wav")
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(CallError, match=r"can't read .*text\.wav: "):
        load_pcm(tmp_path / "text.wav")
    empty = audio.write_wav(tmp_path / "empty.wav", audio.voice(seed=1, seconds=0))
    with pytest.raises(CallError, match="has no sound in it"):
        load_pcm(empty)
