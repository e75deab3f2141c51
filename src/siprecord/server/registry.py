"""The running calls, found by any of their keys."""

from __future__ import annotations

from collections import Counter

from siprecord.recording.identity import CallIdentity
from siprecord.recording.ports import CallMap
from siprecord.recording.story import Key
from siprecord.server.runner import CallRunner


class Registry:
    """Calls by recording id, dialog, unanswered INVITE and Call-ID. The first lives in the shared map."""

    def __init__(self, calls: CallMap[CallRunner]) -> None:
        self._calls = calls
        self._by_dialog: dict[str, CallRunner] = {}
        self._by_invite: dict[str, CallRunner] = {}
        self._by_call_id: dict[str, list[CallRunner]] = {}
        self._by_trunk: Counter[str] = Counter()
        self._by_id: dict[Key, CallRunner] = {}
        self._ids: dict[str, frozenset[Key]] = {}
        self._keys: dict[str, tuple[str, list[CallIdentity]]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, runner: CallRunner, invite: str, identity: CallIdentity) -> None:
        """A new call, whose INVITE is about to be answered."""
        self._calls.store(runner.recording_id, runner)
        self._keys[runner.recording_id] = (invite, [identity])
        self._by_invite[invite] = runner
        self._by_call_id.setdefault(identity.call_id, []).append(runner)
        self._by_trunk[identity.trunk] += 1

    def restore(self, runner: CallRunner) -> None:
        """A call of an earlier life, answered long ago."""
        identity = runner.session.identity
        assert identity is not None, "a call that was answered has an identity"
        self.add(runner, f"restored {runner.recording_id}", identity)
        self.answered(runner)

    def answered(self, runner: CallRunner) -> None:
        """The INVITE is answered: the call has a dialog now, if it was accepted."""
        invite, _ = self._keys[runner.recording_id]
        self._by_invite.pop(invite, None)
        if runner.dialog is not None:
            self._by_dialog[runner.dialog] = runner

    def relate(self, runner: CallRunner, keys: frozenset[Key]) -> None:
        """The call is known by these ids from now on; see `related`."""
        self._ids[runner.recording_id] = keys
        self._by_id.update(dict.fromkeys(keys, runner))

    def related(self, keys: frozenset[Key]) -> dict[str, tuple[CallRunner, frozenset[Key]]]:
        """By recording id, the latest call that is known by each of these ids, and all ids of that call.

        Only the latest: a client may give the same id to thousands of calls.
        """
        found = (self._by_id[key] for key in keys if key in self._by_id)
        return {runner.recording_id: (runner, self._ids[runner.recording_id]) for runner in found}

    def moved(self, runner: CallRunner, before: str) -> None:
        """The call has a new dialog instead of `before`; messages under both Call-IDs are its own."""
        identity = runner.session.identity
        assert identity is not None, "a call that was answered has an identity"
        self._by_dialog.pop(before, None)
        if runner.dialog is not None:
            self._by_dialog[runner.dialog] = runner
        self._keys[runner.recording_id][1].append(identity)
        self._by_call_id.setdefault(identity.call_id, []).append(runner)

    def remove(self, runner: CallRunner) -> None:
        """The call is over. Saying so twice is no error."""
        known = self._keys.pop(runner.recording_id, None)
        if known is None:
            return
        invite, identities = known
        self._by_invite.pop(invite, None)
        self._calls.delete(runner.recording_id)
        if runner.dialog is not None:
            self._by_dialog.pop(runner.dialog, None)
        for identity in identities:
            same = self._by_call_id[identity.call_id]
            same.remove(runner)
            if not same:
                del self._by_call_id[identity.call_id]
        self._by_trunk[identities[0].trunk] -= 1
        for key in self._ids.pop(runner.recording_id, ()):
            if self._by_id.get(key) is runner:
                del self._by_id[key]

    def count_of_trunk(self, trunk: str) -> int:
        """How many calls came in by that trunk."""
        return self._by_trunk[trunk]

    def get(self, recording_id: str) -> CallRunner | None:
        """The call of that recording."""
        return self._calls.load(recording_id)

    def of_dialog(self, dialog: str | None) -> CallRunner | None:
        """The call that owns the dialog."""
        return self._by_dialog.get(dialog) if dialog is not None else None

    def of_invite(self, transaction: str) -> CallRunner | None:
        """The call whose INVITE this is, while it is unanswered."""
        return self._by_invite.get(transaction)

    def of_call_id(self, call_id: str) -> CallRunner | None:
        """The call with that Call-ID; None when there are several, since it would be a guess."""
        same = self._by_call_id.get(call_id, ())
        return same[0] if len(same) == 1 else None

    def all(self) -> list[CallRunner]:
        """All calls, oldest first."""
        found: list[CallRunner] = []

        def keep(_: str, runner: CallRunner) -> bool:
            found.append(runner)
            return True

        self._calls.range(keep)
        return sorted(found, key=lambda runner: (runner.started, runner.recording_id))
