"""Values that may hold keys: their `repr` goes to logs and tracebacks, so it shows none of that."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Quiet(msgspec.Struct, frozen=True):
    """A struct whose `repr` says how much there is of octets, and of the fields named in `HIDDEN`."""

    HIDDEN: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        shown = (f"{name}={self._shown(name)}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        if value and (isinstance(value, bytes) or name in self.HIDDEN):
            return f"({len(value)} hidden)"
        return repr(value)
