"""Parts of a path: files go in, what belongs to one delivery and one date comes out together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aerialret.checking.delivery_names import DeliveryName, parse_delivery_name, year_in

_LISTED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Files of one delivery, or loose files of one year.

    Attributes:
        root: The path that was asked about.
        folder: Where it begins.
        delivery: What its folder's name says, if it is a delivery's.
        years: Years in the names of its files and folders, in order.
        files: Its files.
    """

    root: Path
    folder: Path
    delivery: DeliveryName | None
    years: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def date(self) -> str:
        """The date as `--date` takes it, or nothing."""
        if self.years:
            first, last = self.years[0], self.years[-1]
            return first if first == last else f"{first}..{last}"
        return self.delivery.year if self.delivery else ""


def split_parts(files: Sequence[Path], *, root: Path, by_year: bool) -> list[Part]:
    """The parts that `files` make, in the order of their dates.

    Args:
        files: Files at or below `root`.
        root: The path that was asked about.
        by_year: Whether loose files of different years are different parts.
    """
    groups: dict[tuple[str, str], list[Path]] = {}
    deliveries: dict[str, tuple[Path, DeliveryName]] = {}
    for path in files:
        found = _delivery_above(path)
        place = str(found[0]) if found else ""
        if found:
            deliveries[place] = found
        key = (place, "" if found or not by_year else _year(path, root=root))
        groups.setdefault(key, []).append(path)
    parts = [
        _part(group, root=root, found=deliveries.get(place)) for (place, _), group in groups.items()
    ]
    return sorted(parts, key=lambda part: (part.date, str(part.folder)))


def paths_to_name(
    wanted: Sequence[Path], *, root: Path, below: Callable[[Path], Iterable[Path]]
) -> tuple[str, ...] | None:
    """What an option must be given so that it takes `wanted` and nothing else; None: too much.

    Args:
        wanted: The files to take.
        root: The path that was asked about: a folder above them, or the file itself.
        below: All files that an option takes from a folder.
    """
    if len(wanted) == 1 and root.is_file():
        return (str(root),)
    parent = _common_parent(wanted)
    folders = [folder for folder in parent.parents if root in (folder, *folder.parents)]
    for folder in [*reversed(folders), parent]:
        if set(below(folder)) == set(wanted):
            return (str(folder),)
    years = {year_in(path.name) for path in wanted}
    suffixes = {path.suffix for path in wanted}
    pattern = f"*{min(years)}*{min(suffixes)}"
    if len(years) == len(suffixes) == 1 and set(parent.glob(pattern)) == set(wanted):
        return (str(parent / pattern),)
    return tuple(map(str, wanted)) if len(wanted) <= _LISTED else None


def _part(files: Sequence[Path], *, root: Path, found: tuple[Path, DeliveryName] | None) -> Part:
    years = {year for path in files if (year := year_in(path.name))}
    if not years and found is None:
        years = {year for path in files if (year := _year(path, root=root))}
    return Part(
        root=root,
        folder=found[0] if found and _is_below(found[0], root) else _common_parent(files),
        delivery=found[1] if found else None,
        years=tuple(sorted(years)),
        files=tuple(files),
    )


def _delivery_above(path: Path) -> tuple[Path, DeliveryName] | None:
    """The delivery that a file belongs to: the nearest folder above it with such a name."""
    for folder in (*path.parents, *path.absolute().parents):
        name = parse_delivery_name(folder.name)
        if name:
            return folder, name
    return None


def _is_below(folder: Path, root: Path) -> bool:
    return root == folder or root in folder.parents


def _year(path: Path, *, root: Path) -> str:
    """The year in a file's name, or in the nearest folder's, down from `root`."""
    if year := year_in(path.name):
        return year
    for folder in path.parents:
        if year := year_in(folder.name):
            return year
        if folder == root:
            return year_in(root.absolute().name)
    return ""


def _common_parent(files: Sequence[Path]) -> Path:
    parents = [path.parent.parts for path in files]
    shared = []
    for names in zip(*parents, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return Path(*shared)
