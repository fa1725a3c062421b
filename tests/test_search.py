import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from aerialret.config import IndexConfig
from aerialret.errors import (
    AerialretError,
    ConfigurationError,
    EmptyLayerError,
    MissingCrsError,
    MissingInputError,
    NothingToDoError,
    UnreadableInputError,
)
from aerialret.network.checkpoint import load_model
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import Index, load_index
from aerialret.retrieval.search import Hit, best_of_views, search
from aerialret.retrieval.vector_index import VectorIndex, build_vector_index, exact_neighbours
from aerialret.tiles.area import read_area
from aerialret.tiles.dates import DateInterval, parse_interval
from aerialret.tiles.grid import TileId
from tests.tiny_tileset import FIRST, tiny_grid, tiny_model, tiny_tileset

GRID = tiny_grid()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    tileset = tiny_tileset(folder / "t", dates=("1956..1965", "2004", "2019"))
    model = load_model(tiny_model(folder / "m", tileset))
    config = IndexConfig(dates=("1956..1965", "2004", "2019"))
    build_index(tileset, model, folder / "i", config=config, recipe=Recipe())
    return load_index(folder / "i")


@pytest.fixture(scope="module")
def queries(index: Index) -> NDArray[np.float32]:
    random = np.random.default_rng(3)
    queries = index.vectors.vectors()[::9] + random.normal(0, 0.02, (10, 256))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return queries.astype(np.float32)


def full_ranking(index: Index, query: NDArray[np.float32]) -> list[tuple[str, str, float]]:
    """The oracle: every tile by decreasing dot product, as place, date, score."""
    scores = [float(np.dot(query, vector)) for vector in index.vectors.vectors()]
    order = sorted(range(len(scores)), key=lambda row: -scores[row])
    tiles = index.tiles
    return [(tiles["place"][row], tiles["date"][row], scores[row]) for row in order]


def found(hits: list[Hit]) -> list[tuple[str, str]]:
    return [(hit.place, hit.date) for hit in hits]


def test_search_equals_the_exact_ranking(index: Index, queries: NDArray[np.float32]) -> None:
    for query, hits in zip(queries, search(index, queries, top=20), strict=True):
        exact = full_ranking(index, query)[:20]
        assert found(hits) == [(place, date) for place, date, _ in exact]
        np.testing.assert_allclose([hit.score for hit in hits], [s for *_, s in exact], atol=1e-5)
        assert [hit.rank for hit in hits] == list(range(1, 21))


def test_a_hit_knows_its_square(index: Index, queries: NDArray[np.float32]) -> None:
    for hit in search(index, queries[:1], top=84)[0]:
        assert hit.tile.place == hit.place
        assert hit.bounds == GRID.bounds(hit.tile)


@pytest.mark.parametrize(
    ("dates", "labels"),
    [
        ("1950..1975", {"1956..1965"}),
        ("1960", {"1956..1965"}),
        ("2004-06", {"2004"}),
        ("2000..2030", {"2004", "2019"}),
    ],
)
def test_filters_equal_filtering_the_exact_ranking(
    dates: str, labels: set[str], index: Index, queries: NDArray[np.float32]
) -> None:
    square = shapely.box(*GRID.block_bounds(TileId(FIRST.col + 1, FIRST.row + 2), cols=3, rows=1))
    inside = {TileId(FIRST.col + 1 + n, FIRST.row + 2).place for n in range(3)}
    results = search(index, queries, top=4, dates=parse_interval(dates), area=square)
    for query, hits in zip(queries, results, strict=True):
        fitting = [
            (place, date)
            for place, date, _ in full_ranking(index, query)
            if date in labels and place in inside
        ]
        assert found(hits) == fitting[:4]


def test_tiles_that_only_touch_the_area_are_outside(
    index: Index, queries: NDArray[np.float32]
) -> None:
    one = shapely.box(*GRID.bounds(TileId(0, 6)))
    hits = search(index, queries[:1], top=100, area=one)[0]
    assert {hit.place for hit in hits} == {"c0_r6"}
    grown = search(index, queries[:1], top=100, area=one.buffer(0.1))[0]
    assert len({hit.place for hit in grown}) == 9


def test_more_answers_than_tiles_gives_every_tile_once(
    index: Index, queries: NDArray[np.float32]
) -> None:
    hits = search(index, queries[:1], top=1000)[0]
    assert len(set(found(hits))) == len(hits) == len(index) == 84


def test_no_query_has_no_answers(index: Index) -> None:
    assert search(index, np.empty((0, 256), np.float32), top=5) == []


def test_a_filter_that_leaves_nothing_says_what_is_there(
    index: Index, queries: NDArray[np.float32]
) -> None:
    with pytest.raises(
        NothingToDoError, match=r"no tile .* 1900-01-01 .* holds 1956\.\.1965, 2004"
    ):
        search(index, queries, top=5, dates=parse_interval("1900"))
    with pytest.raises(NothingToDoError, match=r"the area 0,0,1,1; it holds .* over 899808,679942"):
        search(index, queries, top=5, area=shapely.box(0, 0, 1, 1))


def test_scores_never_leave_the_range_of_a_cosine(index: Index) -> None:
    itself = index.vectors.vectors() * np.float32(1.0001)
    scores = [hit.score for hits in search(index, itself, top=84) for hit in hits]
    assert max(scores) == 1.0
    assert min(scores) >= -1.0


def test_filtered_search_works_for_every_kind_of_index() -> None:
    random = np.random.default_rng(5)
    vectors = random.normal(size=(300, 12)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    selected = np.arange(300) % 7 == 3
    exact = exact_neighbours(vectors[:5], vectors[selected], top=3)
    for recipe in (
        Recipe(),
        Recipe(factory="IVF4,Flat", nprobe=4),
        Recipe(factory="HNSW32", ef_search=300),
    ):
        index: VectorIndex = build_vector_index(vectors, recipe=recipe)
        rows = index.search(vectors[:5], top=3, selected=selected).rows
        np.testing.assert_array_equal(rows, np.flatnonzero(selected)[exact.rows])


def test_exact_neighbours_put_equal_scores_in_row_order() -> None:
    gallery = np.array([[0, 1], [1, 0], [0, 1], [1, 0]], np.float32)
    result = exact_neighbours(np.array([[1, 0]], np.float32), gallery, top=9)
    assert result.rows.tolist() == [[1, 3, 0, 2]]


def test_an_interval_that_touches_one_day_counts(index: Index) -> None:
    new_year = DateInterval(parse_interval("2004-12-31").first, parse_interval("2004-12-31").last)
    hits = search(index, index.vectors.vectors()[:1], top=100, dates=new_year)[0]
    assert {hit.date for hit in hits} == {"2004"}


def test_an_area_is_four_numbers_or_a_file_in_any_crs(tmp_path: Path) -> None:
    bounds = GRID.block_bounds(TileId(0, 6), cols=2, rows=1)
    text = ",".join(map(str, bounds))
    typed = read_area(text, crs=GRID.crs)
    assert typed.bounds == bounds
    layer = gpd.GeoDataFrame(geometry=[typed], crs=GRID.crs).to_crs("EPSG:4326")
    for name in ("area.geojson", "area.gpkg", "area.parquet"):
        path = tmp_path / name
        layer.to_parquet(path) if path.suffix == ".parquet" else layer.to_file(path)
        np.testing.assert_allclose(read_area(str(path), crs=GRID.crs).bounds, bounds, atol=0.02)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("1,2,3", ConfigurationError, "'1,2,3' is no rectangle; write left,bottom,right,top"),
        ("5,0,1,9", ConfigurationError, "is no rectangle"),
        ("nowhere.gpkg", MissingInputError, "area nowhere.gpkg does not exist"),
        ("{tmp}/broken.gpkg", UnreadableInputError, "is no readable vector file"),
        ("{tmp}/empty.gpkg", EmptyLayerError, "has no features"),
        ("{tmp}/bare.gpkg", MissingCrsError, "has no CRS"),
    ],
)
def test_an_area_that_cannot_be_used_is_refused(
    text: str, error: type[AerialretError], message: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.gpkg").write_bytes(b"SQLite format 3\0 and no more")
    square = [shapely.box(0, 0, 1, 1)]
    gpd.GeoDataFrame(geometry=[], crs=GRID.crs).to_file(tmp_path / "empty.gpkg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyogrio warns of the missing CRS that this case is about
        gpd.GeoDataFrame(geometry=square).to_file(tmp_path / "bare.gpkg")
    with pytest.raises(error, match=message):
        read_area(text.format(tmp=tmp_path), crs=GRID.crs)


@pytest.mark.parametrize("factory", ["Flat", "IVF4,Flat"])
def test_the_best_of_several_views_is_what_exact_search_says(factory: str) -> None:
    random = np.random.default_rng(4)
    gallery = random.normal(size=(60, 8)).astype(np.float32)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    queries = 0.3 * random.normal(size=(10, 3, 8)).astype(np.float32)
    vectors = build_vector_index(gallery, recipe=Recipe(factory=factory, nprobe=4))
    best, views = best_of_views(vectors, queries, top=7)
    exact = exact_neighbours(queries, gallery, top=7)
    np.testing.assert_array_equal(best.rows, exact.rows)
    np.testing.assert_allclose(best.scores, exact.scores, atol=1e-6)
    scores = np.einsum("nvr,nkr->nkv", queries, gallery[best.rows])
    np.testing.assert_array_equal(views, scores.argmax(axis=2))


def test_views_that_find_too_little_leave_empty_places() -> None:
    gallery = np.eye(4, dtype=np.float32)
    vectors = build_vector_index(gallery, recipe=Recipe())
    selected = np.array([False, True, False, True])
    queries = gallery[[1, 3]][None]
    best, _ = best_of_views(vectors, queries, top=4, selected=selected)
    assert best.rows.tolist() == [[1, 3, -1, -1]]


def test_no_query_of_several_views_gives_no_answer() -> None:
    vectors = build_vector_index(np.eye(4, dtype=np.float32), recipe=Recipe())
    best, views = best_of_views(vectors, np.empty((0, 3, 4), np.float32), top=2)
    assert best.rows.shape == views.shape == (0, 2)
