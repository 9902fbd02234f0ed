r"""Partial averaging: which layers of a network can be moved at no more than a given loss (L6).

Of the base network A the layers of a set S are moved to (1 - alpha) A + alpha B. Wanted is the set
that moves most, in parameters or in layers, while

    loss(A with S moved) <= reference + tolerance,

the reference being the loss of A or the mean of both networks' losses. The loss is no monotone
function of S: a set that is within the tolerance may have subsets that are not. So

- *exact* search evaluates all 2^L sets, in lexicographic order, in which sets that begin alike
  share their forward passes, so that a corner costs about two layers (`evaluate`);
- *greedy* search goes two ways: from none on it always adds the layer that raises the loss least,
  from all on it always takes back the one that lowers the loss most. L(L+1) evaluations; of the
  sets on both ways the best within the tolerance is kept.

A choice by loss is a fit to the examples it was made on: it is judged on others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float
from torch import nn

from lmctheory.choices import require_choice
from lmctheory.layerwise._layers import layers as layers_of
from lmctheory.layerwise.barriers.layer_barriers import parameter_counts
from lmctheory.layerwise.barriers.selection import Subset, members, random_groups
from lmctheory.layerwise.points.evaluation import evaluate
from lmctheory.layerwise.points.example_losses import ExampleLosses, example_losses
from lmctheory.measures.arguments import RandomSource, at_least, generator, number, positive_share
from lmctheory.networks import AnyExamples
from lmctheory.results import Result

__all__ = ["EXACT_LAYERS", "Recommendation", "recommend"]

EXACT_LAYERS = 12
"""Networks with more layers are searched greedily."""

REFERENCES = ("base", "mean")
WEIGHTS = ("parameters", "layers")
SEARCHES = ("exact", "greedy")

_Losses: TypeAlias = Callable[[Bool[np.ndarray, "sets L"]], Float[np.ndarray, " sets"]]


@dataclass(frozen=True, eq=False)
class Recommendation(Result):
    """Layers of A that can be moved towards B, and whether that holds on other examples.

    Attributes:
        layers: names of the layers to move; none if no set is within the tolerance.
        parameters: their part of all parameters.
        search: "exact" or "greedy".
        loss: of A with these layers moved, on the examples of the search.
        limit: reference + tolerance there.
        test_loss: the same network's on the test examples.
        test_limit: reference + tolerance there.
        test_error: standard error over the test examples of test_loss - test_limit.
        test_accuracy: of this network.
        random: ``[draws]`` test losses with as many layers, chosen at random.
    """

    layers: Subset
    parameters: float
    search: str
    loss: float
    limit: float
    test_loss: float
    test_limit: float
    test_error: float
    test_accuracy: float
    random: Float[np.ndarray, " draws"]

    @property
    def holds(self) -> bool:
        """Whether the test loss is within the tolerance."""
        return self.test_loss <= self.test_limit

    @property
    def random_mean(self) -> float:
        """Test loss of a random choice of as many layers."""
        return float(self.random.mean())

    @property
    def random_error(self) -> float:
        """Its standard error over the draws."""
        return float(self.random.std(ddof=1) / np.sqrt(len(self.random)))

    @property
    def random_holds(self) -> float:
        """The part of the random choices that are within the tolerance."""
        return float((self.random <= self.test_limit).mean())


def recommend(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    test: AnyExamples,
    *,
    tolerance: float,
    alpha: float = 0.5,
    reference: str = "base",
    maximise: str = "parameters",
    search: str | None = None,
    draws: int = 20,
    rng: RandomSource,
) -> Recommendation:
    """The most layers of A that can be moved towards B while the loss stays within a tolerance.

    Args:
        model_a: the base network A.
        model_b: network B, already aligned with A.
        data: examples for the search, such as the training data.
        test: other examples, on which the result is judged.
        tolerance: in nats, >= 0.
        alpha: in (0, 1], where the layers are moved to: (1 - alpha) A + alpha B.
        reference: "base", the loss of A, or "mean", of both networks' losses.
        maximise: number of "parameters" or of "layers" moved; the smaller loss decides ties.
        search: "exact" or "greedy"; exact if None and there are at most 12 layers.
        draws: random choices of as many layers to compare with, >= 2.
        rng: draws them.

    Returns:
        The layers, and how they and random ones do on the test examples.

    Raises:
        ValueError: for a tolerance < 0 or not finite, alpha outside (0, 1], draws < 2, another
            reference, quantity or search, exact search over more than 12 layers, and networks,
            inputs or labels that do not fit.

    Reference: key L6; partial averaging is the use that Adilova et al. 2024 see in it.

    Example:
        >>> import numpy as np, torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> recommend(a, b, data, data, tolerance=9.0, rng=np.random.default_rng(0)).layers
        ('layers.0', 'layers.1')
    """
    layers = layers_of(model_a)
    search = search or ("exact" if len(layers) <= EXACT_LAYERS else "greedy")
    tolerance = number("tolerance", tolerance, least=0.0)
    alpha, draws = positive_share("alpha", alpha), at_least("draws", draws, 2)
    require_choice("reference", reference, REFERENCES)
    require_choice("maximise", maximise, WEIGHTS)
    require_choice("search", search, SEARCHES)
    if search == "exact" and len(layers) > EXACT_LAYERS:
        raise ValueError(f"exact search must have at most {EXACT_LAYERS} layers, got {len(layers)}")
    drawing = generator(rng)

    def losses(sets: np.ndarray) -> np.ndarray:
        return evaluate(model_a, model_b, data, alpha * sets).loss

    ends = evaluate(model_a, model_b, data, _corners(len(layers))).loss
    limit = _reference(ends[:, None], reference).item() + tolerance
    sizes = parameter_counts(model_a, layers)
    sets, found = (_all if search == "exact" else _greedy)(losses, len(layers))
    chosen = _best(sets, found, sizes if maximise == "parameters" else np.ones_like(sizes), limit)
    names = tuple(layer.name for layer in layers)
    subset = tuple(name for name, moved in zip(names, sets[chosen], strict=True) if moved)
    groups = random_groups(names, len(subset), draws, rng=drawing) if subset else ((),) * draws
    moved = alpha * np.concatenate([sets[chosen][None], members(names, groups)])
    judged = example_losses(model_a, model_b, test, np.concatenate([_corners(len(layers)), moved]))
    return Recommendation(
        layers=subset,
        parameters=float(sets[chosen] @ sizes / sizes.sum()),
        search=search,
        loss=float(found[chosen]),
        limit=limit,
        **_on_test(judged, reference, tolerance),
    )


def _on_test(judged: ExampleLosses, reference: str, tolerance: float) -> dict[str, Any]:
    """What test examples say: at both corners, the chosen point, and random ones."""
    every = judged.loss.astype(np.float64)
    limits = _reference(every[:2], reference) + tolerance
    gap = every[2] - limits
    error = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else float("nan")
    return {
        "test_loss": float(every[2].mean()),
        "test_limit": float(np.mean(limits)),
        "test_error": error,
        "test_accuracy": float(judged.hit[2].mean()),
        "random": every[3:].mean(1),
    }


def _corners(layers: int) -> Float[np.ndarray, "2 L"]:
    """The full networks A and B."""
    return np.array([[0.0] * layers, [1.0] * layers])


def _reference(losses: Float[np.ndarray, "2 n"], reference: str) -> Float[np.ndarray, " n"]:
    """From the losses of A and B."""
    return losses[0] if reference == "base" else losses.mean(0)


def _best(sets: np.ndarray, losses: np.ndarray, weights: np.ndarray, limit: float) -> int:
    """The heaviest set within the limit, of equals the one of least loss; else the empty set."""
    weight = np.where(losses <= limit, sets @ weights, -1.0)
    weight[~sets.any(1)] = 0  # nothing moved is always a choice
    return int(np.lexsort((losses, -weight))[0])


def _all(losses: _Losses, layers: int) -> tuple[np.ndarray, np.ndarray]:
    sets = np.array(list(product([False, True], repeat=layers)))
    return sets, losses(sets)


def _greedy(losses: _Losses, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """The sets on the way up from none and on the way down from all, with their losses."""
    sets, found = [], []
    for start in (False, True):
        current = np.full(layers, start)
        sets.append(current)
        found.append(losses(current[None])[0])
        for _ in range(layers):
            flips = np.flatnonzero(current == start)
            candidates = np.tile(current, (len(flips), 1))
            candidates[np.arange(len(flips)), flips] = not start
            tried = losses(candidates)
            current = candidates[tried.argmin()]
            sets.append(current)
            found.append(tried.min())
    return np.array(sets), np.array(found)
