"""The text of a model card: a manifest and the card's facts go in, Markdown comes out."""

import json

from aerialret.config import ModelConfig
from aerialret.config.toml import parse_section
from aerialret.manifest import Manifest
from aerialret.network.importing.sources import TIMM
from aerialret.network.model_card.data import data_section
from aerialret.network.model_card.facts import FIGURES, CardFacts, ReportFigures
from aerialret.network.model_card.licence import licence_fields, licence_text
from aerialret.network.model_card.summary import summary
from aerialret.network.model_card.tables import facts_table, table
from aerialret.tiles.grid import Bounds, Grid

_TAGS = ("aerial-imagery", "image-retrieval", "place-recognition", "remote-sensing")
_SHORT = 12


def render_card(
    manifest: Manifest,
    *,
    facts: CardFacts,
    length: int,
    weights_sha256: str,
    extent: Bounds | None = None,
) -> str:
    """The card; the same arguments give the same bytes.

    Args:
        manifest: The model's.
        facts: What the manifest does not say.
        length: R, the numbers of a vector.
        weights_sha256: Hash of `model.safetensors`.
        extent: The rectangle of all places of the split, in the grid's CRS; None: no place.
    """
    config = parse_section(ModelConfig, manifest.configuration["model"], origin="model card")
    grid = Grid(**manifest.facts["grid"])
    sections = [
        _front_matter(manifest, facts, config),
        f"# aerialret model {manifest.content_hash[:_SHORT]}",
        summary(manifest, config, grid=grid, length=length),
        data_section(manifest, facts, grid=grid, extent=extent),
        _figures(manifest, facts),
        _loading(grid, length),
        _limits(manifest, grid),
        f"## Licence\n\n{licence_text(facts.licence)}",
        _files(manifest, weights_sha256),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(manifest: Manifest, facts: CardFacts, config: ModelConfig) -> str:
    """YAML; JSON's strings are YAML's as well."""
    source = str(manifest.facts.get("import", {}).get("source", ""))
    fields = {
        "library_name": "aerialret",
        "pipeline_tag": "image-feature-extraction",
        **licence_fields(facts.licence),
        **({"base_model": f"timm/{source.removeprefix(TIMM)}"} if source.startswith(TIMM) else {}),
    }
    tags = sorted({*_TAGS, config.backbone if config.method == "network" else config.method})
    lines = [f"{name}: {json.dumps(value)}" for name, value in fields.items()]
    return "\n".join(["---", *lines, "tags:", *(f"- {tag}" for tag in tags), "---"])


def _figures(manifest: Manifest, facts: CardFacts) -> str:
    training = manifest.facts.get("training", {})
    parts = []
    if training.get("best_map5") is not None:
        parts.append(
            f"Validation map@5 {training['best_map5']:.3f} at epoch {training['best_epoch']}, on "
            f"{training['val_places']:,} places, which also chose the epoch."
        )
    parts += [_report(report) for report in facts.reports]
    unmeasured = "Not measured yet: `aerialret model card MODEL --report REPORT` adds figures."
    return "\n\n".join(["## Figures", *(parts or [unmeasured])])


def _report(report: ReportFigures) -> str:
    """What was measured, and a row for each way to ask."""
    rows = [
        (row.name, f"{row.queries:,}", *(_figure(row.figures[name]) for name in FIGURES))
        for row in report.rows
    ]
    told = table(("protocol, seen", "queries", *FIGURES), rows)
    return (
        f"{report.queries} asked among {report.tiles:,} tiles of {report.gallery}: "
        f"{report.scope} places of tile set `{report.tile_set[:_SHORT]}`, report "
        f"`{report.report[:_SHORT]}`.\n\n{told}"
    )


def _figure(value: float | None) -> str:
    """Shares below 1 with three digits, ranks as they are."""
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 1 else f"{value:g}"


def _loading(grid: Grid, length: int) -> str:
    side = grid.tile_px
    return (
        "## Use\n\n```python\nimport aerialret\n"
        'model = aerialret.load_model("path/to/this/folder")\n'
        f"vectors = model.describe(images)  # uint8 [n, 3, {side}, {side}] -> "
        f"float32 [n, {length}]\n```\n\n"
        "`aerialret index TILESET --model FOLDER --out INDEX` makes tiles searchable, `aerialret "
        "query PHOTO --index INDEX` finds a photo's place."
    )


def _limits(manifest: Manifest, grid: Grid) -> str:
    limits = [
        f"For imagery from above at about {grid.resolution_m:.3g} m a pixel, north up, "
        f"{grid.tile_size_m:g} m a tile. Other resolutions and unknown orientations find less.",
        "Scores are similarities, not probabilities: they are not calibrated, and the best answer "
        "to a photo of a place that the index lacks looks like any other.",
        "Land, seasons and sensors unlike those it was trained on find less; measure on your own.",
    ]
    if not manifest.facts.get("training", {}).get("epochs"):
        limits.append("It was not trained on aerial imagery here: take it for a baseline.")
    return "## Intended use and limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _files(manifest: Manifest, weights_sha256: str) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(manifest.versions.items()))
    told = facts_table(
        [
            ("`model.safetensors`", f"the weights, SHA-256 `{weights_sha256}`"),
            ("`manifest.json`", "configuration, parents, versions"),
            ("Model", f"content hash `{manifest.content_hash}`"),
            ("Made with", versions),
        ]
    )
    return f"## Files\n\n{told}"
