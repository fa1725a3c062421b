"""What a check found: everything a person or a machine is told, before it becomes words."""

from dataclasses import dataclass
from typing import Any, Literal

from aerialret.checking.imagery import Imagery
from aerialret.checking.inventory import Inventory
from aerialret.checking.layers import Vectors

Severity = Literal["warning", "note"]
"""A warning makes the exit status 1: something is damaged, missing or will be skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence on what was found.

    Attributes:
        severity: Whether it stands in the way.
        text: The sentence.
        is_loud: Whether the result would be wrong without a sign of it.
    """

    severity: Severity
    text: str
    is_loud: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """What a web service says of itself.

    Attributes:
        entry: What was asked about.
        title: Its title.
        kind: As in `WMS 1.3.0`.
        facts: Layers, systems, formats and limits, in words.
        problem: Why it cannot be used; empty: it can.
        imagery: Whether it gives imagery; else vectors.
    """

    entry: str
    title: str = ""
    kind: str = ""
    facts: dict[str, Any] | None = None
    problem: str = ""
    imagery: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPath:
    """What lies at one path.

    Attributes:
        entry: The path as it was given.
        inventory: Its files; none for a service.
        imagery: Its imagery, by date.
        vectors: Its vectors, by delivery.
        service: The service, if it is one.
    """

    entry: str
    inventory: Inventory | None = None
    imagery: tuple[Imagery, ...] = ()
    vectors: tuple[Vectors, ...] = ()
    service: ServiceFacts | None = None

    @property
    def is_usable(self) -> bool:
        """Whether `ingest` could use anything of it."""
        rasters = any(part.usable for part in self.imagery)
        answers = self.service is not None and not self.service.problem
        return rasters or answers or any(part.is_usable for part in self.vectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A command that would ingest one date.

    Attributes:
        date: The date.
        source: Values of a `[sources.DATE]` section.
        grid: Values of the `[grid]` section.
        conditions: What to do before, or to know.
    """

    date: str
    source: dict[str, Any]
    grid: dict[str, Any]
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The outcome of a check.

    Attributes:
        paths: What lies at each path.
        findings: What stands in the way, and what is good to know.
        suggestions: Commands that would ingest it, by date.
        crs: The system that extents are compared in; empty: nothing has one.
        deep: Whether pixels were decoded.
    """

    paths: tuple[CheckedPath, ...]
    findings: tuple[Finding, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    crs: str = ""
    deep: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether anything at all can be used."""
        return any(path.is_usable for path in self.paths)

    @property
    def status(self) -> int:
        """Exit status: 0 all usable; 1 some of it; 2 nothing."""
        if not self.is_usable:
            return 2
        return int(any(finding.severity == "warning" for finding in self.findings))

    @property
    def imagery(self) -> tuple[Imagery, ...]:
        """All imagery."""
        return tuple(part for path in self.paths for part in path.imagery)

    @property
    def vectors(self) -> tuple[Vectors, ...]:
        """All vectors."""
        return tuple(part for path in self.paths for part in path.vectors)
