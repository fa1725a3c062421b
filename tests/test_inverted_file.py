from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from aerialret.config import IndexConfig
from aerialret.errors import ArtefactVersionError, ConfigurationError, NotAnArtefactError
from aerialret.network.checkpoint import load_model
from aerialret.recipes import find_recipe
from aerialret.retrieval import inverted_file
from aerialret.retrieval.engines import (
    build_index_engine,
    engine_file_name,
    measure_recall,
    read_index_engine,
)
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe, read_recipe
from aerialret.retrieval.index_store import load_index
from aerialret.retrieval.inverted_file import InvertedFile, build_inverted_file, read_inverted_file
from aerialret.retrieval.search import best_of_views
from aerialret.retrieval.vector_index import NO_ROW, exact_neighbours
from tests.tiny_tileset import tiny_model, tiny_tileset

RECIPE = Recipe(engine="inverted-file")


def sparse_vectors(count: int, *, words: int = 60, held: int = 5, seed: int = 0) -> NDArray:
    """float32 [count, words], unit vectors of `held` words each."""
    random = np.random.default_rng(seed)
    vectors = np.zeros((count, words), np.float32)
    for vector in vectors:
        vector[random.choice(words, held, replace=False)] = random.uniform(0.1, 1, held)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


GALLERY, QUERIES = sparse_vectors(150), sparse_vectors(20, held=9, seed=1)


def test_search_equals_the_exact_one() -> None:
    found = build_inverted_file(GALLERY).search(QUERIES, top=12)
    wanted = exact_neighbours(QUERIES, GALLERY, top=12)
    np.testing.assert_array_equal(found.rows, wanted.rows)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)


def test_search_in_blocks_equals_search_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    index = build_inverted_file(GALLERY)
    wanted = index.search(QUERIES, top=5)
    monkeypatch.setattr(inverted_file, "_SCORES_AT_ONCE", 3 * len(GALLERY))
    found = index.search(QUERIES, top=5)
    np.testing.assert_array_equal(found.rows, wanted.rows)
    np.testing.assert_array_equal(found.scores, wanted.scores)


def test_dense_and_negative_vectors_are_searched_rightly_too() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = build_inverted_file(vectors).search(vectors[:7], top=40)
    np.testing.assert_array_equal(found.rows, exact_neighbours(vectors[:7], vectors, top=40).rows)


def test_only_selected_vectors_are_found() -> None:
    selected = np.arange(150) % 7 == 3
    found = build_inverted_file(GALLERY).search(QUERIES, top=6, selected=selected)
    wanted = exact_neighbours(QUERIES, GALLERY[selected], top=6)
    np.testing.assert_array_equal(found.rows, np.flatnonzero(selected)[wanted.rows])


def test_where_there_are_fewer_vectors_rows_are_missing() -> None:
    selected = np.zeros(150, bool)
    selected[[4, 9]] = True
    found = build_inverted_file(GALLERY).search(QUERIES, top=3, selected=selected)
    assert {tuple(sorted(row)) for row in found.rows[:, :2]} == {(4, 9)}
    assert (found.rows[:, 2] == NO_ROW).all()
    assert (found.scores[:, 2] < -1).all()


def test_equal_scores_come_in_row_order_even_where_the_list_ends_among_them() -> None:
    same = np.repeat(sparse_vectors(1), 9, axis=0)
    assert build_inverted_file(same).search(same[:1], top=4).rows.tolist() == [[0, 1, 2, 3]]


def test_a_photo_without_words_gets_rows_of_score_zero() -> None:
    found = build_inverted_file(GALLERY).search(np.zeros((1, 60), np.float32), top=3)
    assert found.rows.tolist() == [[0, 1, 2]]
    assert not found.scores.any()


def test_several_vectors_of_a_query_are_merged_as_for_faiss() -> None:
    queries = QUERIES.reshape(10, 2, 60)
    found, _ = best_of_views(build_inverted_file(GALLERY), queries, top=5)
    np.testing.assert_array_equal(found.rows, exact_neighbours(queries, GALLERY, top=5).rows)


def test_its_recall_can_be_measured_and_is_whole() -> None:
    assert measure_recall(build_inverted_file(GALLERY), GALLERY) == 1.0
    reversed_rows = build_inverted_file(np.ascontiguousarray(GALLERY[::-1]))
    assert measure_recall(reversed_rows, GALLERY) < 0.5


def test_nothing_can_be_indexed_and_asked() -> None:
    empty = build_inverted_file(np.empty((0, 60), np.float32))
    assert len(empty) == 0
    assert empty.search(QUERIES[:2], top=2).rows.tolist() == [[NO_ROW] * 2] * 2
    assert build_inverted_file(GALLERY).search(QUERIES[:0], top=2).rows.shape == (0, 2)


def test_a_file_gives_the_same_index_and_the_same_bytes(tmp_path: Path) -> None:
    index = build_inverted_file(GALLERY)
    index.write(tmp_path / "first")
    build_inverted_file(GALLERY.copy(order="F")).write(tmp_path / "second")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    again = read_inverted_file(tmp_path / "first")
    assert (len(again), again.dimensions) == (150, 60)
    np.testing.assert_array_equal(again.vectors(), GALLERY)
    np.testing.assert_array_equal(
        again.search(QUERIES, top=9).scores, index.search(QUERIES, top=9).scores
    )


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vectors.safetensors"
    build_inverted_file(GALLERY).write(path)
    content = path.read_bytes()
    whole = load_file(path)
    for broken in (content[: len(content) // 2], b"", b"something else"):
        path.write_bytes(broken)
        with pytest.raises(NotAnArtefactError, match=r"vectors\.safetensors is no readable"):
            read_inverted_file(path)
    for change in ({"rows": whole["rows"] + 100}, {"starts": whole["starts"][:-1]}):
        save_file(whole | change, path)
        with pytest.raises(NotAnArtefactError, match="is no readable inverted file"):
            read_inverted_file(path)
    with pytest.raises(NotAnArtefactError):
        read_inverted_file(tmp_path / "missing")


def test_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inverted_file, "FORMAT_VERSION", 2)
    build_inverted_file(GALLERY).write(tmp_path / "new")
    monkeypatch.undo()
    with pytest.raises(ArtefactVersionError, match=r"has format 2, but .* up to 1; upgrade"):
        read_inverted_file(tmp_path / "new")


@pytest.mark.parametrize("engine", ["faiss", "inverted-file"])
def test_both_engines_are_built_written_and_read_by_recipe(engine: str, tmp_path: Path) -> None:
    recipe = Recipe(engine=engine)
    built = build_index_engine(GALLERY, recipe=recipe)
    built.write(tmp_path / engine_file_name(recipe))
    read = read_index_engine(tmp_path / engine_file_name(recipe), recipe=recipe, device="cpu")
    assert isinstance(read, InvertedFile) is (engine == "inverted-file")
    wanted = exact_neighbours(QUERIES, GALLERY, top=3)
    for index in (built, read):
        found = index.search(QUERIES, top=3)
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)
        np.testing.assert_array_equal(index.vectors(), GALLERY)


def test_the_shipped_recipe_is_the_inverted_file() -> None:
    assert read_recipe(find_recipe("index", "inverted-file")) == RECIPE


@pytest.mark.parametrize("key", [{"factory": "HNSW32"}, {"nprobe": 3}, {"ef_search": 9}])
def test_keys_of_faiss_are_refused_for_an_inverted_file(key: dict[str, int | str]) -> None:
    with pytest.raises(ConfigurationError, match="are FAISS's, but engine is 'inverted-file'"):
        Recipe(engine="inverted-file", **key)  # type: ignore[arg-type]


def test_an_index_folder_holds_an_inverted_file_where_the_recipe_says_so(tmp_path: Path) -> None:
    tileset = tiny_tileset(tmp_path / "t")
    model = load_model(tiny_model(tmp_path / "m", tileset))
    for name in ("first", "second"):
        summary = build_index(tileset, model, tmp_path / name, config=IndexConfig(), recipe=RECIPE)
        assert summary.recall == 1.0
    first, second = (tmp_path / name / "vectors.safetensors" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    index = load_index(tmp_path / "first")
    assert isinstance(index.vectors, InvertedFile)
    own = index.vectors.search(index.vectors.vectors(), top=1).rows[:, 0]
    assert own.tolist() == list(range(len(index)))
