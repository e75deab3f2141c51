from __future__ import annotations

import os
from pathlib import Path

import pytest

from siprecord.holder.place import LOCK_NAME, NAME, Place, PlaceError, TakenError, peer, take_lock


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    Place(tmp_path / "deep" / "data").close()
    about = (tmp_path / "deep" / "data" / NAME).stat()
    assert (about.st_uid, about.st_mode & 0o777) == (os.geteuid(), 0o700)


def test_a_place_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    Place(tmp_path).close()
    (tmp_path / NAME).chmod(0o710)
    with pytest.raises(PlaceError, match=r"mode 710, and must have user .* and 700: set it right"):
        Place(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_place_of_another_user_is_refused(tmp_path: Path) -> None:
    Place(tmp_path).close()
    os.chown(tmp_path / NAME, 4711, 4711)
    with pytest.raises(PlaceError, match="user 4711"):
        Place(tmp_path)


def test_a_link_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlaceError, match="can't be used"):
        Place(tmp_path)


def test_only_one_holder_gets_it(tmp_path: Path) -> None:
    first, second = Place(tmp_path), Place(tmp_path)
    lock = first.lock()
    with pytest.raises(TakenError, match=str(os.getpid())):
        second.lock()
    os.close(lock)
    os.close(second.lock())
    first.close()
    second.close()


def test_who_records_is_known_by_its_lock(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert place.recorder() is None
    lock = take_lock(tmp_path / LOCK_NAME)
    assert place.recorder() == str(os.getpid())
    os.close(lock)
    assert place.recorder() is None, "a file that is left says nothing"
    place.close()


def test_both_sides_know_each_other_also_by_a_long_path(tmp_path: Path) -> None:
    place = Place(tmp_path / ("x" * 200))
    assert place.connect() is None
    with place.listen() as listener:
        listener.setblocking(True)
        sock = place.connect()
        assert sock is not None
        with sock, listener.accept()[0] as other:
            assert peer(sock) == peer(other) == (os.getpid(), os.geteuid())
        assert (place.path / "socket").stat().st_mode & 0o777 == 0o600
    assert place.connect() is None, "what a dead recorder left is nobody"
    place.listen().close()
    place.clear()
    place.clear()
    assert not (place.path / "socket").exists()
    place.close()


def test_what_is_no_socket_of_ours_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / NAME / "socket").touch()
    with pytest.raises(PlaceError, match="no socket of ours"):
        place.connect()
    place.listen().close()
    if os.geteuid() == 0:
        os.chown(tmp_path / NAME / "socket", 4711, 4711)
        with pytest.raises(PlaceError, match=r"no socket of ours \(user 4711\): remove it"):
            place.connect()
    place.close()
