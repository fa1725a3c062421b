"""The report as a person reads it: what was found goes in, lines of text come out."""

import textwrap
from collections.abc import Iterator

from aerialret.checking.canvas import canvas_of
from aerialret.checking.delivery_names import archive_part, parse_delivery_name
from aerialret.checking.distances import spoken_distance, spoken_size
from aerialret.checking.findings import listed
from aerialret.checking.imagery import Imagery
from aerialret.checking.layers import CheckedLayer, Vectors
from aerialret.checking.report import CheckedPath, CheckReport, ServiceFacts
from aerialret.checking.suggestion import command, toml
from aerialret.checking.terminal_map import Glyphs, terminal_maps

_LAYERS_SHOWN = 24
_WIDE = 30
_COLUMNS = 100
_IN_FULL = 3  # parts of imagery that are told fact by fact


def report_lines(
    report: CheckReport, *, glyphs: Glyphs, as_toml: bool, vector_crs: str
) -> Iterator[str]:
    """The report, from what was recognised to the command that ingests it."""
    for path in report.paths:
        yield from _path(path)
    canvas = canvas_of(report, vector_crs=vector_crs)
    if canvas:
        yield ""
        yield from terminal_maps(canvas, glyphs=glyphs)
    yield from _findings(report)
    yield from _suggestions(report, as_toml=as_toml)
    yield ""
    yield verdict(report)


def verdict(report: CheckReport) -> str:
    """One line on whether it can be ingested."""
    warnings = sum(finding.severity == "warning" for finding in report.findings)
    if not report.is_usable:
        return f"nothing usable: {_reason(report)}"
    files = sum(len(part.usable) for part in report.imagery)
    layers = sum(len(part.drawn) for part in report.vectors if part.is_usable)
    services = sum(path.service is not None and path.is_usable for path in report.paths)
    counts = ((files, "orthophoto"), (layers, "vector layer"), (services, "service"))
    usable = ", ".join(f"{n:,} {what}{'' if n == 1 else 's'}" for n, what in counts if n)
    left = f"; {warnings} warning{'' if warnings == 1 else 's'} above" if warnings else ""
    return f"usable: {usable or 'with a class of your choice'}{left}"


def _reason(report: CheckReport) -> str:
    warnings = [finding.text for finding in report.findings]
    if warnings:
        more = f" (and {len(warnings) - 1} more)" if len(warnings) > 1 else ""
        return warnings[0] + more
    entries = ", ".join(path.entry for path in report.paths)
    return f"{entries} holds neither orthophotos nor vector layers; give another folder"


def _path(path: CheckedPath) -> Iterator[str]:
    yield path.entry
    if len(path.imagery) > _IN_FULL:
        yield f"  orthophotos of {len(path.imagery)} dates"
        yield from (_imagery_line(imagery) for imagery in path.imagery)
    else:
        for imagery in path.imagery:
            yield from _imagery(imagery)
    for vectors in path.vectors:
        yield from _vectors(vectors)
    if path.service:
        yield from _service(path.service)
    for archive in path.inventory.archives if path.inventory else ():
        name = parse_delivery_name(archive.name)
        if archive_part(archive.name) <= 1:
            yield f"  packed archive: {name.title if name else archive.name}"
    for folder in path.inventory.artefacts if path.inventory else ():
        yield f"  written by aerialret: {folder}"


def _imagery(imagery: Imagery) -> Iterator[str]:
    part = imagery.part
    title = part.delivery.title if part.delivery else f"orthophotos, {part.date or 'no date'}"
    yield f"  {title}"
    size = spoken_size(sum(file.size_bytes for file in imagery.files))
    years = f", years in names {', '.join(part.years)}" if part.years else ""
    formats = _tally(imagery.counted("format")) or "unreadable"
    yield _row("files", f"{len(imagery.files):,} ({formats}), {size}{years}")
    if not imagery.usable:
        return
    bands = _tally(imagery.counted("bands"), unit=" band(s)")
    dtypes = _tally(imagery.counted("dtype"))
    marked = _tally({key or "not declared": n for key, n in imagery.counted("no_image").items()})
    yield _row("pixels", f"{imagery.pixel_m:.4g} m; {bands}, {dtypes}; no image: {marked}")
    yield _row("CRS", f"{_crs(imagery)}")
    box = imagery.extent
    if box:
        sides = f"{spoken_distance(box.width)} x {spoken_distance(box.height)}"
        corner = f"west {box.left:,.0f}, south {box.bottom:,.0f}, east {box.right:,.0f}, north "
        yield _row(
            "extent", f"{sides}; {corner}{box.top:,.0f}".replace(",", " ").replace("  ", ", ")
        )
    if imagery.lattice:
        lattice = imagery.lattice
        pitch = " x ".join(spoken_distance(side) for side in lattice.pitch)
        unusable = f" ({len(imagery.unusable)} unusable)" if imagery.unusable else ""
        rim = f", {lattice.rim} cells beyond the outline" if lattice.rim else ""
        yield _row(
            "sheets",
            f"{lattice.cols} x {lattice.rows} cells of {pitch}: {lattice.present:,} there"
            f"{unusable}, {len(lattice.missing)} missing{rim}",
        )


def _imagery_line(imagery: Imagery) -> str:
    """One date of many."""
    size = spoken_size(sum(file.size_bytes for file in imagery.files))
    facts = [f"{len(imagery.files):,} files" if len(imagery.files) > 1 else "1 file", size]
    facts.append(_tally(imagery.counted("format")) or "unreadable")
    box = imagery.extent
    if box:
        facts += [f"{imagery.pixel_m:.4g} m", _tally(imagery.counted("bands"), unit=" band(s)")]
        facts += [_tally(imagery.counted("dtype")), imagery.crs]
        facts.append(f"{spoken_distance(box.width)} x {spoken_distance(box.height)}")
    title = imagery.part.delivery.title if imagery.part.delivery else ""
    return _row(imagery.part.date or "no date", ", ".join(([title] if title else []) + facts))


def _crs(imagery: Imagery) -> str:
    origins = imagery.counted("crs_origin")
    names = {key: n for key, n in imagery.counted("crs").items() if key}
    said = ", ".join(key for key in origins if key)
    return f"{_tally(names)} (from {said})"


def _vectors(vectors: Vectors) -> Iterator[str]:
    part = vectors.part
    title = part.delivery.title if part.delivery else f"vector layers in {part.folder.name or '.'}"
    yield f"  {title}"
    editions = " and ".join(vectors.editions)
    mapping = f"mapping {vectors.mapping}" + (f", edition {editions}" if editions else "")
    systems = sorted({layer.crs or "none" for layer in vectors.layers})
    encodings = f"; text {_tally(vectors.encodings)}" if vectors.encodings else ""
    yield _row(
        "layers", f"{len(vectors.layers)} in {len(part.files)} file(s); {mapping}{encodings}"
    )
    yield _row("CRS", listed(systems))
    for layer in sorted(vectors.drawn, key=lambda layer: layer.name.casefold())[:_LAYERS_SHOWN]:
        yield _layer(layer)
    if len(vectors.drawn) > _LAYERS_SHOWN:
        yield _row("", f"and {len(vectors.drawn) - _LAYERS_SHOWN} more layers with a class")
    coverage = [layer.name for layer in vectors.layers if layer.is_coverage]
    if coverage:
        yield _row("complete in", f"polygons of {listed(coverage)}")
    if vectors.unmapped:
        names = listed([layer.name for layer in vectors.unmapped])
        guess = f"; by their names: {vectors.guessed_class}" if vectors.guessed_class else ""
        yield _row("no class", f"{names}{guess}")
    if vectors.empty_classes:
        yield _row("empty", _empty(vectors))


def _layer(layer: CheckedLayer) -> str:
    count = f"{layer.features:,}"
    name = f"{layer.name:<{_WIDE - len(count)}} {count}"
    return f"    {name} -> {', '.join(layer.classes)}"


def _empty(vectors: Vectors) -> str:
    """Classes that no feature can get, with the layers that would give them."""
    texts = []
    for name in vectors.empty_classes:
        absent = vectors.absent_layers.get(name)
        texts.append(f"{name} (no {' or '.join(absent)})" if absent else name)
    return ", ".join(texts)


def _service(service: ServiceFacts) -> Iterator[str]:
    yield f"  {service.kind} {service.title}".rstrip()
    for name, value in (service.facts or {}).items():
        if value:
            yield _row(name, listed(value, shown=8) if isinstance(value, list) else str(value))


def _findings(report: CheckReport) -> Iterator[str]:
    if not report.findings:
        return
    yield ""
    for severity in ("warning", "note"):
        for finding in report.findings:
            if finding.severity == severity:
                mark = "WARNING" if finding.is_loud else finding.severity
                yield f"{mark}: {finding.text}"


def _suggestions(report: CheckReport, *, as_toml: bool) -> Iterator[str]:
    if not report.suggestions:
        return
    yield ""
    yield "to ingest it:" if not as_toml else "in aerialret.toml:"
    for condition in dict.fromkeys(text for one in report.suggestions for text in one.conditions):
        yield f"  # {condition}"
    if as_toml:
        yield from toml(report.suggestions).rstrip().splitlines()
    else:
        yield from (f"  {command(one)}" for one in report.suggestions)


def _row(name: str, text: str) -> str:
    """A fact, wrapped, with its name before it."""
    head = f"    {name + ' ' if name else '':<12}"
    return textwrap.fill(
        text, _COLUMNS, initial_indent=head, subsequent_indent=" " * len(head),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _tally(values: dict[str, int], *, unit: str = "") -> str:
    if len(values) == 1:
        return f"{next(iter(values))}{unit}"
    return ", ".join(f"{count:,} {value}{unit}" for value, count in values.items())
