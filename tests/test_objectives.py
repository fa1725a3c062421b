"""Every loss agrees with a slow loop, can be differentiated, and is zero with nothing to learn."""

from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning import distances, losses, miners
from torch import Tensor
from torch.nn.functional import normalize

from aerialret.config import TrainConfig
from aerialret.errors import ConfigurationError
from aerialret.training.losses import batch_negatives, hardest_negatives, pair_loss
from aerialret.training.objectives import Objective, build_objective
from aerialret.training.objectives.hierarchical_triplet import LEVELS, HierarchicalTriplet
from aerialret.training.objectives.proxies import PROXY_SCALE
from tests import slow_losses as slow

R, PLACES = 5, 11
BATCH = [4, 9, 4, 7, 1, 0]  # place 4 twice

PAIR_LOSSES: list[dict[str, Any]] = [
    {"loss": "contrastive", "margin": 1.3},
    {"loss": "contrastive", "margin": 1.3, "negatives": "hardest"},
    {"loss": "triplet", "miner": "all", "margin": 0.4},
    {"loss": "triplet", "miner": "hard", "margin": 0.4},
    {"loss": "triplet", "miner": "semi-hard", "margin": 0.4},
    {"loss": "triplet", "miner": "random", "margin": 0.4},
    {"loss": "multi-similarity"},
    {"loss": "ntxent", "temperature": 0.3},
    {"loss": "ntxent", "temperature": 3.0, "distance_on": "raw"},
]
LOSSES: list[dict[str, Any]] = [
    {"loss": "bce"},
    {"loss": "bce", "negatives": "batch"},
    {"loss": "bce", "negatives": "hardest"},
    *PAIR_LOSSES,
    {"loss": "hierarchical-triplet", "margin": 0.1},
    {"loss": "proxy-nca"},
    {"loss": "softtriple", "centres": 3},
]
WITHOUT_NEGATIVES_ZERO = [
    options
    for options in LOSSES
    if options["loss"] in ("triplet", "hierarchical-triplet", "multi-similarity", "ntxent")
]


def name(options: dict[str, Any]) -> str:
    return "-".join(str(value) for value in options.values())


every_loss = pytest.mark.parametrize("options", LOSSES, ids=name)
both_precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def objective(
    options: dict[str, Any], dtype: torch.dtype = torch.float64, **further: Any
) -> Objective:
    """A loss; the hierarchical one with its tree."""
    config = TrainConfig(**({"distance_on": "unit"} | options))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        built = build_objective(config, dimensions=R, places=PLACES, **further).to(dtype)
    built.learn_places(*training_places(dtype))
    return built


def some(n: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(n, R, dtype=torch.float64, generator=generator), dim=1).to(dtype)


def training_places(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Descriptors of all places at two dates, which differ by a little."""
    first = some(PLACES, 11)
    return first.to(dtype), normalize(first + 0.4 * some(PLACES, 12), dim=1).to(dtype)


def batch(
    options: dict[str, Any], dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    """Descriptors of `BATCH` at two dates, and strangers where the loss takes them."""
    gallery = some(len(BATCH), 2)
    query = normalize(gallery + 0.7 * some(len(BATCH), 1), dim=1)
    if options["loss"] == "bce" and options.get("negatives", "sampled") == "sampled":
        strangers = [(place + 1) % PLACES for place in BATCH]
        both = torch.cat([query, some(len(BATCH), 5)])
        return both.to(dtype), gallery.to(dtype), torch.tensor(BATCH + strangers)
    return query.to(dtype), gallery.to(dtype), torch.tensor(BATCH)


def oracle(
    options: dict[str, Any], built: Objective, inputs: tuple[Tensor, ...], memory: Any = ()
) -> float:
    query, gallery = (tensor.double().numpy() for tensor in inputs[:2])
    loss, margin = options["loss"], options.get("margin", 0.2)
    tiles = slow.tiles_of(query, gallery, inputs[2].tolist())
    state = {key: value.double().numpy() for key, value in built.state_dict().items()}
    if loss == "contrastive":
        hardest = options.get("negatives") == "hardest"
        return slow.contrastive(tiles, margin=margin, hardest=hardest, memory=memory)
    if loss == "triplet":
        return slow.triplet(tiles, margin=margin, miner=options["miner"], memory=memory)
    if loss == "hierarchical-triplet":
        first, second = (tensor.numpy() for tensor in training_places(torch.float64))
        alpha = slow.hierarchical_margins(first, second, beta=margin, levels=LEVELS)
        return slow.hierarchical_triplet(tiles, alpha=lambda a, n: alpha[a, n])
    if loss == "multi-similarity":
        return slow.multi_similarity(tiles, memory=memory)
    if loss == "ntxent":
        raw = options.get("distance_on") == "raw"
        return slow.nt_xent(tiles, temperature=options["temperature"], raw=raw, memory=memory)
    if loss == "proxy-nca":
        return slow.proxy_nca(tiles, state["classes.proxies"], scale=PROXY_SCALE)
    centres = state["classes.fc"].T.reshape(PLACES, options["centres"], R)
    return slow.soft_triple(tiles, centres)


@both_precisions
@pytest.mark.parametrize(
    "options",
    [o for o in LOSSES if o["loss"] != "bce" and o.get("miner") != "random"],
    ids=name,
)
def test_a_loss_is_that_of_a_slow_loop(options: dict[str, Any], dtype: torch.dtype) -> None:
    built, inputs = objective(options, dtype), batch(options, dtype)
    found, expected = built(*inputs), oracle(options, built, inputs)
    assert found.dtype == dtype
    assert expected > 0.01
    # Levels of the tree come from float32 descriptors in either precision.
    exact = dtype == torch.float64 and options["loss"] != "hierarchical-triplet"
    assert found.item() == pytest.approx(expected, rel=1e-10 if exact else 2e-5)


@both_precisions
def test_sampled_cross_entropy_pairs_each_query_with_its_stranger(dtype: torch.dtype) -> None:
    built = objective({"loss": "bce"}, dtype)
    query, gallery, places = batch({"loss": "bce"}, dtype)
    n = len(gallery)
    expected = pair_loss(built.similarity, (query[:n], gallery), (query[:n], query[n:]))
    assert built(query, gallery, places).item() == expected.item()


@both_precisions
@pytest.mark.parametrize("negatives", ["batch", "hardest"])
def test_cross_entropy_takes_its_negatives_from_the_batch(
    negatives: str, dtype: torch.dtype
) -> None:
    options = {"loss": "bce", "negatives": negatives}
    built, inputs = objective(options, dtype), batch(options, dtype)
    query, gallery, places = inputs
    pairs = (
        batch_negatives(query, gallery, places)
        if negatives == "batch"
        else hardest_negatives(built.similarity, query, gallery, places)
    )
    expected = pair_loss(built.similarity, (query, gallery), pairs)
    assert built(*inputs).item() == expected.item()


def test_temperature_and_multi_similarity_are_those_of_pytorch_metric_learning() -> None:
    query, gallery, places = batch({"loss": "ntxent"})
    both, labels = torch.cat([query, gallery]), torch.cat([places, places])
    unit = losses.NTXentLoss(temperature=0.3)(both, labels)
    raw = losses.NTXentLoss(
        temperature=3.0, distance=distances.DotProductSimilarity(normalize_embeddings=False)
    )
    chosen = miners.MultiSimilarityMiner()(both, labels)
    expected = {
        0.3: unit.item(),
        3.0: raw(2 * both, labels).item(),
        None: losses.MultiSimilarityLoss()(both, labels, chosen).item(),
    }
    found = {
        0.3: objective({"loss": "ntxent", "temperature": 0.3})(query, gallery, places).item(),
        3.0: objective({"loss": "ntxent", "temperature": 3.0, "distance_on": "raw"})(
            2 * query, 2 * gallery, places
        ).item(),
        None: objective({"loss": "multi-similarity"})(query, gallery, places).item(),
    }
    assert found == pytest.approx(expected, rel=1e-10)


@every_loss
def test_a_gradient_is_that_of_finite_differences(options: dict[str, Any]) -> None:
    built = objective(options).eval()
    query, gallery, places = batch(options)
    inputs = (query.requires_grad_(), gallery.requires_grad_())
    assert torch.autograd.gradcheck(lambda q, g: built(q, g, places), inputs, atol=1e-6)


@pytest.mark.parametrize("loss", ["bce", "proxy-nca", "softtriple"])
def test_the_gradient_of_a_loss_s_own_parameters_is_that_of_finite_differences(loss: str) -> None:
    built, inputs = objective({"loss": loss}), batch({"loss": loss})
    parameters = dict(built.named_parameters())

    def of_parameters(*values: Tensor) -> Tensor:
        replaced = dict(zip(parameters, values, strict=True))
        return torch.func.functional_call(built, replaced, inputs)

    if loss == "bce":
        values = tuple(p.detach().clone().requires_grad_() for p in parameters.values())
        assert torch.autograd.gradcheck(of_parameters, values, atol=1e-6)
        return
    # pytorch-metric-learning casts its parameters in place: differences of the parameter itself.
    (parameter,) = parameters.values()
    built(*inputs).backward()
    with torch.no_grad():
        for cell in [(0, 0), (2, 3), (4, 1)]:
            value, step = parameter[cell].item(), 1e-6
            sides = []
            for sign in (1, -1):
                parameter[cell] = value + sign * step
                sides.append(built(*inputs).item())
            parameter[cell] = value
            slope = (sides[0] - sides[1]) / (2 * step)
            assert parameter.grad[cell].item() == pytest.approx(slope, rel=1e-5, abs=1e-8)


@every_loss
def test_a_batch_without_places_is_zero_and_can_be_differentiated(options: dict[str, Any]) -> None:
    empty = torch.empty(0, R, dtype=torch.float64, requires_grad=True)
    loss = objective(options)(empty, empty, torch.empty(0, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize("options", WITHOUT_NEGATIVES_ZERO, ids=name)
@pytest.mark.parametrize("places", [[3], [3, 3]], ids=["once", "twice"])
def test_one_place_alone_is_zero_with_a_gradient_of_zero(
    options: dict[str, Any], places: list[int]
) -> None:
    query, gallery = (some(len(places), seed).requires_grad_() for seed in (1, 2))
    loss = objective(options)(query, gallery, torch.tensor(places))
    loss.backward()
    assert loss.item() == 0
    assert query.grad.abs().max().item() == 0
    assert gallery.grad.abs().max().item() == 0


@pytest.mark.parametrize("negatives", ["batch", "hardest"])
def test_one_place_alone_only_pulls_its_dates_together(negatives: str) -> None:
    options = {"loss": "contrastive", "margin": 5.0, "negatives": negatives}
    query, gallery = some(1, 1), some(1, 2)
    expected = 0.5 * (query - gallery).square().sum().item()
    assert objective(options)(query, gallery, torch.tensor([3])).item() == pytest.approx(expected)


@every_loss
def test_equal_descriptors_have_a_finite_gradient(options: dict[str, Any]) -> None:
    _, gallery, places = batch(options)
    query = gallery[:1].repeat(len(places), 1).requires_grad_()
    gallery = gallery[:1].repeat(len(gallery), 1).requires_grad_()
    objective(options)(query, gallery, places).backward()
    assert torch.isfinite(query.grad).all()
    assert torch.isfinite(gallery.grad).all()


@every_loss
def test_the_order_of_a_batch_does_not_matter(options: dict[str, Any]) -> None:
    built = objective(options).eval()
    query, gallery, places = batch(options)
    if options.get("miner") == "random":  # twice the same place: it is open which tile is drawn
        query, gallery, places = query[1:], gallery[1:], places[1:]
    order = torch.tensor([3, 0, 4, 1, 5, 2]) if len(gallery) == 6 else torch.tensor([3, 0, 4, 2, 1])
    rows = torch.cat([order + start for start in range(0, len(query), len(gallery))])
    shuffled = built(query[rows], gallery[order], places[rows])
    assert shuffled.item() == pytest.approx(built(query, gallery, places).item(), rel=1e-12)


@pytest.mark.parametrize(
    "options", [o for o in LOSSES if o["loss"] not in ("proxy-nca", "softtriple")], ids=name
)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_neighbours_are_as_if_they_were_not_negatives(
    options: dict[str, Any], sparse: bool
) -> None:
    everywhere = torch.ones(PLACES, PLACES, dtype=torch.bool)
    neighbours = everywhere.to_sparse() if sparse else everywhere
    built = objective(options, neighbours=neighbours)
    inputs = batch(options)
    n = len(inputs[1])
    found = built(*inputs).item()
    if options["loss"] == "bce":
        empty = torch.empty(0, R, dtype=torch.float64)
        positives = inputs[0][:n], inputs[1]
        assert found == pair_loss(built.similarity, positives, (empty, empty)).item()
    elif options["loss"] == "contrastive":
        tiles = slow.tiles_of(inputs[0].numpy(), inputs[1].numpy(), BATCH)
        assert found == pytest.approx(slow.contrastive(tiles, margin=0))
    else:
        assert found == 0


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_only_the_pairs_that_overlap_are_left_out(sparse: bool) -> None:
    neighbours = torch.zeros(PLACES, PLACES, dtype=torch.bool)
    neighbours[9, 1] = neighbours[0, 7] = True  # one direction says both
    query, gallery, places = batch({"loss": "triplet"})
    built = objective(
        {"loss": "triplet", "miner": "all", "margin": 0.4},
        neighbours=neighbours.to_sparse() if sparse else neighbours,
    )
    tiles = slow.tiles_of(query.numpy(), gallery.numpy(), BATCH)
    overlapping = {(9, 1), (1, 9), (0, 7), (7, 0)}
    hinges = [
        max(
            slow.distance(a.vector, p.vector) ** 2 - slow.distance(a.vector, n.vector) ** 2 + 0.4, 0
        )
        for a, p in slow.positives(tiles)
        for n in slow.negatives(a, tiles)
        if (a.place, n.place) not in overlapping
    ]
    assert built(query, gallery, places).item() == pytest.approx(slow.mean(hinges), rel=1e-10)


def test_neighbours_of_other_places_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"\(3, 3\) places, but the training has 11"):
        objective({"loss": "triplet"}, neighbours=torch.eye(3, dtype=torch.bool))


@pytest.mark.parametrize(
    "options", [o for o in PAIR_LOSSES if o.get("miner") != "random"], ids=name
)
def test_past_batches_are_further_negatives(options: dict[str, Any]) -> None:
    built = objective(options | {"memory": 20})
    first, second = batch(options), batch(options)
    past = some(4, 21), some(4, 22), torch.tensor([4, 10, 2, 0])
    assert built(*first).item() == pytest.approx(objective(options)(*first).item())
    built(*past)
    memory = [
        slow.Tile(tile.vector, tile.place, "memory")
        for query, gallery, places in (first, past)
        for tile in slow.tiles_of(query.numpy(), gallery.numpy(), places.tolist())
    ]
    expected = oracle(options, built, second, memory)
    assert expected != pytest.approx(oracle(options, built, second), rel=1e-6)
    assert built(*second).item() == pytest.approx(expected, rel=1e-10)


def test_the_memory_forgets_the_oldest_and_survives_its_state() -> None:
    options = {"loss": "ntxent", "memory": 5}
    built = objective(options)
    query, gallery = some(2, 1), some(2, 2)
    built(query, gallery, torch.tensor([1, 2]))
    built(query * 2, gallery * 2, torch.tensor([3, 4]))
    assert built.memory.places.tolist() == [4, 3, 4, 2, 3]
    restored = objective(options)
    restored.load_state_dict(built.state_dict())
    inputs = batch(options)
    assert restored(*inputs).item() == built(*inputs).item()
    assert torch.equal(restored.memory.descriptors, built.memory.descriptors)


def test_a_batch_larger_than_the_memory_leaves_its_last_rows() -> None:
    built = objective({"loss": "ntxent", "memory": 3})
    query, gallery, places = batch({"loss": "ntxent"})
    built(query, gallery, places)
    assert built.memory.places.tolist() == BATCH[-3:]
    assert torch.equal(built.memory.descriptors, gallery[-3:])
    assert not built.memory.descriptors.requires_grad


def test_nothing_is_remembered_outside_training() -> None:
    built = objective({"loss": "triplet", "memory": 8}).eval()
    built(*batch({"loss": "triplet"}))
    assert built.memory.places.tolist() == [-1] * 8
    assert built.step.item() == 0


@pytest.mark.parametrize("loss", ["bce", "hierarchical-triplet", "proxy-nca", "softtriple"])
def test_a_loss_without_use_for_a_memory_refuses_it(loss: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"train.memory is 9, but train.loss '{loss}'"):
        objective({"loss": loss, "memory": 9})


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"loss": "bce"}, "train.loss 'bce'"),
        ({"loss": "softtriple"}, "train.loss 'softtriple'"),
        ({"loss": "triplet", "memory": 9}, "train.memory"),
    ],
    ids=["bce", "softtriple", "memory"],
)
def test_slices_of_descriptors_need_a_loss_of_any_length(
    options: dict[str, Any], what: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"{what} keeps vectors of its whole length"):
        objective(options | {"batches": "clusters"})


def test_the_hierarchical_triplet_refuses_raw_descriptors() -> None:
    with pytest.raises(ConfigurationError, match=r"but train\.distance_on is 'raw'"):
        objective({"loss": "hierarchical-triplet", "distance_on": "raw"})


def test_every_pair_of_places_has_its_margin() -> None:
    config = TrainConfig(loss="hierarchical-triplet", distance_on="unit", margin=0.1)
    built = build_objective(config, dimensions=R, places=37).double()
    assert isinstance(built, HierarchicalTriplet)
    query = some(37, 1)
    gallery = normalize(query + 0.4 * some(37, 2), dim=1)
    built.learn_places(query, gallery)
    places = torch.arange(37)
    expected = slow.hierarchical_margins(query.numpy(), gallery.numpy(), beta=0.1, levels=LEVELS)
    apart = ~np.eye(37, dtype=bool)
    assert len(np.unique(expected[apart].round(6))) > 37
    np.testing.assert_allclose(
        built.margins(places, places).numpy()[apart], expected[apart], atol=1e-6
    )


def test_before_there_is_a_tree_the_margin_is_its_constant_part() -> None:
    config = TrainConfig(loss="hierarchical-triplet", distance_on="unit", margin=0.3)
    built = build_objective(config, dimensions=R, places=PLACES)
    query, gallery, places = batch({"loss": "hierarchical-triplet"}, torch.float32)
    tiles = slow.tiles_of(query.double().numpy(), gallery.double().numpy(), BATCH)
    expected = slow.hierarchical_triplet(tiles, alpha=lambda a, n: 0.3)
    assert built(query, gallery, places).item() == pytest.approx(expected, rel=1e-5)


def test_the_tree_survives_its_state_and_is_replaced_by_the_next() -> None:
    options = {"loss": "hierarchical-triplet"}
    built, inputs = objective(options), batch(options)
    config = TrainConfig(loss="hierarchical-triplet", distance_on="unit")
    restored = build_objective(config, dimensions=R, places=PLACES).double()
    restored.load_state_dict(built.state_dict())
    before = built(*inputs).item()
    assert restored(*inputs).item() == before
    restored.learn_places(some(PLACES, 31), some(PLACES, 32))
    assert restored(*inputs).item() != before
    restored.learn_places(*training_places(torch.float64))
    assert restored(*inputs).item() == before


@pytest.mark.parametrize("places", [1, 2, 3])
def test_a_tree_of_few_places_can_be_learnt(places: int) -> None:
    config = TrainConfig(loss="hierarchical-triplet", distance_on="unit")
    built = build_objective(config, dimensions=R, places=places).double()
    query, gallery = some(places, 1), some(places, 2)
    built.learn_places(query, gallery)
    loss = built(query, gallery, torch.arange(places)).item()
    assert (loss == 0) == (places == 1)


def test_where_all_negatives_are_nearer_the_farthest_is_semi_hard() -> None:
    query, gallery = torch.tensor([[0.0], [1.0]]), torch.tensor([[9.0], [3.0]])
    built = build_objective(
        TrainConfig(loss="triplet", miner="semi-hard", margin=0.5), dimensions=1, places=2
    )
    # Squares: 0-9 is 81, and 1-3 is 4; from 0, 1 is 1 and 3 is 9; from 9, 64 and 36.
    hinges = [81 - 9 + 0.5, 81 - 64 + 0.5, 4 - 64 + 0.5, 4 - 9 + 0.5]
    found = built(query, gallery, torch.tensor([0, 1])).item()
    assert found == pytest.approx(sum(max(h, 0) for h in hinges) / 4)


def test_random_negatives_are_all_equally_likely() -> None:
    options = {"loss": "triplet", "miner": "random", "margin": 0.4}
    query, gallery, places = (tensor[1:] for tensor in batch(options))
    built = objective(options)
    drawn = [built(query, gallery, places).item() for _ in range(1500)]
    everything = objective(options | {"miner": "all"})(query, gallery, places).item()
    assert np.std(drawn) > 0.01
    assert np.mean(drawn) == pytest.approx(everything, rel=0.03)


def test_random_negatives_follow_from_seed_and_step() -> None:
    options = {"loss": "triplet", "miner": "random", "margin": 0.4, "seed": 5}
    inputs = batch(options)
    first = objective(options)
    draws = [first(*inputs).item() for _ in range(6)]
    again = objective(options)
    assert [again(*inputs).item() for _ in range(6)] == draws
    assert len(set(draws)) > 1
    resumed, stopped = objective(options), objective(options)
    _ = [stopped(*inputs) for _ in range(3)]
    resumed.load_state_dict(stopped.state_dict())
    assert [resumed(*inputs).item() for _ in range(3)] == draws[3:]
    other = objective(options | {"seed": 6})
    assert [other(*inputs).item() for _ in range(6)] != draws


def test_large_raw_products_keep_their_gradient() -> None:
    query, gallery = (60 * some(4, seed, torch.float32) for seed in (1, 2))
    built = objective({"loss": "ntxent", "temperature": 0.5, "distance_on": "raw"}, torch.float32)
    loss = built(query.requires_grad_(), -gallery, torch.arange(4))
    loss.backward()
    assert torch.isfinite(loss)
    assert query.grad.abs().amax(dim=1).min().item() > 0.1


def test_near_descriptors_keep_their_distance_in_float32() -> None:
    gallery = some(1, 1, torch.float32)
    query = gallery.clone()
    query[0, 2] += 2**-12
    loss = objective({"loss": "contrastive"}, torch.float32)(query, gallery, torch.tensor([0]))
    assert loss.item() == pytest.approx(0.5 * 2**-24, rel=1e-3)


def test_only_what_has_parameters_has_a_rate() -> None:
    config = TrainConfig(rate_similarity=0.3, rate_proxies=0.7)
    rates = {o["loss"]: objective(o).rate(config) for o in LOSSES}
    assert rates == {
        "bce": 0.3, "contrastive": None, "triplet": None, "hierarchical-triplet": None,
        "proxy-nca": 0.7, "softtriple": 0.7, "multi-similarity": None, "ntxent": None,
    }  # fmt: skip
    for options in LOSSES:
        built = objective(options)
        assert (built.rate(config) is None) == (not list(built.parameters()))


def test_only_sampled_cross_entropy_uses_strangers() -> None:
    asking = [o for o in LOSSES if objective(o).uses_strangers]
    assert asking == [{"loss": "bce"}]
