"""What stands in the way at one path: its facts go in, sentences on what is wrong come out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from aerialret.checking.delivery_names import archive_part
from aerialret.checking.imagery import Imagery
from aerialret.checking.inventory import Inventory, SkippedFile
from aerialret.checking.layers import Vectors
from aerialret.checking.report import CheckedPath, Finding
from aerialret.config.sources import SourceConfig
from aerialret.tiles.grid import Bounds

_SHOWN = 5
_LEAST_OVERLAP = 0.01


def findings_of(path: CheckedPath, source: SourceConfig) -> list[Finding]:
    """Everything about one path that a person should know before ingesting it."""
    found: list[Finding] = []
    if path.inventory:
        found += _of_inventory(path.inventory)
    for imagery in path.imagery:
        found += _of_imagery(imagery)
    for vectors in path.vectors:
        found += _of_vectors(vectors, source)
    if path.service and path.service.problem:
        found.append(_warning(path.service.problem))
    return found


def listed(names: Sequence[str], *, shown: int = _SHOWN) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def sheet_name(box: Bounds) -> str:
    """A sheet by its north-western corner, in km as tile names write it where it is whole."""
    kilometres = (box.left / 1000, box.top / 1000)
    if all(abs(value - round(value)) < 1e-6 for value in kilometres):
        return "-".join(f"{round(value):04d}" for value in kilometres)
    return f"({box.left:.0f}, {box.top:.0f})"


def unpacking(archives: Sequence[Path]) -> list[str]:
    """The command that unpacks each archive; parts of one count once."""
    firsts = [path for path in archives if archive_part(path.name) <= 1]
    return [f"{_UNPACKERS.get(_packed_as(path), '7z x')} {path.name}" for path in firsts]


_UNPACKERS = {"zip": "unzip", "tar": "tar xf", "rar": "unrar x"}


def _packed_as(path: Path) -> str:
    name = path.name.lower()
    if ".tar" in name or name.endswith(("tgz", "tbz", "tbz2", "txz")):
        return "tar"
    return name.rpartition(".")[2]


def _of_inventory(inventory: Inventory) -> Iterator[Finding]:
    if inventory.archives:
        names = [path.name for path in inventory.archives]
        commands = "; ".join(unpacking(inventory.archives)[:_SHOWN])
        how = f"unpack first: {commands}" if commands else "its first part is missing"
        yield _warning(f"packed: {listed(names)}; {how}, then check the folder")
    reasons: dict[str, list[SkippedFile]] = {}
    for file in inventory.skipped:
        reasons.setdefault(file.reason, []).append(file)
    for reason, files in reasons.items():
        harmless = all(file.is_expected for file in files)
        text = f"{_counted(len(files), 'file')} will be skipped, {reason}: "
        text += listed([file.path.name for file in files])
        yield Finding(severity="note" if harmless else "warning", text=text)
    for folder in inventory.artefacts:
        yield Finding(
            severity="note",
            text=f"{folder} was written by aerialret: use 'aerialret info {folder}'",
        )


def _of_imagery(imagery: Imagery) -> Iterator[Finding]:
    of = f" of {imagery.part.date}" if imagery.part.date else ""
    for file in imagery.damaged[:_SHOWN]:
        yield _warning(f"{file.path.name} cannot be used: {file.damage}")
    if len(imagery.damaged) > _SHOWN:
        yield _warning(f"{len(imagery.damaged) - _SHOWN} more files{of} cannot be used")
    if imagery.without_crs:
        names = listed([file.path.name for file in imagery.without_crs])
        yield _warning(
            f"{_counted(len(imagery.without_crs), 'file')}{of} without coordinate system: {names}; "
            "say which it is with --ortho-crs"
        )
    if imagery.lattice and imagery.lattice.missing:
        names = listed([sheet_name(box) for box in imagery.lattice.missing])
        count = _counted(len(imagery.lattice.missing), "sheet")
        yield _warning(f"{count}{of} missing from the lattice, by north-western corner: {names}")
    for text, doubtful in _doubts(imagery).items():
        yield Finding(severity="note", text=f"{listed(doubtful, shown=3)}: {text}")
    if imagery.overlap > _LEAST_OVERLAP:
        yield Finding(
            severity="note",
            text=f"the files{of} overlap: {imagery.overlap:.0%} of the ground is covered again; "
            "the first file in the order of names lies on top",
        )
    for attribute, what in (("crs", "coordinate systems"), ("dtype", "pixel types")):
        values = imagery.counted(attribute)
        values.pop("", None)
        if len(values) > 1:
            yield Finding(severity="note", text=f"{what}{of}: {_tally(values)}")


def _doubts(imagery: Imagery) -> dict[str, list[str]]:
    """What contradicts the positions of files, with the files' names."""
    found: dict[str, list[str]] = {}
    for file in imagery.files:
        for text in file.doubts:
            found.setdefault(text, []).append(file.path.name)
    return found


def _of_vectors(vectors: Vectors, source: SourceConfig) -> Iterator[Finding]:
    where = vectors.part.folder.name
    for file in vectors.damaged:
        yield _warning(f"{file.path.name} cannot be used: {file.reason}")
    if vectors.is_mixed:
        seen = " and ".join(f"{name} ({layer})" for name, layer in vectors.editions.items())
        yield Finding(
            severity="warning",
            is_loud=True,
            text=f"{where} holds layers of two editions, {seen}, which would be drawn on each "
            "other; give each date one edition",
        )
    empty = [layer.name for layer in vectors.layers if layer.classes and not layer.features]
    if empty:
        yield Finding(severity="note", text=f"layers without features: {listed(empty)}")
    for layer in vectors.drawn:
        if layer.lacking_fields:
            yield Finding(
                severity="note", text=f"{layer.name} has no field {', '.join(layer.lacking_fields)}"
            )
    for text in vectors.text_warnings:
        yield Finding(severity="note", text=text)
    if not vectors.drawn and not vectors.guessed_class and vectors.layers:
        names = listed([layer.name for layer in vectors.layers])
        yield _warning(
            f"no layer of {where} has a class in the mapping {vectors.mapping!r}: {names}; give a "
            "mapping with --classes, or PATH=CLASS to --vectors"
        )


def _warning(text: str) -> Finding:
    return Finding(severity="warning", text=text)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _tally(values: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {value}" for value, count in values.items())
