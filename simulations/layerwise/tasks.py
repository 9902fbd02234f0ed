"""What identifies a task of `layerwise`."""

from dataclasses import dataclass

from simulations.layerwise.networks import LINEAR, NETWORKS

__all__ = ["ARCHITECTURES", "LEWC", "TRAINED", "Task", "cost_of"]

ARCHITECTURES = (*NETWORKS, LINEAR)

TRAINED = "MLP 4"
"""The network that is followed along training."""
LEWC = "MLP 2"
"""The network whose midpoint is recalibrated, by width."""


@dataclass(frozen=True)
class Task:
    """Pairs of one architecture, joined in one way.

    Attributes:
        dataset: of `load_dataset`.
        architecture: of `ARCHITECTURES`.
        joining: of `JOINING`.
        width: of the networks.
        epochs: of training.
        schedule: of the learning rate.
        pairs: how many.
        examples: test examples, at most.
        details: whether all is measured, Shapley values and recommendations too.
        seed: of everything.
    """

    dataset: str
    architecture: str
    joining: str
    width: int
    epochs: int
    schedule: str
    pairs: int
    examples: int
    details: bool
    seed: int


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly."""
    network = NETWORKS.get(task.architecture)
    if network is None:
        return float(task.pairs)
    return float(task.pairs * network.cost * (0.5 + task.width / network.width) / 1.5)
