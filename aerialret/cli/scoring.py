"""`score`: how good are the answers to photos whose place is known?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from aerialret.cli.telling import tell


def score(
    answers: Annotated[
        Path,
        typer.Argument(help="What query --format json, geojson or csv printed, or its --out .gpkg"),
    ],
    truth: Annotated[
        Path, typer.Option(help="CSV: photo, x, y of its centre, rotation_deg, metres_per_px")
    ],
    truth_crs: Annotated[
        str, typer.Option(help="CRS of x and y in the truth [default: the answers']")
    ] = "",
    asked_only: Annotated[
        bool,
        typer.Option("--asked-only", help="Leave out photos of the truth without any answer"),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for metrics.json and photos.csv")] = None,
) -> None:
    """Compare the answers to your own photos with where they were taken.

    Prints the figures as JSON. Example:

    aerialret query photos/*.png --index index --format csv > answers.csv
    aerialret score answers.csv --truth truth.csv --out score
    """
    import json

    from aerialret import atomic
    from aerialret.evaluation.scoring.answers_file import read_answers
    from aerialret.evaluation.scoring.score import score_answers
    from aerialret.evaluation.scoring.truth_file import read_truth

    found = score_answers(
        read_answers(answers), read_truth(truth), truth_crs=truth_crs, asked_only=asked_only
    )
    text = json.dumps(found.metrics, indent=2, ensure_ascii=False) + "\n"
    if out:
        out.mkdir(parents=True, exist_ok=True)
        atomic.write_text(out / "metrics.json", text)
        table = found.photos.to_csv(index=False, lineterminator="\n")
        atomic.write_text(out / "photos.csv", table)
    typer.echo(text, nl=False)
    for line in (*found.notes, *_lines(found.metrics)):
        tell(line)
    if out:
        tell(f"wrote {out / 'metrics.json'} and {out / 'photos.csv'}")


def _lines(metrics: dict[str, Any]) -> list[str]:
    from aerialret.evaluation.located_words import error_text, share

    ranked = ", ".join(
        f"{key} {share(metrics[key])}" for key in ("recall@1", "recall@5", "recall@10", "map@5")
        if metrics[key] is not None
    )  # fmt: skip
    lines = [f"{ranked}: {metrics['photos']} photos, the first {metrics['answers']} answers"]
    lines.append(
        f"of the {metrics['right']} right at first: centre off by "
        f"{error_text(metrics, 'centre_error_m')} m (median, 90 % within), corners by "
        f"{error_text(metrics, 'corner_error_m')} m"
    )
    believed = metrics.get("believed")
    if believed:
        lines.append(
            f"believed: {believed['photos']} photos, {share(believed['precision'])} of them right, "
            f"off by {error_text(believed, 'centre_error_m')} m"
        )
    calibration = metrics.get("calibration")
    if calibration:
        lines.append(
            f"probabilities: Brier score {share(calibration['brier_score'])}, calibration error "
            f"{share(calibration['calibration_error'])} over {calibration['photos']} photos"
        )
    return lines
