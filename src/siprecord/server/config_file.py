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
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from siprecord.errors import ConfigError
from siprecord.server.config import Config
from siprecord.server.section import Section

ENV_PREFIX = "SIPRECORD_"
RESERVED_ENV = frozenset({"SIPRECORD_CONFIG"})
"""Variables of the command itself, which are no settings. `SIPRECORD_INTERNAL_...` is ours too."""
INTERNAL_PREFIX = "SIPRECORD_INTERNAL_"
MASK = "********"

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
            _merge(merged, origins, _nested(key, _listed(key, value)), name)
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
        item = _section(info.annotation)
        if isinstance(default, Section):
            tables += _table(name, default)
        elif item is not None:
            tables += _list_of_tables(name, item, info)
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


def _listed(key: Key, value: str) -> Any:
    """A list stands in a variable as JSON; any other value as it is."""
    model: type[BaseModel] = Config
    for name in key[:-1]:
        below = _section(model.model_fields[name].annotation) if name in model.model_fields else None
        if below is None:
            return value
        model = below
    info = model.model_fields.get(key[-1])
    if info is None or get_origin(info.annotation) is not tuple:
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _nested(key: Key, value: Any) -> dict[str, Any]:
    return {key[0]: _nested(key[1:], value) if key[1:] else value}


def _merge(
    into: dict[str, Any], origins: dict[Key, str], new: Mapping[str, Any], origin: str, at: Key = ()
) -> None:
    for name, value in new.items():
        key = (*at, name)
        if isinstance(value, Mapping):
            below = into.get(name)
            if below is not None and not isinstance(below, dict) and _is_section(key):
                continue  # what stands there is wrong, and has to be told
            origins.setdefault(key, origin)
            into[name] = below if isinstance(below, dict) else {}
            _merge(into[name], origins, value, origin, key)
        else:
            into[name] = value
            origins[key] = origin


def _is_section(key: Key) -> bool:
    kind = Config.model_fields[key[0]].annotation if len(key) == 1 and key[0] in Config.model_fields else None
    return isinstance(kind, type) and issubclass(kind, Section)


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
    if detail["type"] == "tuple_type" and isinstance(detail["input"], Mapping):
        return f"{place}: {dotted} is a list of tables, each written [[{dotted}]]"
    message = detail["msg"].removeprefix("Value error, ")
    if isinstance(detail["input"], Mapping | BaseModel):
        return f"{place}: {dotted}: {message}"
    return f"{place}: {dotted} is {_given(key, detail['input'])}: {message}"


def _variable(key: Key) -> str:
    return ENV_PREFIX + "__".join(key).upper()


def _given(key: Key, value: object) -> str:
    """What was given, unless it is a secret."""
    if key[-1:] and (key[-1] == "token" or "password" in key[-1] or "secret" in key[-1]):
        return "(hidden)"
    if key[:1] == ("trunks",) and (len(key) < 3 or "users" in key):
        return "(hidden)"
    return repr(value)[:80]


def _nearest(key: Key) -> str:
    """The known key most like an unknown one: of the same section first, then of all."""
    key = tuple(part for part in key if not part.isdigit())
    known = {".".join(k): k[-1] for k in _known_keys()}
    dotted = ".".join(key)
    same = [name for name in known if name.rpartition(".")[0] == ".".join(key[:-1])]
    found = difflib.get_close_matches(dotted, same, 1, 0.6) or difflib.get_close_matches(
        dotted, known, 1, 0.6
    )
    found = found or [name for name, last in known.items() if last == key[-1]][:1]
    return f"; did you mean {found[0]}?" if found else ""


def _known_keys(model: type[Section] = Config, above: Key = ()) -> Iterator[Key]:
    for name, info in model.model_fields.items():
        yield (*above, name)
        below = _section(info.annotation)
        if below is not None:
            yield from _known_keys(below, (*above, name))


def _section(annotation: Any) -> type[Section] | None:
    """The section a setting is, or is a list of."""
    if get_origin(annotation) is tuple:
        annotation = get_args(annotation)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


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
    return MASK if isinstance(value, SecretStr) else _toml(value)


def _table(name: str, section: Section) -> list[str]:
    lines = [f"[{name}]", f"# {(type(section).__doc__ or '').strip()}", ""]
    for below, info in type(section).model_fields.items():
        lines += _entry(below, getattr(section, below), info)
    return lines


def _list_of_tables(name: str, section: type[Section], info: FieldInfo) -> list[str]:
    """All of it indented in comments: a table that is not wanted must not be there."""
    summary = (section.__doc__ or "").strip().splitlines()
    lines = [f"# {info.description}", "#", *(f"# {line.strip()}".rstrip() for line in summary)]
    lines += ["#", f"# [[{name}]]"]
    for below, field_info in section.model_fields.items():
        default = field_info.get_default(call_default_factory=True)
        example = field_info.examples[0] if field_info.examples else default
        shown = "(not set)" if example is None else _toml(example)
        lines += [f"#     # {field_info.description}", f"#     {below} = {shown}"]
    return [*lines, ""]


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
    if isinstance(value, SecretStr):
        value = MASK
    if isinstance(value, dict):
        inner = ", ".join(f"{_toml(name)} = {_toml(each)}" for name, each in value.items())
        return "{ " + inner + " }" if inner else "{}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
