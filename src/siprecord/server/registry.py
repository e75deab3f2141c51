"""The running calls, found by any of their keys."""

from __future__ import annotations

from siprecord.recording.ports import CallMap
from siprecord.server.runner import CallRunner


class Registry:
    """Calls by recording id, dialog, unanswered INVITE and Call-ID. The first lives in the shared map."""

    def __init__(self, calls: CallMap[CallRunner]) -> None:
        self._calls = calls
        self._by_dialog: dict[str, CallRunner] = {}
        self._by_invite: dict[str, CallRunner] = {}
        self._by_call_id: dict[str, list[CallRunner]] = {}
        self._keys: dict[str, tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, runner: CallRunner, invite: str, call_id: str) -> None:
        """A new call, whose INVITE is about to be answered."""
        self._calls.store(runner.recording_id, runner)
        self._keys[runner.recording_id] = (invite, call_id)
        self._by_invite[invite] = runner
        self._by_call_id.setdefault(call_id, []).append(runner)

    def restore(self, runner: CallRunner) -> None:
        """A call of an earlier life, answered long ago."""
        self.add(runner, f"restored {runner.recording_id}", runner.call_id)
        self.answered(runner)

    def answered(self, runner: CallRunner) -> None:
        """The INVITE is answered: the call has a dialog now, if it was accepted."""
        invite, _ = self._keys[runner.recording_id]
        self._by_invite.pop(invite, None)
        if runner.dialog is not None:
            self._by_dialog[runner.dialog] = runner

    def remove(self, runner: CallRunner) -> None:
        """The call is over. Saying so twice is no error."""
        invite, call_id = self._keys.pop(runner.recording_id, ("", ""))
        self._by_invite.pop(invite, None)
        self._calls.delete(runner.recording_id)
        if runner.dialog is not None:
            self._by_dialog.pop(runner.dialog, None)
        same = self._by_call_id.get(call_id, [])
        if runner in same:
            same.remove(runner)
        if not same:
            self._by_call_id.pop(call_id, None)

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
