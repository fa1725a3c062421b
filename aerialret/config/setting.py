"""One key of a section: its default, its explanation and its legal values go in, a field out."""

from dataclasses import field
from typing import Any

from aerialret.errors import ConfigurationError


def setting(default: Any, doc: str, *, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass field with its default, its explanation and its legal values."""
    return field(default=default, metadata={"doc": doc, "choices": choices})


def check_choices(section: object) -> None:
    """Checks every field that has a closed set of values.

    Raises:
        ConfigurationError: A value is none of the legal ones.
    """
    for name, spec in section.__dataclass_fields__.items():  # type: ignore[attr-defined]
        choices = spec.metadata.get("choices", ())
        value = getattr(section, name)
        if choices and value not in choices:
            raise ConfigurationError(
                f"{name} is {value!r}, but must be one of {', '.join(choices)}"
            )


def check_range(name: str, value: float, *, low: float, high: float = float("inf")) -> None:
    """Checks that a number is finite and lies in [low, high].

    Raises:
        ConfigurationError: It does not.
    """
    if not low <= value <= high or value == float("inf"):
        limits = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
        raise ConfigurationError(f"{name} is {value:g}, but must be {limits}")
