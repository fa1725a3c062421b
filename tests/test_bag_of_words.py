import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError
from aerialret.network.classical import bag_of_words
from aerialret.network.classical.bag_of_words import BagOfWords
from aerialret.network.classical.sift import root_sift, sift_features
from aerialret.network.inputs import unit_range
from aerialret.network.methods import build_network
from tests.textures import textured

WORDS = 24
TILES = np.stack(
    [textured(96, seed=seed, blur_px=blur) for seed, blur in enumerate((1.5, 2, 3, 4, 5, 6))]
)


def config(words: int = WORDS) -> ModelConfig:
    return ModelConfig(method="bow-sift", input="image", words=words)


def batches(tiles: NDArray[np.uint8] = TILES) -> Iterator[NDArray[np.uint8]]:
    yield tiles[:4]
    yield tiles[4:]


def learnt(words: int = WORDS, *, seed: int = 0) -> BagOfWords:
    module = BagOfWords(config(words), seed=seed)
    module.fit(batches())
    return module


def described(module: BagOfWords, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    image = unit_range(tiles)
    return module(image, torch.zeros_like(image[:, :1])).numpy()


def words_of(module: BagOfWords, tile: NDArray[np.uint8]) -> Counter[int]:
    """The oracle: the nearest word of each descriptor, by comparing all."""
    codebook = module.codebook.numpy()
    return Counter(
        min(range(len(codebook)), key=lambda word: float(((codebook[word] - row) ** 2).sum()))
        for row in sift_features(tile).descriptors
    )


def test_a_tile_is_the_tf_idf_of_its_words() -> None:
    module = learnt()
    counts = [words_of(module, tile) for tile in TILES]
    wanted = np.zeros((len(TILES), WORDS))
    for word in range(WORDS):
        holding = sum(word in count for count in counts)
        for row, count in enumerate(counts):
            frequency = count[word] / sum(count.values())
            wanted[row, word] = frequency * np.log(len(TILES) / max(holding, 1))
    assert (wanted > 0).any(axis=1).all()
    np.testing.assert_allclose(described(module, TILES), wanted, atol=1e-6)


def test_a_turned_tile_finds_its_place() -> None:
    module = learnt()
    found = described(module, np.stack([np.rot90(tile, axes=(1, 2)).copy() for tile in TILES]))
    places = described(module, TILES)
    cosine = [
        [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in places] for a in found
    ]  # tf-idf of six textures: enough to tell them apart
    assert np.argmax(cosine, axis=1).tolist() == list(range(len(TILES)))


def test_the_same_tiles_give_the_same_words() -> None:
    first, second = learnt(), learnt()
    assert torch.equal(first.codebook, second.codebook)
    assert torch.equal(first.idf, second.idf)
    assert not torch.equal(first.codebook, learnt(seed=1).codebook)


def test_a_state_dict_gives_the_same_descriptors() -> None:
    module = learnt()
    other = BagOfWords(config())
    other.load_state_dict(module.state_dict())
    np.testing.assert_array_equal(described(other, TILES), described(module, TILES))


def test_words_are_learnt_from_a_bounded_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bag_of_words, "_TILES", 2)
    monkeypatch.setattr(bag_of_words, "_DESCRIPTORS", 30)
    few, again = learnt(), learnt()
    assert torch.equal(few.codebook, again.codebook)
    assert set(few.idf.exp().round(decimals=4).tolist()) <= {1.0, 2.0}  # N is 2


def test_every_tile_can_be_in_the_sample() -> None:
    tiles = [np.full((3, 4, 4), value, np.uint8) for value in range(6)]
    chosen: Counter[int] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bag_of_words, "sift_features", lambda tile: TileAsFeatures(tile))
        for seed in range(600):
            random = np.random.default_rng(seed)
            sample = bag_of_words._sampled_descriptors(tiles, most=2, random=random)
            chosen.update(int(values[0, 0, 0]) for values in sample)
    assert sum(chosen.values()) == 1200
    assert all(abs(chosen[value] - 200) < 60 for value in range(6))  # five standard deviations


class TileAsFeatures:
    def __init__(self, tile: NDArray[np.uint8]) -> None:
        self.descriptors = tile


def test_before_fit_the_message_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"no visual words yet; run 'aerialret train'"):
        described(BagOfWords(config()), TILES)


def test_more_words_than_keypoints_are_refused() -> None:
    flat = np.full((2, 3, 64, 64), 90, np.uint8)
    with pytest.raises(ConfigurationError, match=r"words is 24, .* have 0 keypoints; lower"):
        BagOfWords(config()).fit([flat])
    with pytest.raises(ConfigurationError, match="have 0 keypoints"):
        BagOfWords(config()).fit([])


def test_a_picture_without_keypoints_gives_zeros_even_when_normalised() -> None:
    network = build_network(config(), tile_px=96)
    assert isinstance(network, BagOfWords)
    network.fit(batches())
    flat = torch.full((2, 3, 64, 64), 0.4)
    raw = network(flat, flat[:, :1])
    assert torch.equal(raw, torch.zeros(2, WORDS))
    assert torch.equal(network.finish(raw), raw)


def test_no_picture_gives_no_descriptor() -> None:
    assert described(learnt(), TILES[:0]).shape == (0, WORDS)


def test_keypoints_keep_away_from_pixels_without_image() -> None:
    image = textured(128)
    valid = np.ones((128, 128), bool)
    valid[:, :50] = False
    image[:, ~valid] = 0
    found = sift_features(image, valid)
    assert len(found) > 20
    assert found.points[:, 0].min() >= 57
    assert found.points[:, 1].min() < 30


def test_root_sift_has_the_hellinger_kernel_as_inner_product() -> None:
    raw = np.random.default_rng(0).uniform(0, 200, (2, 128)).astype(np.float32)
    a, b = raw / raw.sum(axis=1, keepdims=True)
    first, second = root_sift(raw)
    np.testing.assert_allclose(first @ second, np.sqrt(a * b).sum(), rtol=1e-5)
    assert not root_sift(np.zeros((1, 128), np.float32)).any()


def test_opencv_and_faiss_are_imported_where_they_are_needed_only() -> None:
    script = """
import sys
from aerialret.config import ModelConfig
from aerialret.network.classical import build_classical
build_classical(ModelConfig(method="hog", input="image"))
build_classical(ModelConfig(method="colour-histogram", input="image"))
assert not {"cv2", "faiss"} & set(sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    assert ended.returncode == 0
