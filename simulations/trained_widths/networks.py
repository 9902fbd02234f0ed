"""Trained networks of one width, and their neurons as functions on fixed examples.

A neuron of layer l is described by its pre-activations on n examples, x = z / sqrt(n), so that
|x - y|^2 is the mean square difference of two neurons over the examples. For the first layer this
is the distance of the incoming weights and bias in the metric of the data. For deeper layers it is
the only description that networks share: incoming weights refer to the neurons of the layer
before, whose order and functions differ from network to network, while the function of a neuron
does not depend on how earlier layers are permuted. So every layer is matched by itself, and the
neurons of K networks can be pooled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.networks import (
    MLP,
    AffineChain,
    Dataset,
    affine_chain,
    seeded_generators,
    train_many,
)
from lmctheory.networks.agreement import require_finite
from simulations.trained_widths.tasks import Task
from simulations.training import DIVERGED, widths_of

__all__ = ["Networks", "Neurons", "functions", "trained_networks"]


@dataclass(frozen=True)
class Neurons:
    """One hidden layer of K networks: its neurons on n examples, before and after training.

    Attributes:
        initial: ``[K, m, n]``.
        neurons: ``[K, m, n]``, the same neurons after training.
    """

    initial: Float[np.ndarray, "K m n"]
    neurons: Float[np.ndarray, "K m n"]

    @property
    def kept(self) -> float:
        """Least-squares coefficient c of trained neurons on initial ones: weight decay shrinks."""
        return float((self.neurons * self.initial).sum() / np.square(self.initial).sum())

    @property
    def movement(self) -> Float[np.ndarray, " K"]:
        """Mean square of x - c x_0 in each network."""
        moved = self.neurons - self.kept * self.initial
        return np.square(moved).sum(axis=2).mean(axis=1)

    def with_movement(self, scale: float) -> Float[np.ndarray, "K m n"]:
        """Neurons whose movement is rescaled: c x_0 + scale (x - c x_0)."""
        start = self.kept * self.initial
        return start + scale * (self.neurons - start)


@dataclass(frozen=True)
class Networks:
    """Networks of one shape.

    Attributes:
        chains: the K networks.
        layers: their hidden layers, from the input on.
        inputs: the n examples.
        accuracy: of each network on the test data.
    """

    chains: Sequence[AffineChain]
    layers: Sequence[Neurons]
    inputs: Tensor
    accuracy: Sequence[float]


def trained_networks(task: Task, width: int, count: int, data: Dataset) -> Networks:
    """Trains so many networks of one width; without a training they stay at initialisation."""
    widths = widths_of(data, width, task.depth)
    # different for every shape: equal seeds would share first-layer weights
    sequence = np.random.SeedSequence([task.seed, task.depth, width])
    seeds = sequence.generate_state(count).tolist()
    models: Sequence[nn.Module] = [MLP(widths, rng=seeded_generators(seed)[0]) for seed in seeds]
    initial = [affine_chain(model) for model in models]
    if task.training is not None:
        models = train_many(models, data.train, task.training.config, seeds=seeds)
        require_finite(models, DIVERGED)
    chains = [affine_chain(model) for model in models]
    test = data.test
    inputs = test.inputs[: task.examples]  # as they come: both data sets are shuffled
    before, after = (functions(networks, inputs) for networks in (initial, chains))
    return Networks(
        chains=chains,
        layers=[Neurons(*pair) for pair in zip(before, after, strict=True)],
        inputs=inputs,
        accuracy=[
            float((chain(test.inputs).argmax(1) == test.labels).float().mean()) for chain in chains
        ],
    )


def functions(chains: Sequence[AffineChain], inputs: Tensor) -> list[np.ndarray]:
    """For every layer the neurons of all networks ``[K, m, n]``."""
    hidden = [chain.hidden(inputs) for chain in chains]
    scale = len(inputs) ** -0.5
    return [
        np.stack([z.detach().double().numpy().T for z, _ in of_layer]) * scale
        for of_layer in zip(*hidden, strict=True)
    ]
