"""An index of windows finds photos that lie across tiles, and names each place once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from PIL import Image

from aerialret import atomic
from aerialret.cli.entry import main
from aerialret.config import (
    IndexConfig,
    ModelConfig,
    Pipeline,
    QueryConfig,
    SplitConfig,
    TrainConfig,
)
from aerialret.errors import NothingToDoError
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.descriptors import describe_queries
from aerialret.network.grid_fits import GridFit
from aerialret.querying.query import query
from aerialret.retrieval.best_windows import best_windows
from aerialret.retrieval.grid_maps import GridMaps
from aerialret.retrieval.index_build import IndexSummary, build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import Index, load_index
from aerialret.retrieval.search import search, select_tiles
from aerialret.retrieval.vector_index import NO_ROW, Neighbours
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.dates import parse_interval
from aerialret.tiles.grid import TileId
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet
from aerialret.training.train import train
from tests.tiny_tileset import FIRST, tiny_grid, tiny_model, tiny_tileset

PX = 32
GRID = tiny_grid(tile_px=PX)
DATES = ("2004", "2019")
HOLE = TileId(FIRST.col + 1, FIRST.row + 1)
WINDOWS = IndexConfig(dates=DATES, stride=0.5, scales=(1.0, 0.5))


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("t") / "t", cols=4, rows=3, missing=(HOLE,))


@pytest.fixture(scope="module")
def model(tileset: TileSet, tmp_path_factory: pytest.TempPathFactory) -> Model:
    hog = ModelConfig(method="hog", input="image", hog_cells=4)
    return load_model(tiny_model(tmp_path_factory.mktemp("m") / "m", tileset, config=hog))


@pytest.fixture(scope="module")
def summary(
    tileset: TileSet, model: Model, tmp_path_factory: pytest.TempPathFactory
) -> IndexSummary:
    out = tmp_path_factory.mktemp("i") / "windows"
    return build_index(tileset, model, out, config=WINDOWS, recipe=Recipe())


@pytest.fixture(scope="module")
def index(summary: IndexSummary) -> Index:
    return load_index(summary.folder)


@pytest.fixture(scope="module")
def plain(tileset: TileSet, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Index:
    out = tmp_path_factory.mktemp("i") / "plain"
    build_index(tileset, model, out, config=IndexConfig(dates=DATES), recipe=Recipe())
    return load_index(out)


@pytest.fixture(scope="module")
def queries(index: Index) -> NDArray[np.float32]:
    random = np.random.default_rng(3)
    queries = index.vectors.vectors()[::61] + random.normal(
        0, 0.04, index.vectors.vectors()[::61].shape
    )
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return queries.astype(np.float32)


def mosaic(tileset: TileSet, date: str, left: int, top: int, side: int) -> NDArray[np.uint8]:
    """Image [3, side, side] at pixels from the upper left of cell `FIRST`."""
    rows = [
        np.concatenate(
            [
                tileset.read(date, [TileId(FIRST.col + c, FIRST.row + r)]).images[0]
                for c in range(4)
            ],
            2,
        )
        for r in range(3)
    ]
    return np.concatenate(rows, 1)[:, top : top + side, left : left + side]


def full_ranking(
    index: Index, query: NDArray[np.float32], rows: NDArray[np.int64]
) -> list[tuple[str, str, float, int]]:
    """The oracle: place, date, score and row of the best window of each place, the best first."""
    scores = index.vectors.vectors()[rows] @ query
    seen: dict[tuple[str, str], tuple[float, int]] = {}
    for at in np.argsort(-scores, kind="stable"):
        row = int(rows[at])
        key = index.tiles["place"][row], index.tiles["date"][row]
        seen.setdefault(key, (float(scores[at]), row))
    return [(*key, *found) for key, found in seen.items()]


def test_each_window_has_a_row_with_its_own_square_and_place(
    index: Index, tileset: TileSet
) -> None:
    assert index.has_windows
    assert list(index.tiles.columns) == ["place", "col", "row", "date", "scale", "geometry"]
    for row in range(0, len(index), 17):
        square, told = index.square(row), index.tiles.iloc[row]
        assert square.width == pytest.approx(64 * told["scale"])
        assert index.side_m(row) == 64 * told["scale"]
        centre = GRID.tile_at(
            x=(square.left + square.right) / 2, y=(square.bottom + square.top) / 2
        )
        tile = TileId(told["col"], told["row"])
        assert tile.place == told["place"]
        assert tile in tileset.tiles(told["date"])
        assert tile == centre or centre not in tileset.tiles(told["date"])


def test_the_vectors_of_whole_tiles_are_those_of_a_plain_index(index: Index, plain: Index) -> None:
    at = {(t["place"], t["date"]): row for row, t in plain.tiles.iterrows()}
    compared = 0
    for row in np.flatnonzero(index.tiles["scale"] == 1):
        told = index.tiles.iloc[row]
        if index.square(row) == GRID.bounds(TileId(told["col"], told["row"])):
            vector = plain.vectors.vectors()[at[told["place"], told["date"]]]
            np.testing.assert_allclose(index.vectors.vectors()[row], vector, atol=1e-6)
            compared += 1
    assert compared == len(plain)


def test_a_plain_index_has_no_windows(plain: Index) -> None:
    assert not plain.has_windows
    assert list(plain.tiles.columns) == ["place", "col", "row", "date", "geometry"]
    hit = search(plain, plain.vectors.vectors()[:1], top=1)[0][0]
    assert hit.side_m is None
    assert (hit.x, hit.y) == (hit.bounds.left + 32, hit.bounds.bottom + 32)


@pytest.mark.parametrize("top", [1, 4, 23, 500])
def test_the_best_window_of_each_place_stands_for_it(
    top: int, index: Index, queries: NDArray[np.float32]
) -> None:
    results = search(index, queries, top=top)
    for query_, hits in zip(queries, results, strict=True):
        expected = full_ranking(index, query_, np.arange(len(index)))[:top]
        assert [(hit.place, hit.date) for hit in hits] == [found[:2] for found in expected]
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        np.testing.assert_allclose([hit.score for hit in hits], [f[2] for f in expected], atol=1e-5)
        for hit, (*_, row) in zip(hits, expected, strict=True):
            square = index.square(row)
            assert hit.side_m == index.side_m(row)
            assert (hit.x, hit.y) == (
                (square.left + square.right) / 2, (square.bottom + square.top) / 2
            )  # fmt: skip
            assert hit.bounds == GRID.bounds(hit.tile)
    assert len(results[0]) == min(top, 11 + 12)


def test_the_best_view_of_a_photo_counts_in_an_index_of_windows(
    index: Index, queries: NDArray[np.float32]
) -> None:
    views = np.stack([-queries, queries, np.zeros_like(queries)], axis=1)
    alone = search(index, queries, top=5)
    for hits, expected in zip(search(index, views, top=5), alone, strict=True):
        assert [(h.place, h.date, h.x, h.y) for h in hits] == [
            (h.place, h.date, h.x, h.y) for h in expected
        ]
        assert {hit.view for hit in hits} == {1}


def test_filters_work_inside_the_search_and_go_by_the_places(
    index: Index, queries: NDArray[np.float32]
) -> None:
    two = [TileId(FIRST.col + 2, FIRST.row), TileId(FIRST.col + 2, FIRST.row + 1)]
    area = shapely.box(*GRID.block_bounds(two[0], cols=1, rows=2)).buffer(-1)
    chosen = index.tiles["place"].isin([tile.place for tile in two]) & (
        index.tiles["date"] == "2004"
    )
    np.testing.assert_array_equal(
        select_tiles(index, dates=parse_interval("2004"), area=area), chosen.to_numpy()
    )
    for query_, hits in zip(
        queries, search(index, queries, top=9, dates=parse_interval("2004"), area=area), strict=True
    ):
        expected = full_ranking(index, query_, np.flatnonzero(chosen))
        assert [(hit.place, hit.date) for hit in hits] == [found[:2] for found in expected]
        assert len(hits) == 2
    with pytest.raises(NothingToDoError, match="no tile of index"):
        search(index, queries, top=1, area=shapely.box(0, 0, 1, 1))


def test_more_windows_are_asked_for_until_enough_places_are_among_them() -> None:
    places = np.repeat([7, 3, 5, 1], [40, 30, 2, 1])  # a place has many windows that are alike
    order = np.arange(73)
    asked = []

    def find(count: int) -> tuple[Neighbours, NDArray[np.int64]]:
        asked.append(count)
        rows = np.where(order < 72, order, NO_ROW)[None, :count]
        return Neighbours(rows, (1 - rows / 100).astype(np.float32)), rows * 2

    best, views = best_windows(find, places, top=2, available=73)
    assert best.rows.tolist() == [[0, 40]]
    assert views.tolist() == [[0, 80]]
    assert asked == [16, 64]
    best, _ = best_windows(find, places, top=4, available=73)
    assert best.rows.tolist() == [[0, 40, 70, NO_ROW]]  # the last is not found at all
    assert best.scores[0, 3] == -np.inf


def test_a_photo_across_tile_edges_is_found_where_it_lies(
    index: Index, plain: Index, tileset: TileSet, tmp_path: Path
) -> None:
    """Around the corner of four tiles, a quarter in each; then a smaller one across two."""
    pixels = mosaic(tileset, "2019", PX * 5 // 2, PX // 2, PX)
    photo = tmp_path / "photo.png"
    Image.fromarray(pixels.transpose(1, 2, 0)).save(photo)
    answer = query([photo], index=index, top=3).answers[0]
    x, y = GRID.bounds(FIRST).left + 3 * 64, GRID.bounds(FIRST).top - 64
    assert (answer.hits[0].x, answer.hits[0].y, answer.hits[0].side_m) == (x, y, 64)
    assert answer.hits[0].tile == TileId(FIRST.col + 3, FIRST.row + 1)
    assert answer.hits[0].score == pytest.approx(1, abs=1e-5)
    assert query([photo], index=plain, top=1).answers[0].hits[0].score < 0.8
    small = mosaic(tileset, "2019", PX * 3 // 4, PX + PX // 2, PX // 2)
    Image.fromarray(small.transpose(1, 2, 0)).save(photo)
    hit = query([photo], index=index, top=1).answers[0].hits[0]
    assert (hit.x, hit.y, hit.side_m) == (GRID.bounds(FIRST).left + 64, y - 48, 32)
    assert hit.score > 0.95


def test_the_same_request_gives_the_same_bytes_after_a_stop(
    summary: IndexSummary, tileset: TileSet, model: Model, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    out, small = tmp_path / "i", replace(WINDOWS, batch_size=4)

    def stop_midway(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index(tileset, model, out, config=small, recipe=Recipe(), progress=stop_midway)
    finished = list(tmp_path.glob(".i.partial/*.npy"))
    assert finished
    written = {path: path.stat().st_mtime_ns for path in finished}
    kept: dict[Path, int] = {}

    def look(folder: Path, path: Path) -> None:
        kept.update({path: path.stat().st_mtime_ns for path in finished})
        publish(folder, path)

    publish = atomic.publish_folder
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "publish_folder", look)
        build_index(tileset, model, out, config=small, recipe=Recipe())
    assert kept == written
    build_index(tileset, model, tmp_path / "again", config=small, recipe=Recipe())
    for name in ("vectors.faiss", "tiles.parquet"):
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert (
        load_index(out).manifest.content_hash
        == load_index(tmp_path / "again").manifest.content_hash
    )
    other_order = replace(WINDOWS, scales=(0.5, 1.0))
    assert not build_index(
        tileset, model, summary.folder, config=other_order, recipe=Recipe()
    ).built


def test_an_index_of_a_version_without_windows_is_still_up_to_date(
    plain: Index, tileset: TileSet, model: Model
) -> None:
    path = plain.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for key in ("stride", "scales"):
        del manifest["configuration"]["index"][key]
    for key in ("windows", "descriptors_per_km2", "bytes"):
        del manifest["facts"][key]
    path.write_text(json.dumps(manifest))
    found = build_index(
        tileset, model, plain.folder, config=IndexConfig(dates=DATES), recipe=Recipe()
    )
    assert (found.built, found.cost, found.tiles) == (False, None, 23)
    assert len(load_index(plain.folder)) == 23


def test_the_cost_is_told(summary: IndexSummary, index: Index) -> None:
    facts, cost = index.manifest.facts, summary.cost
    assert cost is not None
    assert facts["windows"] == len(index) == cost.windows > 300
    assert facts["tiles"] == summary.tiles == 11 + 12
    km2 = 23 * 0.064**2
    assert facts["descriptors_per_km2"] == pytest.approx(len(index) / km2, rel=1e-3)
    assert facts["bytes"] == sum((index.folder / name).stat().st_size for name in facts["content"])
    assert f"{len(index):,} windows" in str(cost)
    assert "on disk" in str(cost)


def test_scales_that_show_nothing_are_refused(model: Model, tmp_path: Path) -> None:
    one, wide = tiny_tileset(tmp_path / "t", cols=1, rows=1), IndexConfig(scales=(4.0,))
    with pytest.raises(NothingToDoError, match=r"no window of the scales 4 .* add scale 1"):
        build_index(one, model, tmp_path / "i", config=wide, recipe=Recipe())


def test_the_command_line_cuts_windows(
    tileset: TileSet, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["aerialret", *map(str, words)])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        return status, capsys.readouterr().err

    monkeypatch.chdir(tmp_path)
    request = ("index", tileset.folder, "--model", model.folder, "--out", "i", "--stride", "0.5")
    status, told = run(*request, "--scales", "1,0.5")
    assert (status, len(told.splitlines())) == (0, 2)
    assert "windows, " in told
    assert " descriptors for each km², " in told
    assert load_index(tmp_path / "i").manifest.configuration["index"]["scales"] == [1.0, 0.5]
    assert run(*request, "--scales", "1;0.5") == (
        2, "aerialret: --scales is '1;0.5', but must be numbers between commas, as 1,0.5\n"
    )  # fmt: skip
    assert run(*request, "--scales", "0")[0] == 2


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[TileSet, Index]:
    """A network with the head `grid`, and an index of its windows."""
    folder = tmp_path_factory.mktemp("grid")
    tileset = tiny_tileset(folder / "t", cols=4, rows=3, tile_px=64, change=0.0)
    pipeline = Pipeline(
        model=ModelConfig(
            backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=16,
            input="image", input_px=64, gallery_scales=(0.5, 1.0),
        ),
        train=TrainConfig(epochs=0), split=SplitConfig(block_tiles=2, buffer_tiles=0),
        query=QueryConfig(),
    )  # fmt: skip
    train(tileset, folder / "m", pipeline=pipeline)
    model = load_model(folder / "m")
    config = IndexConfig(dates=("2019",), stride=0.5, scales=(1.0, 0.5))
    build_index(tileset, model, folder / "i", config=config, recipe=Recipe())
    return tileset, load_index(folder / "i")


@pytest.mark.parametrize(
    ("left", "top", "side"),
    [(96, 32, 64), (144, 64, 32), (64, 64, 64)],  # across four, a part of one, one whole tile
)
def test_a_grid_says_where_a_photo_across_tiles_lies(
    left: int, top: int, side: int, cells: tuple[TileSet, Index]
) -> None:
    tileset, index = cells
    pixels = mosaic(tileset, "2019", left, top, side)[None]
    batch = TileBatch(pixels, np.zeros((1, side, side), np.uint8), np.ones((1, side, side), bool))
    asked = describe_queries(index.model, batch, modality="image")
    hits = search(index, asked, top=4)[0]
    corner = index.grid.bounds(FIRST)
    x, y = corner.left + left + side / 2, corner.top - top - side / 2  # a pixel is a metre
    assert hits[0].side_m == side
    assert (hits[0].x, hits[0].y) == (pytest.approx(x, abs=4), pytest.approx(y, abs=4))
    assert hits[0].tile == index.grid.tile_at(x=hits[0].x, y=hits[0].y)
    places = [hit.place for hit in hits]
    assert len(set(places)) == len(places) == 4
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]


class Fitted(GridMaps):
    """Cells whose fits are known: by row, the score, the centre's x and y, and the scale."""

    def __init__(self, index: Index, fits: dict[int, tuple[float, float, float, float]]) -> None:
        assert isinstance(index.vectors, GridMaps)
        super().__init__(np.zeros((len(index), 1), np.float16), index.vectors.layout, device="cpu")
        self.fits = fits

    def search(
        self, queries: Descriptors, *, top: int, selected: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        rows = np.array([r for r in self.fits if selected is None or selected[r]][:top], np.int64)
        scores = np.array([self.fits[row][0] for row in rows], np.float32)
        return Neighbours(rows[None], scores[None])

    def fit(self, query: Descriptors, row: int) -> GridFit:
        score, x, y, scale = self.fits[row]
        return GridFit(score=score, view=row % 3, scale=scale, x=x, y=y)


def row_at(index: Index, col: float, row: float, scale: float) -> int:
    """The row of the window whose upper left lies at these cells from the upper left of `FIRST`."""
    corner = index.grid.bounds(FIRST)
    left, top = corner.left + 64 * col, corner.top - 64 * row
    (found,) = (
        at
        for at in range(len(index))
        if index.square(at) == (left, top - 64 * scale, left + 64 * scale, top)
    )
    return found


def test_fits_are_told_on_the_ground_and_name_the_place_of_their_centre(
    cells: tuple[TileSet, Index],
) -> None:
    _, shared = cells
    index = load_index(shared.folder)
    across, right, small, edge, alone = (
        row_at(index, *at)
        for at in ((0.5, 0, 1), (1, 0, 1), (1.25, 0.5, 0.5), (-0.5, 2, 1), (0, 2, 1))
    )
    index.vectors = Fitted(
        index,
        {
            across: (0.9, 0.25, 0.5, 0.5),  # centre at 0.75, 0.5: the left one of two cells
            right: (0.8, 0.25, 0.5, 0.5),  # at 1.25, 0.5
            small: (0.7, 0.5, 0.25, 0.5),  # at 1.5, 0.625: the same place again
            edge: (0.6, 0.25, 0.75, 0.5),  # at -0.25, 2.75, where no tile is: the window's place
            alone: (0.5, 0.5, 0.5, 0.5),  # the same place once more
        },
    )
    asked = np.zeros((1, 1, 1), np.float32)
    hits = search(index, asked, top=9)[0]
    left, top = index.grid.bounds(FIRST).left, index.grid.bounds(FIRST).top
    told = [(hit.tile, hit.score, (hit.x - left) / 64, (top - hit.y) / 64) for hit in hits]
    assert told == [
        (TileId(FIRST.col, FIRST.row), pytest.approx(0.9), 0.75, 0.5),
        (TileId(FIRST.col + 1, FIRST.row), pytest.approx(0.8), 1.25, 0.5),
        (TileId(FIRST.col, FIRST.row + 2), pytest.approx(0.6), -0.25, 2.75),
    ]
    assert [hit.side_m for hit in hits] == [32, 32, 32]
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert [hit.view for hit in hits] == [across % 3, right % 3, edge % 3]
    assert [hit.bounds for hit in hits] == [index.grid.bounds(hit.tile) for hit in hits]
    inside = shapely.box(*index.grid.bounds(TileId(FIRST.col + 1, FIRST.row)))
    hits = search(index, asked, top=9, area=inside)[0]
    assert [(hit.place, hit.x) for hit in hits] == [(f"c{FIRST.col + 1}_r{FIRST.row}", left + 80)]
