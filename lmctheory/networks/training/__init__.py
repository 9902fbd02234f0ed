"""Training networks as the papers train theirs, many at once."""

from lmctheory.networks.training._train_many import train_many
from lmctheory.networks.training.configuration import TrainingConfig
from lmctheory.networks.training.masks import magnitude_masks, random_masks

__all__ = ["TrainingConfig", "magnitude_masks", "random_masks", "train_many"]
