"""Where weights come from: a source's name goes in, its tensors come out.

SOURCE is `torchvision:resnet50` (or `torchvision:resnet50.IMAGENET1K_V2`), `timm:resnet50.a1_in1k`,
a file (.pth, .pt, .safetensors) or a folder with an aerialret model.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor

from aerialret.config.model import WEIGHT_LIBRARIES
from aerialret.errors import ConfigurationError, MissingInputError, UnreadableInputError
from aerialret.manifest import MANIFEST_NAME, Manifest, read_manifest

TORCHVISION, TIMM = WEIGHT_LIBRARIES

_MODEL_FILE = "model.safetensors"
_NESTED = ("state_dict", "model_state_dict", "model", "network")
_KINDS = "torchvision:NAME, timm:NAME, a file (.pth, .pt, .safetensors) or a model folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWeights:
    """The tensors of a source.

    Attributes:
        name: The source without the folders of this machine, as `resnet50.pth`.
        tensors: By the names that the source gives them.
        manifest: What made them, where the source is an aerialret model.
    """

    name: str
    tensors: Mapping[str, Tensor]
    manifest: Manifest | None = None

    @property
    def content_hash(self) -> str:
        """SHA-256 over names, types, shapes and values of the tensors, in the order of names."""
        digest = hashlib.sha256()
        for name, value in sorted(self.tensors.items()):
            digest.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def read_source(source: str) -> SourceWeights:
    """The tensors of `source`.

    Raises:
        ConfigurationError: A library does not know the name, or is not installed.
        MissingInputError: The file is not there, or the weights cannot be downloaded.
        UnreadableInputError: It holds no state dict, or more than tensors.
    """
    if source.startswith(TORCHVISION):
        return SourceWeights(name=source, tensors=_from_torchvision(source))
    if source.startswith(TIMM):
        return SourceWeights(name=source, tensors=_from_timm(source))
    path = Path(source)
    if path.is_dir():
        return _from_folder(path)
    if not path.is_file():
        raise MissingInputError(
            f"weights {source!r}: there is no such file or folder; weights come from {_KINDS}"
        )
    return SourceWeights(name=path.name, tensors=_from_file(path))


def _from_folder(folder: Path) -> SourceWeights:
    path = folder / _MODEL_FILE
    if not path.is_file():
        raise MissingInputError(
            f"{folder} holds no {_MODEL_FILE}, so it is no aerialret model; weights come from "
            f"{_KINDS}"
        )
    known = (folder / MANIFEST_NAME).is_file()
    return SourceWeights(
        name=folder.resolve().name,
        tensors=_from_file(path),
        manifest=read_manifest(folder, kind="model") if known else None,
    )


def _from_file(path: Path) -> dict[str, Tensor]:
    try:
        content: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            # Tensors and plain containers only: a pickle could run anything.
            else torch.load(path, weights_only=True, map_location="cpu")
        )
    except Exception as error:  # torch, pickle and safetensors raise errors that share no base
        # Without the error's text: torch's advises to load what could run anything.
        raise UnreadableInputError(
            f"{path} is no state dict of tensors alone; save one with "
            "torch.save(network.state_dict(), 'weights.pth')"
        ) from error
    return _unwrapped(content, path)


def _unwrapped(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict inside a checkpoint, however deep it lies."""
    if isinstance(content, Mapping):
        for key in _NESTED:
            if isinstance(content.get(key), Mapping):
                return _unwrapped(content[key], path)
        tensors = {str(k): value for k, value in content.items() if isinstance(value, Tensor)}
        if tensors:
            return tensors
    found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
    raise UnreadableInputError(
        f"{path} is no state dict: it holds {found or 'nothing'}, and no tensors under "
        f"{', '.join(_NESTED)}"
    )


def _from_torchvision(source: str) -> dict[str, Tensor]:
    name, _, version = source.removeprefix(TORCHVISION).partition(".")
    try:
        versions = torchvision.models.get_model_weights(name)
        weights = versions[version or "IMAGENET1K_V1"]
    except ValueError:
        raise ConfigurationError(
            f"torchvision has no model {name!r}; it has resnet18, resnet34, resnet50 and others"
        ) from None
    except KeyError:
        known = ", ".join(versions.__members__)
        raise ConfigurationError(
            f"torchvision has no weights {version!r} of {name}, but {known}"
        ) from None
    try:
        state: dict[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network; or a file of another hash
        raise MissingInputError(_not_downloaded(source, error)) from error
    return state


def _from_timm(source: str) -> dict[str, Tensor]:
    name = source.removeprefix(TIMM)
    try:
        import timm
    except ImportError:
        raise ConfigurationError(
            f"{source} needs timm, which is not installed; run 'pip install timm'"
        ) from None
    if not timm.is_model(name):
        raise ConfigurationError(f"timm {timm.__version__} has no model {name!r}")
    try:
        with _quiet("huggingface_hub"):
            state: dict[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # the hub's client, its transport and timm share no base
        raise MissingInputError(_not_downloaded(source, error)) from error
    return state


@contextmanager
def _quiet(library: str) -> Iterator[None]:
    """Keeps a library's warnings off stderr: the hub's client tells each of its ten attempts."""
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _not_downloaded(source: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"the weights {source} cannot be downloaded ({reason[:200]}); fetch them where there is a "
        "network and give the file instead"
    )
