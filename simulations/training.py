"""How the networks of studies are trained, as it stands in the keys of their tasks."""

from dataclasses import asdict, dataclass

from lmctheory.networks import TrainingConfig

__all__ = ["Training"]


@dataclass(frozen=True)
class Training:
    """The fields that `TrainingConfig` had when the first results were stored.

    A key holds all of them, so that they must not change with the package: what it gains or loses
    has no part in what studies vary. The loss is that of the data.
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

    def __post_init__(self) -> None:
        _ = self.config  # refuses what training would

    @property
    def config(self) -> TrainingConfig:
        """As the package takes it."""
        fields = asdict(self)
        del fields["loss"]
        return TrainingConfig(**fields)
