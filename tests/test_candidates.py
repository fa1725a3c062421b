"""What deserves a second look: the first tiles of every scale, and of photos seen larger."""

import math
from collections import Counter
from itertools import groupby

import numpy as np
import pytest
from numpy.typing import NDArray

from aerialret.config import ModelConfig
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.dense import GridLayout
from aerialret.network.descriptors import describe_queries, describe_tiles, photo_grids
from aerialret.network.grid_head import inscribed_circle
from aerialret.retrieval.candidates import NEARER, Candidate, Candidates
from aerialret.retrieval.grid_maps import GridMaps
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet

from .tiny_tileset import tiny_model, tiny_tileset

CONFIG = ModelConfig(
    backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=6,
    input="image", input_px=64, gallery_scales=(0.5, 0.6, 1.0),
)  # fmt: skip
ROTATIONS = 4
LAYOUT = GridLayout(
    channels=3, template=4, cells=(4, 5, 7, 9), scales=(1, 0.8, 4 / 7, 4 / 9), stride_px=16
)


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("t") / "tiles", tile_px=96, cols=3, rows=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet) -> Model:
    folder = tiny_model(tmp_path_factory.mktemp("m") / "model", tileset, config=CONFIG)
    return load_model(folder, device="cpu")


@pytest.fixture(scope="module")
def maps(tileset: TileSet, model: Model) -> GridMaps:
    tiles = tileset.tiles("2004")
    cells = describe_tiles(model, tileset, date="2004", tiles=tiles, modality="image")
    return GridMaps(cells, model.layout, device="cpu")


def square_of(tileset: TileSet) -> TileBatch:
    return tileset.read("2019", tileset.tiles("2019")[2:3])


def found(
    tileset: TileSet, model: Model, maps: GridMaps, *, top: int, **known: object
) -> list[Candidate]:
    square = square_of(tileset)
    views = describe_queries(model, square, modality="image", rotations=ROTATIONS)[0]
    candidates = Candidates(model=model, modality="image", rotations=ROTATIONS, top=top)
    return list(candidates.of(square, views, maps, **known))  # type: ignore[arg-type]


def slow_scores(
    maps: GridMaps, views: NDArray[np.float32], scale: int
) -> dict[tuple[int, int, int, int], float]:
    """The score of every tile, view, row and column at one scale."""
    layout = maps.layout
    t, c, side = layout.template, layout.channels, layout.cells[scale]
    start = sum(c * s * s for s in layout.cells[:scale])
    cells = maps.vectors()[:, start : start + c * side * side].reshape(-1, c, side, side)
    weight = float(inscribed_circle(t).max())
    scores = {}
    for tile in range(len(cells)):
        for view, kernel in enumerate(views.reshape(-1, c, t, t)):
            for row in range(side - t + 1):
                for col in range(side - t + 1):
                    met = cells[tile, :, row : row + t, col : col + t] * kernel
                    scores[tile, view, row, col] = float(met.sum()) * weight
    return scores


@pytest.mark.parametrize("each", [1, 3])
def test_the_first_tiles_of_every_scale_are_those_of_a_slow_loop(each: int) -> None:
    rng = np.random.default_rng(3)
    maps = GridMaps(rng.normal(size=(7, LAYOUT.length)).astype(np.float16), LAYOUT, device="cpu")
    views = rng.normal(size=(2, 3 * 16)).astype(np.float32) / 10
    scores = maps.scores_by_scale(views)
    fits = maps.first_fits(views, scores, each=each)
    assert len(fits[: each * len(LAYOUT.cells)]) == each * len(LAYOUT.cells)
    for scale, side in enumerate(LAYOUT.cells):
        slow = slow_scores(maps, views, scale)
        best = [max(slow[k] for k in slow if k[0] == tile) for tile in range(7)]
        assert scores.anyhow[scale] == pytest.approx(
            best, abs=0.05
        )  # rounded to bfloat16 where quicker
        mine = fits[scale * each : (scale + 1) * each]
        assert {m.row for m in mine} <= set(np.argsort(best)[-each - 1 :].tolist())
        for one in mine:
            (_, view, row, col), score = max(
                ((k, v) for k, v in slow.items() if k[0] == one.row), key=lambda pair: pair[1]
            )
            assert (one.fit.view, one.fit.score) == (view, pytest.approx(score, abs=1e-4))
            assert one.fit.scale == LAYOUT.scales[scale]
            assert one.fit.x * side == pytest.approx(col + 2, abs=0.51)
            assert one.fit.y * side == pytest.approx(row + 2, abs=0.51)


def test_tiles_that_a_photo_fits_as_tiles_do_are_those_of_a_slow_loop() -> None:
    rng = np.random.default_rng(4)
    maps = GridMaps(rng.normal(size=(7, LAYOUT.length)).astype(np.float16), LAYOUT, device="cpu")
    views = rng.normal(size=(36, 3 * 16)).astype(np.float32) / 10
    scores = maps.scores_by_scale(views)
    upright = {0, 1, 35}  # 10 degrees apart, up to 15
    slow: dict[int, dict[tuple[int, int, int, int], float]] = {}
    for scale, side in enumerate(LAYOUT.cells):
        near = [at for at in range(side - 3) if abs((at + 2) / side - 0.5) <= 1 / 6]
        slow[scale] = {
            key: score
            for key, score in slow_scores(maps, views, scale).items()
            if key[1] in upright and key[2] in near and key[3] in near
        }
    assert np.isneginf(scores.as_tiles[2:]).all()  # shows less than two thirds of a tile
    for scale in (0, 1):
        best = [max(v for k, v in slow[scale].items() if k[0] == tile) for tile in range(7)]
        assert scores.as_tiles[scale] == pytest.approx(best, abs=0.05)
    each = 2
    fits = maps.first_fits(views, scores, each=each)[each * len(LAYOUT.cells) :]
    assert len(fits) == each
    order = np.argsort(-scores.as_tiles.max(axis=0)).tolist()
    assert [one.row for one in fits] == order[:each]
    for one in fits:
        scale = LAYOUT.scales.index(one.fit.scale)
        assert scale == scores.as_tiles[:, one.row].argmax()
        (_, view, row, col), score = max(
            ((k, v) for k, v in slow[scale].items() if k[0] == one.row), key=lambda pair: pair[1]
        )
        assert (one.fit.view, one.fit.score) == (view, pytest.approx(score, abs=1e-4))
        side = LAYOUT.cells[scale]
        assert one.fit.x * side == pytest.approx(col + 2, abs=0.51)
        assert one.fit.y * side == pytest.approx(row + 2, abs=0.51)


def test_a_fit_that_is_the_best_of_its_scale_and_lies_as_tiles_do_is_told_once() -> None:
    rng = np.random.default_rng(5)
    cells = rng.normal(size=(3, LAYOUT.length)).astype(np.float16)
    maps = GridMaps(cells, LAYOUT, device="cpu")
    whole = cells[1, : 3 * 16].astype(np.float32)  # tile 1 itself, at scale 1
    views = np.stack([whole, *(rng.normal(size=(3, 48)).astype(np.float32) / 10)])
    fits = maps.first_fits(views, maps.scores_by_scale(views), each=1)
    assert [one.row for one in fits if one.fit.scale == 1] == [1]
    assert len(fits) == len(LAYOUT.cells)


def test_photos_seen_larger_are_laid_over_the_same_cells(
    tileset: TileSet, model: Model, maps: GridMaps
) -> None:
    larger = maps.nearer(NEARER)
    assert larger is not None
    assert larger.layout.template == 6
    assert larger.layout.cells == tuple(side for side in maps.layout.cells if side >= 6)
    assert maps.nearer(5.0) is None
    grids = photo_grids(model, square_of(tileset), cells=6, modality="image", rotations=3)
    assert grids.shape == (1, 3, model.layout.channels * 36)
    own = photo_grids(model, square_of(tileset), cells=4, modality="image", rotations=ROTATIONS)
    searched = describe_queries(model, square_of(tileset), modality="image", rotations=ROTATIONS)
    np.testing.assert_allclose(own, searched, atol=1e-5)


def test_as_many_candidates_come_from_every_scale(
    tileset: TileSet, model: Model, maps: GridMaps
) -> None:
    candidates = found(tileset, model, maps, top=6)
    larger = maps.nearer(NEARER)
    assert larger is not None
    views = describe_queries(model, square_of(tileset), modality="image", rotations=ROTATIONS)[0]
    scores = maps.scores_by_scale(views)
    fits = maps.first_fits(views, scores, each=2)
    scales = [each.fit.scale for each in candidates]
    assert Counter(scales[: len(fits)]) == Counter(one.fit.scale for one in fits)
    assert Counter(scales[: len(fits)]) >= Counter(maps.layout.scales * 2)
    base = candidates[: len(fits)]
    rows = [row for row, _ in groupby(base, key=lambda one: one.row)]
    assert len(rows) == len(set(rows)) > 1
    best = [max(one.fit.score for one in base if one.row == row) for row in rows]
    assert best == sorted(best, reverse=True)
    assert [next(one.fit.score for one in base if one.row == row) for row in rows] == best
    each = math.ceil(6 / len(larger.layout.scales))
    further = Counter(scales[len(fits) :])
    assert further >= Counter(larger.layout.scales * each)
    assert further.total() <= each * (len(larger.layout.scales) + 1)
    assert {one.turn_deg % 90 for one in base} == {0}
    assert {one.turn_deg % 60 for one in candidates[len(fits) :]} == {0}
    whole = scores.anyhow.max(axis=0)
    assert [one.searched for one in candidates] == pytest.approx([whole[c.row] for c in candidates])


def test_a_photo_is_seen_no_larger_than_it_is(
    tileset: TileSet, model: Model, maps: GridMaps
) -> None:
    square = square_of(tileset)
    small = TileBatch(square.images[..., :95, :95], square.masks[:, :95, :95], square.valid)
    views = describe_queries(model, square, modality="image", rotations=ROTATIONS)[0]
    candidates = Candidates(model=model, modality="image", rotations=ROTATIONS, top=6)
    searched = len(maps.first_fits(views, maps.scores_by_scale(views), each=2))
    assert len(list(candidates.of(small, views, maps))) == searched
    assert len(list(candidates.of(square, views, maps))) > searched


def test_what_may_not_be_found_is_no_candidate(
    tileset: TileSet, model: Model, maps: GridMaps
) -> None:
    selected = np.array([True, False, True, True, False, True])
    rows = {one.row for one in found(tileset, model, maps, top=30, selected=selected)}
    assert rows == {0, 2, 3, 5}
    none = np.zeros(6, bool)
    assert found(tileset, model, maps, top=30, selected=none) == []


def test_a_known_ground_leaves_the_scales_next_to_it(
    tileset: TileSet, model: Model, maps: GridMaps
) -> None:
    sides = np.full(6, 100.0)
    scales = {
        one.fit.scale for one in found(tileset, model, maps, top=30, sides_m=sides, shown_m=104.0)
    }
    assert scales == {1.0}
    small = found(tileset, model, maps, top=30, sides_m=sides, shown_m=10.0)
    assert {one.fit.scale for one in small} == {min(maps.layout.scales)}
