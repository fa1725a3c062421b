"""`query`: where are the places that these photos show?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aerialret.cli.telling import staged_progress, tell
from aerialret.config import QueryConfig, SourceConfig
from aerialret.workspace import open_workspace

if TYPE_CHECKING:
    from aerialret.querying.query import QueryResult

_QUERY, _SOURCE = QueryConfig(), SourceConfig()
_REJECTED = 1


def query(
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="Georeferenced tiles or plain pictures")
    ],
    index: Annotated[
        Path | None, typer.Option(help="Index folder [workspace: paths.index]")
    ] = None,
    top: Annotated[
        int | None, typer.Option(help=f"Results for each photo [default: {_QUERY.top}]", min=1)
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="Only tiles of this date or interval, as 1950..1975")
    ] = None,
    area: Annotated[
        str | None,
        typer.Option(help="Only tiles in LEFT,BOTTOM,RIGHT,TOP (index CRS) or a polygon file"),
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(help="Vector layers of the photo's date, as for ingest; repeatable"),
    ] = None,
    classes: Annotated[
        str, typer.Option(help="Class mapping: bdtopo, osm or a TOML file")
    ] = _SOURCE.classes,
    vector_crs: Annotated[
        str, typer.Option(help="CRS of vector layers that carry none")
    ] = _SOURCE.vector_crs,
    photo_crs: Annotated[
        str, typer.Option(help="CRS of photos with a position but no CRS")
    ] = _SOURCE.ortho_crs,
    rotations: Annotated[
        int | None,
        typer.Option(
            help="Turns of the photo to try, evenly over the circle [default: the model's recipe]",
            min=1,
            max=360,
        ),
    ] = None,
    output_format: Annotated[
        Literal["table", "json", "geojson", "csv"],
        typer.Option("--format", help="What goes to stdout"),
    ] = "table",
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Lay the photo on the best answers, by points that match"),
    ] = False,
    verify_top: Annotated[
        int | None,
        typer.Option(help=f"Answers that '--verify' tries [default: {_QUERY.verify_top}]", min=1),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Also write the results: .gpkg, .geojson or .parquet; with --verify a .tif or a "
            "folder for the georeferenced photo"
        ),
    ] = None,
    matches: Annotated[
        Path | None, typer.Option(help="With --verify, also draw the matches on the map: .png")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Also draw the photos and their answers: .png")
    ] = None,
) -> None:
    """Say where the places that the photos show are in the index's imagery.

    Example: aerialret query photo.tif --index index --top 5 --format geojson
    Example: aerialret query photo.jpg --verify --out photo_georeferenced.tif
    """
    workspace = open_workspace()
    result = answer(
        photos,
        workspace.path(index, "index", what="--index folder"),
        top=top or workspace.pipeline.query.top,
        date=date,
        area=area,
        vectors=tuple(vectors or ()),
        classes=classes,
        vector_crs=vector_crs,
        photo_crs=photo_crs,
        rotations=rotations or (workspace.pipeline.query.rotations if workspace.file else None),
        output_format=output_format,
        verify_top=(verify_top or workspace.pipeline.query.verify_top) if verify else 0,
        out=out,
        matches=matches,
        sheet=sheet,
    )
    if result.rejected:
        raise typer.Exit(_REJECTED)


def answer(
    photos: Sequence[Path],
    folder: Path,
    *,
    top: int = _QUERY.top,
    date: str | None = None,
    area: str | None = None,
    vectors: tuple[str, ...] = (),
    classes: str = _SOURCE.classes,
    vector_crs: str = _SOURCE.vector_crs,
    photo_crs: str = _SOURCE.ortho_crs,
    rotations: int | None = None,
    output_format: str = "table",
    verify_top: int = 0,
    out: Path | None = None,
    matches: Path | None = None,
    sheet: Path | None = None,
) -> "QueryResult":
    """Searches for the photos; prints, writes and draws the answers.

    With `verify_top` above 0, so many answers of each photo are verified.
    """
    from aerialret.cli.verifying import check_outputs, tell_located, verify_result, write_located
    from aerialret.querying.answer_files import write_results
    from aerialret.querying.answers import format_answers
    from aerialret.querying.contact_sheet import contact_sheet
    from aerialret.querying.georeferenced_files import wants_pictures
    from aerialret.querying.query import query as step
    from aerialret.querying.verify import require_pixels
    from aerialret.retrieval.index_store import load_index
    from aerialret.tiles.area import read_area
    from aerialret.tiles.dates import parse_interval

    check_outputs(out, matches, photos=len(photos), verify=verify_top > 0)
    opened = load_index(folder)
    if verify_top:
        require_pixels(opened)
    with staged_progress() as progress:
        result = step(
            photos,
            index=opened,
            top=max(top, verify_top),
            dates=parse_interval(date) if date else None,
            area=read_area(area, crs=opened.grid.crs) if area else None,
            vectors=vectors,
            classes=classes,
            vector_crs=vector_crs,
            photo_crs=photo_crs,
            rotations=rotations or opened.model.asking.rotations,
            progress=lambda done, total: progress("photos", done, total),
        )
        if verify_top:
            result = verify_result(
                result, opened, verify_top=verify_top, top=top,
                progress=lambda done, total: progress("verified", done, total),
            )  # fmt: skip
    typer.echo(format_answers(result.answers, output_format=output_format), nl=False)
    if verify_top:
        write_located(result.answers, opened, out=out, matches=matches)
        tell_located(result.answers, pictures=wants_pictures(out))
    if out and not wants_pictures(out):
        write_results(result.answers, out)
        tell(f"wrote {out}")
    if sheet:
        contact_sheet(result.answers, opened, sheet)
        tell(f"drew {sheet}")
    _tell_notes(result, output_format)
    return result


def _tell_notes(result: "QueryResult", output_format: str) -> None:
    """What a person must know: the notes where stdout does not show them, and the rejected."""
    from aerialret.querying.judgement import verdict_line

    if output_format != "table":
        for found in result.answers:
            for note in (verdict_line(found), *found.notes):
                if note:
                    tell(f"{found.query}: {note}")
    for rejected in result.rejected:
        tell(f"aerialret: {rejected.message}")
