"""The summary of an ingest, as a person reads it."""

from typing import TYPE_CHECKING

from aerialret.cli.telling import tell

if TYPE_CHECKING:
    from aerialret.ingestion.ingest import IngestReport

_SHOWN = 5


def tell_ingest(report: "IngestReport") -> None:
    """Tells tiles, features, ground cover and warnings."""
    skipped = (
        f"{report.tiles_outside} outside the imagery, {report.tiles_too_empty} with too little"
    )
    tell(
        f"{report.date}: {report.tiles_written} tiles from {report.orthophotos} orthophotos "
        f"({skipped})"
    )
    if report.layers:
        dropped = ", ".join(f"{n} {reason}" for reason, n in report.features_dropped.items())
        tell(
            f"  {report.features_drawn} of {report.features_read} features drawn"
            + (f"; dropped: {dropped}" if dropped else "")
        )
        shares = sorted(report.class_shares.items(), key=lambda item: -item[1])
        ground = ", ".join(f"{name} {share:.1%}" for name, share in shares if share >= 5e-4)
        tell(f"  ground: {ground or 'nothing'}; coverage: {report.coverage}")
    if report.unmapped_layers:
        tell(f"  layers without a class: {_listed(report.unmapped_layers)}")
    for warning in report.warnings:
        tell(f"  warning: {warning}")


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
