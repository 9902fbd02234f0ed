"""How the networks of studies are trained, as it stands in the keys of their tasks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from torch import nn

from lmctheory.networks import MLP, Dataset, TrainingConfig, seeded_generators, train_many

__all__ = ["DIVERGED", "Training", "require_classes", "trained_mlps", "widths_of"]

DIVERGED = "training diverged to NaN weights: lower --learning-rate"
"""Said where `require_finite` refuses networks that `--learning-rate` trained."""


@dataclass(frozen=True)
class Training:
    """The fields that `TrainingConfig` had when the first results were stored.

    A key holds all of them, so that they must not change with the package: what it gains or loses
    has no part in what studies vary. The loss is that of the data. `warmup_from` came later, and is
    in keys only where it is not None.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup_steps: int = 0
    optimiser: str = "sgd"
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    loss: str = "cross_entropy"
    warmup_from: float | None = None

    def __post_init__(self) -> None:
        _ = self.config  # refuses what training would

    @property
    def config(self) -> TrainingConfig:
        """As the package takes it."""
        fields = asdict(self)
        del fields["loss"]
        return TrainingConfig(**fields)


def require_classes(data: Dataset) -> None:
    """Refuses data without an output for each class, of which a study counts the largest.

    Raises:
        ValueError: naming them.
    """
    if data.outputs != data.classes:
        raise ValueError(f"dataset must have an output for each class, got {data.name!r}")


def widths_of(data: Dataset, width: int, depth: int) -> tuple[int, ...]:
    """Of an MLP for data, its hidden layers of one width."""
    return (data.train.inputs[0].numel(), *[width] * depth, data.outputs)


def trained_mlps(
    data: Dataset,
    widths: Sequence[int],
    config: TrainingConfig,
    seeds: Sequence[int],
    activation: str = "relu",
    parametrisation: str = "standard",
    initialisation: str = "he",
) -> list[nn.Module]:
    """One MLP for each seed, of its weights and its data order."""
    initial: list[MLP] = [
        MLP(
            widths,
            activation,
            initialisation=initialisation,
            parametrisation=parametrisation,
            rng=seeded_generators(seed)[0],
        )
        for seed in seeds
    ]
    factors = initial[0].rate_factors(config.optimiser)
    return train_many(initial, data.train, config, seeds=seeds, rate_factors=factors)
