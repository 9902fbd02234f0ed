"""Small networks: activations, architectures, data, and the training of many at once."""

from lmctheory.networks.affine import affine_chain, evaluation_mode, find_chain
from lmctheory.networks.chain import (
    AffineChain,
)
from lmctheory.networks.cnn import CNN, VGG
from lmctheory.networks.data import (
    DATASETS,
    AnyExamples,
    Dataset,
    Examples,
    load_dataset,
)
from lmctheory.networks.data_order import seeded_generators
from lmctheory.networks.data_variants import subset, with_label_noise
from lmctheory.networks.example_sources import as_examples
from lmctheory.networks.image_files import read_cifar, read_idx
from lmctheory.networks.language import CausalTransformer
from lmctheory.networks.locally_connected import LocallyConnected2d
from lmctheory.networks.mixture_data import mixture_bayes_error, mixture_dataset
from lmctheory.networks.mlp import MLP
from lmctheory.networks.resnet import ResNet20
from lmctheory.networks.teacher_data import teacher_dataset
from lmctheory.networks.text_data import character_dataset
from lmctheory.networks.torch_activations import Activation, activation, activation_of
from lmctheory.networks.training import TrainingConfig, magnitude_masks, random_masks, train_many
from lmctheory.networks.vit import ViT

__all__ = [
    "CNN",
    "DATASETS",
    "MLP",
    "VGG",
    "Activation",
    "AffineChain",
    "AnyExamples",
    "CausalTransformer",
    "Dataset",
    "Examples",
    "LocallyConnected2d",
    "ResNet20",
    "TrainingConfig",
    "ViT",
    "activation",
    "activation_of",
    "affine_chain",
    "as_examples",
    "character_dataset",
    "evaluation_mode",
    "find_chain",
    "load_dataset",
    "magnitude_masks",
    "mixture_bayes_error",
    "mixture_dataset",
    "random_masks",
    "read_cifar",
    "read_idx",
    "seeded_generators",
    "subset",
    "teacher_dataset",
    "train_many",
    "with_label_noise",
]
