"""Training networks as the papers train theirs, many at once."""

from lmctheory.networks.training._train_many import train_many
from lmctheory.networks.training.configuration import TrainingConfig

__all__ = ["TrainingConfig", "train_many"]
