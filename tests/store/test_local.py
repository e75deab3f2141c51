from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from siprecord.errors import ConfigError
from siprecord.store import LocalStore, RecordingNotFound, spooled

DAY = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "data")
    store.prepare()
    return store


def record(store: LocalStore, recording_id: str, started: datetime = DAY, *, age: int = 0) -> Path:
    store.spool_path(recording_id).write_bytes(b"log of " + recording_id.encode())
    directory = store.finish(recording_id, started)
    os.utime(directory / "capture.pcapng", (1_000_000 - age, 1_000_000 - age))
    return directory


def test_finish_moves_the_log_to_its_day(store: LocalStore) -> None:
    directory = record(store, "a")
    assert directory == store.layout.recordings / "2026/05/04/a"
    assert (directory / "capture.pcapng").read_bytes() == b"log of a"
    assert not store.spool_path("a").exists()
    assert store.finish("a", DAY) == directory


def test_finish_never_replaces_another_log(store: LocalStore) -> None:
    first, second = record(store, "a"), record(store, "a")
    assert second.name == "a-2"
    assert (first / "capture.pcapng").exists()
    assert (second / "capture.pcapng").exists()


def test_finish_copies_across_file_systems(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.parent == store.layout.spool:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    directory = record(store, "a")
    assert [entry.name for entry in directory.iterdir()] == ["capture.pcapng"]
    assert (directory / "capture.pcapng").read_bytes() == b"log of a"
    assert not store.spool_path("a").exists()


def test_finish_of_a_log_that_is_not_there(store: LocalStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.finish("nothing", DAY)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    with pytest.raises(ConfigError, match=r"can't be used: .*data.*Permission denied"):
        LocalStore(tmp_path / "data").prepare()


def test_a_file_in_place_of_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "spool").write_text("")
    with pytest.raises(ConfigError, match=r"can't be used: .*/spool: File exists"):
        LocalStore(tmp_path / "data").prepare()


def test_list_gives_the_newest_first(store: LocalStore) -> None:
    record(store, "old", DAY - timedelta(days=40))
    record(store, "b", age=5)
    record(store, "a", age=9)
    record(store, "new", DAY + timedelta(days=300))
    assert [found.id for found in store.list()] == ["new", "b", "a", "old"]
    assert [found.id for found in store.list(limit=2)] == ["new", "b"]
    assert [found.id for found in store.list(since=DAY)] == ["new", "b", "a"]


def test_list_of_nothing(tmp_path: Path) -> None:
    assert LocalStore(tmp_path / "nowhere").list() == []
    assert LocalStore(tmp_path / "nowhere").leftovers().unrendered == ()
    assert spooled(tmp_path / "nowhere") == ([], [])


def test_find_takes_an_id_or_a_unique_beginning(store: LocalStore) -> None:
    for name in ("abc1", "abc2", "abc", "x/y"):
        record(store, name)
    assert store.find("abc").id == "abc"
    assert store.find("abc2").directory == store.layout.recordings / "2026/05/04/abc2"
    assert store.find("x/y").capture.read_bytes() == b"log of x/y"
    with pytest.raises(RecordingNotFound, match="3 recordings begin with 'ab': abc, abc1, abc2"):
        store.find("ab")
    for name in ("zzz", "", "../../spool", "2026"):
        with pytest.raises(RecordingNotFound, match="there is no recording"):
            store.find(name)


def test_leftovers_are_recordings_without_a_document(store: LocalStore) -> None:
    record(store, "done").joinpath("metadata.json").write_text("{}")
    missing = record(store, "missing")
    left = store.leftovers()
    assert [entry.directory for entry in left.unrendered] == [missing]


def test_what_is_only_called_like_a_log_is_told_apart(store: LocalStore) -> None:
    logs = [store.layout.spool / name for name in ("a.pcapng", "by hand (2).pcapng")]
    for log in logs:
        log.write_bytes(b"")
    others = [store.layout.spool / f"{name}.pcapng" for name in ("folder", "link", "pipe")]
    others[0].mkdir()
    others[1].symlink_to(logs[0])
    os.mkfifo(others[2])
    (store.layout.spool / "notes.txt").write_text("")
    assert spooled(store.layout.spool) == (logs, others)


def test_finish_takes_the_log_from_where_it_lies(store: LocalStore) -> None:
    log = store.layout.spool / "by hand (2).pcapng"
    log.write_bytes(b"log")
    directory = store.finish(log.stem, DAY, log)
    assert (directory / "capture.pcapng").read_bytes() == b"log"
    assert not log.exists()


def test_what_another_user_keeps_to_himself_hides_nothing_else(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directories are for owner and group alone; a test that runs as root can't be refused them."""
    theirs = record(store, "theirs").parent
    mine = record(store, "mine", DAY - timedelta(days=1)).parent
    scan = os.scandir

    def refuse(path: Path) -> object:
        if path == theirs:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    left = store.leftovers()
    assert [entry.directory.parent for entry in left.unrendered] == [mine]
    assert left.unreadable == (theirs,)
    assert [entry.id for entry in store.list()] == ["mine"]


def test_metadata_is_loaded_where_it_is_good(store: LocalStore) -> None:
    directory = record(store, "a")
    found = store.find("a")
    assert store.load_metadata(found) is None
    assert not found.rendered
    for content, expected in (
        ('{"outcome": "complete"}', {"outcome": "complete"}),
        ("{", None),
        ("[]", None),
    ):
        (directory / "metadata.json").write_text(content)
        assert store.load_metadata(found) == expected
    assert found.rendered


def test_free_space_is_known(store: LocalStore, tmp_path: Path) -> None:
    assert store.free_bytes() > 0
    with pytest.raises(ConfigError, match="can't be used"):
        LocalStore(tmp_path / "nowhere").free_bytes()
