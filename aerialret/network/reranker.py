"""The reranker: cells of a photo laid on cells of a place go in, how well they agree comes out.

The mean cosine of the cells that meet takes all for equal. But what a road or a bare field looks
like says little about the place, and one half that agrees well says more than two that agree
somewhat. A reranker learns both from photos whose place is known: a weight for each cell of the
photo by what it shows, and what the pattern of agreement adds. In the spirit of learnt rerankers
of retrieved images (correlation verification: Lee, Seo, Lee and Kim, CVPR 2022); ours is small, as
the cells have learnt already what the years change.
"""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from aerialret.atomic import write_bytes
from aerialret.errors import NotAnArtefactError
from aerialret.manifest import hash_file

RERANKER_NAME = "reranker.safetensors"

_OF_MODEL = "model"  # the key of the content hash in the file's metadata
_WIDTH = 24
_PATTERN_WIDTH = 16
_MOST_WEIGHT = 3.0  # as a logarithm, up and down


class CellReranker(nn.Module):
    """How well a photo's cells agree with those they are laid on; untrained, their mean cosine.

    Args:
        learnt: Numbers of a cell that are learnt.
        edges: Numbers of a cell that tell its edges.
    """

    def __init__(self, *, learnt: int, edges: int) -> None:
        super().__init__()
        self.learnt, self.edges = learnt, edges
        last, last_pattern = nn.Conv2d(_WIDTH, 1, 1), nn.Conv2d(_PATTERN_WIDTH, 1, 1)
        self.weight = nn.Sequential(
            nn.Conv2d(learnt + edges, _WIDTH, 3, padding=1), nn.ReLU(), last
        )
        self.pattern = nn.Sequential(
            nn.Conv2d(3, _PATTERN_WIDTH, 3, padding=1), nn.ReLU(),
            nn.Conv2d(_PATTERN_WIDTH, _PATTERN_WIDTH, 3, padding=1), nn.ReLU(),
            last_pattern,
        )  # fmt: skip
        for parameter in (*last.parameters(), *last_pattern.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, photo: Tensor, place: Tensor) -> Tensor:
        """Agreement of n photos and places, about as large as a mean cosine: float [n].

        Args:
            photo: float [n, learnt + edges, rows, columns], unit vectors; zero where the photo
                shows nothing, which does not count.
            place: Likewise, what they are laid on; zero where nothing is known, which counts.
        """
        products = photo * place
        learnt = products[:, : self.learnt].sum(dim=1, keepdim=True)
        edges = products[:, self.learnt :].sum(dim=1, keepdim=True)
        shows = (photo.square().sum(dim=1, keepdim=True) > 0).to(photo)
        pattern: Tensor = self.pattern(torch.cat([learnt, edges, shows], dim=1))
        weight: Tensor = self.weight(photo).clamp(-_MOST_WEIGHT, _MOST_WEIGHT).exp() * shows
        agreement = weight * (learnt + edges + pattern)
        total: Tensor = agreement.sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3)).clamp(min=1e-6)
        return total


def save_reranker(reranker: CellReranker, folder: Path, *, model: str) -> None:
    """Writes it beside the model of this content hash, in one step."""
    tensors = {name: value.detach().cpu() for name, value in reranker.state_dict().items()}
    write_bytes(folder / RERANKER_NAME, save(tensors, metadata={_OF_MODEL: model}))


def read_reranker(folder: Path, *, model: str, learnt: int, edges: int) -> CellReranker | None:
    """The reranker in a model's folder; None where there is none of this model.

    Args:
        folder: A model, or the copy of one inside an index.
        model: Its content hash.
        learnt: See `CellReranker`.
        edges: See `CellReranker`.

    Raises:
        NotAnArtefactError: The file is damaged.
    """
    path = folder / RERANKER_NAME
    if not path.is_file():
        return None
    reranker = CellReranker(learnt=learnt, edges=edges)
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get(_OF_MODEL) != model:
                return None  # of a model that was replaced
            names = file.keys()
            reranker.load_state_dict({name: file.get_tensor(name) for name in names})
    except Exception as error:  # safetensors and torch raise errors that share no base
        raise NotAnArtefactError(
            f"{path} is no readable reranker ({error}); run 'aerialret train-reranker' again"
        ) from error
    return reranker.eval()


def reranker_hash(folder: Path) -> str:
    """SHA-256 of the reranker in a model's folder; empty where there is none."""
    path = folder / RERANKER_NAME
    return hash_file(path) if path.is_file() else ""


def copy_reranker(model: Path, copy: Path) -> None:
    """Gives a copy of a model the reranker that the model has now, or none where it has none."""
    if (model / RERANKER_NAME).is_file():
        write_bytes(copy / RERANKER_NAME, (model / RERANKER_NAME).read_bytes())
    else:
        (copy / RERANKER_NAME).unlink(missing_ok=True)
