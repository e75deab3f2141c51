"""A configuration from its TOML file and the environment.

The environment wins over the file, the file over the defaults. The merge is our own, because it has to know
where each value came from: an error names the place, and `config show` tells it.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from siprecord.errors import ConfigError
from siprecord.server.config import Config, Section

ENV_PREFIX = "SIPRECORD_"
RESERVED_ENV = frozenset({"SIPRECORD_CONFIG"})
"""Variables of the command itself, which are no settings. `SIPRECORD_INTERNAL_...` is ours too."""
INTERNAL_PREFIX = "SIPRECORD_INTERNAL_"

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One value as it stands; its origin is `default`, the file or the environment variable."""

    key: str
    value: str
    origin: str
    description: str


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration together with the origin of its values."""

    config: Config
    origins: Mapping[Key, str] = field(default_factory=dict)

    def describe(self) -> list[Setting]:
        """Every setting in order; secrets are masked."""
        return [
            Setting(".".join(key), _shown(value), self.origins.get(key, "default"), info.description or "")
            for key, value, info in _settings(self.config)
        ]


def load_config(path: Path | str | None, environ: Mapping[str, str]) -> Config:
    """The file's settings, if any, under those of `environ`; raises ConfigError with one line per fault."""
    return load_with_origins(path, environ).config


def load_with_origins(path: Path | str | None, environ: Mapping[str, str]) -> LoadedConfig:
    """Like `load_config`, but keeps where each value came from."""
    merged: dict[str, Any] = {}
    origins: dict[Key, str] = {}
    if path is not None:
        _merge(merged, origins, _read_toml(Path(path)), str(path))
    for name, value in sorted(environ.items()):
        if name.startswith(ENV_PREFIX) and name not in RESERVED_ENV and not name.startswith(INTERNAL_PREFIX):
            key = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
            _merge(merged, origins, _nested(key, _split(key, value)), name)
    try:
        return LoadedConfig(Config.model_validate(merged), origins)
    except ValidationError as error:
        lines = [_fault(detail, origins) for detail in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from None


def example_toml() -> str:
    """A documented file that holds every setting, commented out, with its default."""
    lines = ["# Settings of siprecord. Each shows its default; uncomment to change.", ""]
    tables: list[str] = []
    for name, info in Config.model_fields.items():
        default = info.get_default(call_default_factory=True)
        if isinstance(default, Section):
            tables += _table(name, default)
        else:
            lines += _entry(name, default, info)
    return "\n".join(lines + tables).rstrip() + "\n"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None


def _split(key: Key, value: str) -> Any:
    """A list stands in a variable with commas between its items, one of tables as JSON."""
    model: type[BaseModel] = Config
    for name in key[:-1]:
        below = model.model_fields[name].annotation if name in model.model_fields else None
        if not (isinstance(below, type) and issubclass(below, Section)):
            return value
        model = below
    info = model.model_fields.get(key[-1])
    if info is None or get_origin(info.annotation) is not tuple:
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return [item.strip() for item in value.split(",") if item.strip()]


def _nested(key: Key, value: Any) -> dict[str, Any]:
    return {key[0]: _nested(key[1:], value) if key[1:] else value}


def _merge(
    into: dict[str, Any], origins: dict[Key, str], new: Mapping[str, Any], origin: str, at: Key = ()
) -> None:
    for name, value in new.items():
        key = (*at, name)
        if isinstance(value, Mapping):
            origins.setdefault(key, origin)
            below = into.get(name)
            into[name] = below if isinstance(below, dict) else {}
            _merge(into[name], origins, value, origin, key)
        else:
            into[name] = value
            origins[key] = origin


def _fault(detail: ErrorDetails, origins: Mapping[Key, str]) -> str:
    """One fault as a sentence: place, key, what is wrong, what would be right."""
    key = tuple(str(part) for part in detail["loc"])
    dotted = ".".join(key) or "configuration"
    above = next((origins[key[:n]] for n in range(len(key), 0, -1) if key[:n] in origins), None)
    origin = next((place for k, place in origins.items() if k[: len(key)] == key), above or "settings")
    place = origin if origin != _variable(key) else "environment"
    if detail["type"] == "extra_forbidden":
        return f"{place}: unknown key {dotted}{_nearest(key)}"
    if detail["type"] == "model_type":
        return f"{place}: {dotted} is a section, such as [{dotted}], not a single value"
    message = detail["msg"].removeprefix("Value error, ")
    if isinstance(detail["input"], Mapping | BaseModel):
        return f"{place}: {dotted}: {message}"
    return f"{place}: {dotted} is {_given(key, detail['input'])}: {message}"


def _variable(key: Key) -> str:
    return ENV_PREFIX + "__".join(key).upper()


def _given(key: Key, value: object) -> str:
    """What was given, unless it is a secret."""
    if key[-1:] and ("password" in key[-1] or "secret" in key[-1]):
        return "(hidden)"
    return repr(value)[:80]


def _nearest(key: Key) -> str:
    """The known key most like an unknown one: of the same section first, then of all."""
    known = {".".join(k): k[-1] for k in _known_keys()}
    dotted = ".".join(key)
    same = [name for name in known if name.rpartition(".")[0] == ".".join(key[:-1])]
    found = difflib.get_close_matches(dotted, same, 1, 0.6) or difflib.get_close_matches(
        dotted, known, 1, 0.6
    )
    found = found or [name for name, last in known.items() if last == key[-1]][:1]
    return f"; did you mean {found[0]}?" if found else ""


def _known_keys() -> Iterator[Key]:
    for name, info in Config.model_fields.items():
        yield (name,)
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield from ((name, below) for below in info.annotation.model_fields)


def _settings(config: Config) -> Iterator[tuple[Key, Any, FieldInfo]]:
    for name, info in Config.model_fields.items():
        value = getattr(config, name)
        if isinstance(value, Section):
            for below, below_info in type(value).model_fields.items():
                yield (name, below), getattr(value, below), below_info
        else:
            yield (name,), value, info


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return "********" if isinstance(value, SecretStr) else _toml(value)


def _table(name: str, section: Section) -> list[str]:
    lines = [f"[{name}]", f"# {(type(section).__doc__ or '').strip()}", ""]
    for below, info in type(section).model_fields.items():
        lines += _entry(below, getattr(section, below), info)
    return lines


def _entry(name: str, default: Any, info: FieldInfo) -> list[str]:
    value = f"# {name} = {_toml(default)}" if default is not None else f"# {name} = (not set)"
    return [f"# {info.description}", value, ""]


def _toml(value: Any) -> str:
    """A scalar in TOML's spelling; JSON's strings and numbers are TOML's too."""
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, Section):
        given = ((name, getattr(value, name)) for name in sorted(value.model_fields_set))
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in given) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
