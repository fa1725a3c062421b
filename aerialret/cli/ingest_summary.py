"""The summary of an ingest, as a person reads it."""

from typing import TYPE_CHECKING

from aerialret.cli.telling import tell
from aerialret.training.rates import duration

if TYPE_CHECKING:
    from aerialret.ingestion.estimate import Estimate
    from aerialret.ingestion.ingest_report import ClassReport, IngestReport

_SHOWN = 5


def tell_ingest(report: "IngestReport") -> None:
    """Tells tiles, features by class, ground cover, warnings and what is missing."""
    skipped = (
        f"{report.tiles_outside} outside the imagery, {report.tiles_too_empty} with too little"
    )
    tell(
        f"{report.date}: {report.tiles_written} tiles from {report.orthophotos} orthophotos "
        f"({skipped})"
    )
    if report.blocks_kept:
        tell(
            f"  {_blocks(report.blocks_made)} made anew, {_blocks(report.blocks_kept)} kept, as "
            "nothing that they are made from has changed"
        )
    if report.layers:
        _tell_features(report)
    if report.unmapped_layers:
        tell(f"  layers without a class: {_listed(report.unmapped_layers)}")
    for warning in report.warnings:
        tell(f"  warning: {warning}")
    for gap in report.missing:
        tell(f"  missing: {gap}")
    if report.missing:
        tell(
            f"  {len(report.missing)} parts are missing: that ground has no tiles, or masks of "
            "'no coverage'; the same command asks for them again"
        )


def _blocks(count: int) -> str:
    return f"{count} {'block' if count == 1 else 'blocks'} of tiles"


def tell_estimate(date: str, foreseen: "Estimate") -> None:
    """Tells what an ingest would take."""
    tell(
        f"{date}: {foreseen.tiles} tiles in {foreseen.blocks} blocks from "
        f"{foreseen.source_pixels / 1e6:,.0f} million pixels, about "
        f"{_size(foreseen.bytes_on_disk)} on disk and {duration(max(1.0, foreseen.seconds))}; "
        "nothing was written"
    )


def _tell_features(report: "IngestReport") -> None:
    edition = f", edition {report.edition}" if report.edition else ""
    tell(
        f"  {report.features_drawn} of {report.features_read} features drawn{edition}; "
        f"coverage: {report.coverage}"
    )
    width = max((len(item.name) for item in report.classes), default=0)
    for item in report.classes:
        tell(f"  {item.name:<{width}}  {_class(item)}")


def _class(item: "ClassReport") -> str:
    dropped = ", ".join(f"{count} {reason}" for reason, count in item.dropped.items())
    return f"{item.drawn:>7} drawn  {item.ground_share:>6.2%} of the ground" + (
        f"  (dropped: {dropped})" if dropped else ""
    )


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _size(size_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.3g} TB"
