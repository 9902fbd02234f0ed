"""Which pairs are measured: architectures and ways of joining, along training, and by width."""

from collections.abc import Iterator, Sequence

from lmctheory.sweeps.study import Config
from simulations.layerwise.networks import JOINING, LINEAR, NETWORKS

__all__ = ["ARCHITECTURES", "CHECKPOINTS", "LEWC", "TRAINED", "WIDTHS", "cost_of", "plan"]

ARCHITECTURES = (*NETWORKS, LINEAR)

TRAINED = "MLP 4"
"""The network that is followed along training."""
CHECKPOINTS = (1, 2, 4, 8, 16, 32)
"""In epochs."""

LEWC = "MLP 2"
"""The network whose midpoint is recalibrated, by width."""
WIDTHS = (16, 64, 256, 1024)


def plan(
    dataset: str,
    architectures: Sequence[str],
    *,
    epochs: int,
    pairs: int | None,
    examples: int | None,
    seed: int,
) -> Iterator[Config]:
    """All tasks.

    Args:
        dataset: of `load_dataset`.
        architectures: of `ARCHITECTURES`.
        epochs: of training.
        pairs: of each architecture; its own number if None.
        examples: test examples, at most; its own number if None.
        seed: of everything.
    """

    def task(name: str, joining: str = JOINING[0], **changes: object) -> Config:
        network = NETWORKS.get(name)
        usual: Config = {
            "dataset": dataset,
            "architecture": name,
            "joining": joining,
            "width": network.width if network else 32,
            "epochs": epochs,
            "schedule": "cosine",
            "pairs": pairs or (network.pairs if network else 6),
            "examples": examples or (network.examples if network else 360),
            "details": True,
            "seed": seed,
        }
        return usual | changes

    brief: Config = {"details": False, "pairs": pairs or 3}
    for name in architectures:
        for joining in JOINING:
            yield task(name, joining)
    if TRAINED in architectures:
        for checkpoint in CHECKPOINTS:
            yield task(TRAINED, epochs=checkpoint, schedule="constant", **brief)
    if LEWC in architectures:
        for width in WIDTHS:
            yield task(LEWC, width=width, **brief)


def cost_of(config: Config) -> float:
    """Seconds on one core, roughly."""
    network = NETWORKS.get(config["architecture"])
    if network is None:
        return float(config["pairs"])
    return float(config["pairs"] * network.cost * (0.5 + config["width"] / network.width) / 1.5)
