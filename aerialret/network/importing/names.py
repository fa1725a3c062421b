"""Names of tensors: those of a source go in, the names that our network gives them come out.

Three ways of naming a ResNet are known: torchvision's and timm's (`conv1`, `bn1`, `layer1`), a
`Sequential` of its children (`0`, `1`, `4`), and ours (`stem`, `layer1`), each behind wrappers as
`module.` and `backbone.`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

TRUNK = "trunk."
COUNTER = "num_batches_tracked"
"""What batch normalisation counts; no inference looks at it, so reports leave it out."""

_WRAPPERS = (
    "module.", "_orig_mod.", "model.", "network.", "net.", "backbone.", "encoder.", "encoder_q.",
    "base_encoder.", "features.", "resnet.", TRUNK,
)  # fmt: skip
_STEMS = {"conv1.": "stem.0.", "bn1.": "stem.1.", "0.": "stem.0.", "1.": "stem.1."}
_CHILDREN = {f"{number + 3}.": f"layer{number}." for number in range(1, 5)}
_OURS = "trunk.stem.0.weight"
_WHOLE = ("module.", "_orig_mod.")


class SourceName(NamedTuple):
    """A tensor's name in parts: the wrappers around the network, and the name inside it."""

    wrappers: str
    bare: str


def source_name(name: str) -> SourceName:
    """The parts of a tensor's name."""
    rest = name
    while wrapper := next((w for w in _WRAPPERS if rest.startswith(w)), ""):
        rest = rest.removeprefix(wrapper)
    return SourceName(name[: len(name) - len(rest)], rest)


def stage_of(name: str) -> str:
    """The part of a network that a tensor belongs to, as stem, layer3, head or fc."""
    return _trunk_name(source_name(name).bare).split(".")[0]


def our_names(source: Iterable[str], *, own: Iterable[str]) -> Mapping[str, str]:
    """The source's name of each of our tensors that it has, by our name.

    Where several networks lie in one source, as a teacher and its pupil, the one that has the most
    of our names is taken. Beyond the trunk only an aerialret model is believed: another's `head` is
    something else.
    """
    names, wanted = list(source), set(own)
    found = _whole_network(names, wanted)
    if found:
        return found
    parts = {name: source_name(name) for name in names}
    ours = {name: TRUNK + _trunk_name(part.bare) for name, part in parts.items()}
    fitting = [name for name in names if ours[name] in wanted]
    rank = Counter(parts[name].wrappers for name in fitting)
    if not rank:
        return {}
    best = rank.most_common(1)[0][0]
    return {ours[name]: name for name in fitting if parts[name].wrappers == best}


def _whole_network(names: list[str], wanted: set[str]) -> dict[str, str]:
    """The names of an aerialret model, by ours; empty for others'."""
    bare = {_unwrapped(name): name for name in names}
    return {name: bare[name] for name in bare if name in wanted} if _OURS in bare else {}


def _unwrapped(name: str) -> str:
    while wrapper := next((w for w in _WHOLE if name.startswith(w)), ""):
        name = name.removeprefix(wrapper)
    return name


def _trunk_name(bare: str) -> str:
    for old, new in (*_STEMS.items(), *_CHILDREN.items()):
        if bare.startswith(old):
            return new + bare.removeprefix(old)
    return bare
