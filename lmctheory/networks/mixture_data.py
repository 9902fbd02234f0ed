r"""Gaussian mixtures to be classified: the least error that there can be is known.

Class c of K has the law N(mu_c, I), all alike in probability, and the means are (s / sqrt 2) times
orthonormal vectors, each as far as s from every other. The best classifier takes the nearest mean:
along the means' directions the class's coordinate is s / sqrt 2 + z_0, the others' are z_i, and

    Bayes error = 1 - E Phi(z_0 + s / sqrt 2)^{K - 1}.

Standardising inputs, as is done with the training part, changes nothing in that.
"""

import numpy as np
import torch
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import ndtr

from lmctheory.measures.arguments import at_least, number
from lmctheory.networks.bundled_tables import standardised
from lmctheory.networks.data import Dataset, Examples
from lmctheory.networks.data_order import require_torch_generator

__all__ = ["mixture_bayes_error", "mixture_dataset"]

_NODES, _WEIGHTS = hermegauss(200)


def mixture_dataset(
    *,
    classes: int = 10,
    inputs: int = 20,
    separation: float = 4.0,
    train: int = 2048,
    test: int = 1024,
    rng: torch.Generator,
) -> Dataset:
    """A mixture of Gaussians of identity covariance, one for each class, means equally far apart.

    Args:
        classes: K, two or more.
        inputs: their dimension d, at least K.
        separation: s >= 0, the distance of two means, in standard deviations.
        train: number of training examples; inputs are standardised on them.
        test: of test examples, from the same law.
        rng: the torch generator that draws means' directions, classes and inputs.

    Returns:
        The task, by the name "mixture"; its Bayes error is `mixture_bayes_error`'s.

    Raises:
        TypeError: for what is no number, or if rng is no torch generator.
        ValueError: for a number out of range, or fewer inputs than classes.

    Example:
        >>> import torch
        >>> from lmctheory.networks import mixture_dataset
        >>> task = mixture_dataset(classes=3, inputs=5, rng=torch.Generator().manual_seed(0))
        >>> tuple(task.train.inputs.shape), len(task.test), task.classes
        ((2048, 5), 1024, 3)
    """
    classes = at_least("classes", classes, 2)
    inputs = at_least("inputs", inputs, classes)
    train, test = at_least("train", train, 2), at_least("test", test, 1)
    separation = number("separation", separation, least=0.0)
    require_torch_generator(rng)
    normal = torch.randn(inputs, classes, generator=rng, dtype=torch.float64)
    directions = torch.linalg.qr(normal).Q.T
    labels = torch.randint(classes, (train + test,), generator=rng)
    noise = torch.randn(train + test, inputs, generator=rng, dtype=torch.float64)
    x = (noise + separation / 2**0.5 * directions[labels]).numpy()
    parts = standardised(x[:train], x[train:])
    first, second = (torch.from_numpy(part.astype(np.float32)) for part in parts)
    return Dataset(
        "mixture", Examples(first, labels[:train]), Examples(second, labels[train:]), classes
    )


def mixture_bayes_error(classes: int, separation: float) -> float:
    """The error of the best classifier of `mixture_dataset`, for any number of inputs.

    Args:
        classes: K, two or more.
        separation: s >= 0.

    Returns:
        A probability, to about eight digits.

    Raises:
        TypeError: for what is no number.
        ValueError: for a number out of range.

    Example:
        >>> from lmctheory.networks import mixture_bayes_error
        >>> round(mixture_bayes_error(2, 4.0), 6)  # Phi(-s / 2)
        0.02275
    """
    classes = at_least("classes", classes, 2)
    separation = number("separation", separation, least=0.0)
    right = ndtr(_NODES + separation / 2**0.5) ** (classes - 1)
    return float(1 - right @ _WEIGHTS / _WEIGHTS.sum())
