"""What is said of locating: `located` of `metrics.json` goes in, lines for people come out."""

from typing import Any

from aerialret.evaluation.scores import MAP_KEY

_NOTHING = "–"


def located_lines(located: dict[str, Any]) -> list[str]:
    """How well photos are located, by the search alone and after verification."""
    if "verified" not in located:
        return []
    before, after, believed = (located[name] for name in ("search", "verified", "believed"))
    lines = [
        f"verified: recall@1 {share(before['recall@1'])} -> {share(after['recall@1'])}, recall@5 "
        f"{share(before['recall@5'])} -> {share(after['recall@5'])}, {MAP_KEY} "
        f"{share(before[MAP_KEY])} -> {share(after[MAP_KEY])}",
        f"of those right: centre off by {error_text(before, 'centre_error_m')} -> "
        f"{error_text(after, 'centre_error_m')} m (median, 90 % within), corners by "
        f"{error_text(before, 'corner_error_m')} -> {error_text(after, 'corner_error_m')} m",
        f"believed: {believed['photos']} of {after['queries']} photos, "
        f"{share(believed['precision'])} of them right, "
        f"{share(believed['near'])} near; right ones off by "
        f"{error_text(believed, 'centre_error_m')} m, corners by "
        f"{error_text(believed, 'corner_error_m')} m",
    ]
    files = located.get("files")
    if files:
        lines.append(
            f"GeoTIFFs: {files['photos']} written, read back the corners lie off by "
            f"{error_text(files, 'corner_error_m')} m (median, 90 % within)"
        )
    return lines


def share(value: float | None) -> str:
    """As in `0.812`, or a dash for nothing."""
    return _NOTHING if value is None else f"{value:.3f}"


def error_text(figures: dict[str, Any], name: str, *, factor: float = 1.0) -> str:
    """Median and 90th percentile of an error, as in `1.2 (3.4)`; a dash for nothing."""
    spread = figures[name]
    if spread["median"] is None:
        return _NOTHING
    return f"{factor * spread['median']:.2f} ({factor * spread['p90']:.2f})"
