"""The grid of places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerialret.errors import ConfigurationError
from aerialret.tiles.grid import Bounds, Grid, TileId

GRID = Grid(crs="EPSG:2154", tile_size_m=250.0, tile_px=100, origin_x_m=30.0, origin_y_m=70.0)

cells = st.builds(TileId, st.integers(-5000, 5000), st.integers(-5000, 5000))


@given(cells)
def test_the_centre_of_a_cell_lies_in_that_cell(tile: TileId) -> None:
    bounds = GRID.bounds(tile)
    centre_x, centre_y = (bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2
    assert GRID.tile_at(x=centre_x, y=centre_y) == tile


@given(cells)
def test_a_cell_touches_only_itself(tile: TileId) -> None:
    assert list(GRID.tiles_touching(GRID.bounds(tile))) == [tile]


@given(cells)
def test_neighbouring_cells_share_an_edge_and_no_area(tile: TileId) -> None:
    here, east = GRID.bounds(tile), GRID.bounds(TileId(tile.col + 1, tile.row))
    south = GRID.bounds(TileId(tile.col, tile.row + 1))
    assert here.right == east.left
    assert here.bottom == south.top


@given(cells)
def test_a_place_name_round_trips(tile: TileId) -> None:
    assert TileId.from_place(tile.place) == tile


def test_columns_grow_eastwards_and_rows_grow_southwards() -> None:
    assert GRID.bounds(TileId(2, 1)) == Bounds(530.0, -430.0, 780.0, -180.0)


def test_the_left_and_top_edges_belong_to_a_cell_and_the_others_do_not() -> None:
    assert GRID.tile_at(x=30.0, y=70.0) == TileId(0, 0)
    assert GRID.tile_at(x=280.0, y=-180.0) == TileId(1, 1)


def test_a_rectangle_of_two_by_three_cells_touches_six() -> None:
    bounds = GRID.block_bounds(TileId(4, -2), cols=2, rows=3)
    touching = list(GRID.tiles_touching(bounds))
    assert touching[0] == TileId(4, -2)
    assert touching[-1] == TileId(5, 0)
    assert len(touching) == 6


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan")])
def test_a_tile_without_size_is_refused(size: float) -> None:
    with pytest.raises(ConfigurationError, match="tile_size_m"):
        Grid(crs="EPSG:2154", tile_size_m=size)


def test_a_name_that_is_no_place_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="places look like"):
        TileId.from_place("Nancy")
