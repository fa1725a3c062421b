"""Strict reading: in goes a TOML file, out comes a `Pipeline`, or an error that names the key."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from aerialret.config.sections import Pipeline
from aerialret.errors import ConfigurationError, MissingInputError

Section = TypeVar("Section")


def read_pipeline(path: Path) -> Pipeline:
    """The pipeline in the TOML file `path`.

    Raises:
        MissingInputError: There is no such file.
        ConfigurationError: It is not TOML, or a key or value is not legal.
    """
    return parse_pipeline(read_document(path), origin=str(path))


def read_document(path: Path) -> dict[str, Any]:
    """The TOML document in the file `path`, as it stands there.

    Raises:
        MissingInputError: There is no such file.
        ConfigurationError: It is not TOML.
    """
    if not path.is_file():
        raise MissingInputError(f"{path} does not exist; write one with 'aerialret init'")
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error


def parse_pipeline(content: Mapping[str, Any], *, origin: str) -> Pipeline:
    """The pipeline that a parsed TOML document describes.

    Args:
        content: The document.
        origin: Where it came from, for messages.
    """
    return _section(Pipeline, content, where="", origin=origin)


def parse_section(cls: type[Section], content: Mapping[str, Any], *, origin: str) -> Section:
    """One section of a pipeline from its plain form, as a manifest stores it."""
    return _section(cls, content, where="", origin=origin)


def override(pipeline: Pipeline, assignments: list[str]) -> Pipeline:
    """`pipeline` with assignments as `train.epochs=20` applied; values are TOML, or bare words.

    Raises:
        ConfigurationError: An assignment names no key or has a value of the wrong type.
    """
    content = as_plain(pipeline)
    for assignment in assignments:
        dotted, separator, text = assignment.partition("=")
        *parents, key = dotted.strip().split(".")
        if not separator or not parents:
            raise ConfigurationError(
                f"{assignment!r} is no assignment; write section.key=value, as in train.epochs=20"
            )
        target = content
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise ConfigurationError(f"{assignment!r}: {parent} is no section")
        target[key] = _value(text.strip())
    return parse_pipeline(content, origin="--set")


def as_plain(section: Any) -> dict[str, Any]:
    """A dataclass section as plain dictionaries, lists, strings and numbers (JSON and TOML)."""
    plain = asdict(section)
    result: dict[str, Any] = _listed(plain)
    return result


def with_values(section: Section, **values: Any) -> Section:
    """`section` with every value that is not None replaced: how options override a file."""
    given = {key: value for key, value in values.items() if value is not None}
    return replace(section, **given)  # type: ignore[type-var]


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _section(cls: type[Section], content: Any, *, where: str, origin: str) -> Section:
    if not isinstance(content, Mapping):
        raise ConfigurationError(f"{origin}: {where or 'the document'} must be a table of keys")
    legal = [spec.name for spec in fields(cls)]  # type: ignore[arg-type]
    hints = get_type_hints(cls)
    values = {}
    for key, value in content.items():
        name = f"{where}.{key}" if where else key
        if key not in legal:
            raise ConfigurationError(_unknown(name, key, legal, origin))
        values[key] = _convert(hints[key], value, name=name, origin=origin)
    try:
        return cls(**values)
    except ConfigurationError as error:
        raise ConfigurationError(f"{origin}: {error}") from None


def _unknown(name: str, key: str, legal: list[str], origin: str) -> str:
    nearest = difflib.get_close_matches(key, legal, n=1, cutoff=0.4)
    known = f"did you mean {nearest[0]!r}?" if nearest else f"legal keys: {', '.join(legal)}"
    return f"{origin}: unknown key {name!r}; {known}"


def _convert(hint: Any, value: Any, *, name: str, origin: str) -> Any:
    if is_dataclass(hint):
        return _section(hint, value, where=name, origin=origin)  # type: ignore[arg-type]
    base = get_origin(hint)
    if base is not None and issubclass(base, Mapping):
        return _table(get_args(hint)[1], value, name=name, origin=origin)
    if base is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        inner = get_args(hint)[0]
        return tuple(_convert(inner, item, name=name, origin=origin) for item in items)
    return _scalar(hint, value, name=name, origin=origin)


def _table(inner: Any, value: Any, *, name: str, origin: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{origin}: {name} must be a table of keys")
    return {
        str(key): _convert(inner, item, name=f"{name}.{key}", origin=origin)
        for key, item in value.items()
    }


def _scalar(hint: type, value: Any, *, name: str, origin: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # dates: 2004 and "2004" mean the same
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigurationError(
            f"{origin}: {name} is {value!r}, but must be of type {hint.__name__}"
        )
    return value
