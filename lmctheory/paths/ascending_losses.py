r"""Losses as convex functions that rise with every one of their arguments.

Of outputs of which only bounds are known a loss is at least what it is of numbers u that bound
linear functions of the outputs from below, provided that it is nondecreasing in each of them:

*Cross-entropy* log sum_c e^{u_c}, u_c below f_c - f_y, and u_y = 0.

*Binary cross-entropy* (1 - y) log(1 + e^{u_1}) + y log(1 + e^{u_2}), u_1 below z and u_2 below -z.

*Squared error* sum_c max(u_c, u'_c, 0)^2, u_c below f_c - y_c and u'_c below y_c - f_c: the squared
distance of y from a box.

All are convex in u, and equal the loss where the bounds are met.
"""

from abc import ABC, abstractmethod

import numpy as np
import torch
from scipy.special import expit

from lmctheory.networks import Examples
from lmctheory.networks.losses import BinaryCrossEntropy, SquaredError
from lmctheory.paths.certified_losses import require_certified

__all__ = ["AscendingLoss", "ascending_loss"]


class AscendingLoss(ABC):
    """What `least` needs of a loss; everything is float64.

    Attributes:
        offset: ``[n, q]`` what is added to the linear functions of the outputs.
    """

    offset: np.ndarray

    @abstractmethod
    def rows(self, outputs: np.ndarray) -> np.ndarray:
        """The linear functions of outputs ``[..., outputs]``: ``[..., n or 1, q]``."""

    @abstractmethod
    def each(self, u: np.ndarray) -> np.ndarray:
        """The losses ``[n]``."""

    @abstractmethod
    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Of each loss in its own u, ``[n, q]``, no entry below zero."""


class _Classes(AscendingLoss):
    def __init__(self, labels: np.ndarray, classes: int) -> None:
        self.labels = labels
        self.offset = np.zeros((len(labels), classes))

    def rows(self, outputs: np.ndarray) -> np.ndarray:
        own = outputs[..., self.labels]
        contrasts: np.ndarray = outputs[..., None, :] - own[..., None]
        return contrasts

    def each(self, u: np.ndarray) -> np.ndarray:
        found: np.ndarray = torch.from_numpy(u).logsumexp(1).numpy()
        return found

    def gradient(self, u: np.ndarray) -> np.ndarray:
        found: np.ndarray = torch.from_numpy(u).softmax(1).numpy()
        return found


class _Binary(AscendingLoss):
    def __init__(self, probabilities: np.ndarray) -> None:
        self.shares = np.stack([1 - probabilities, probabilities], 1)
        self.offset = np.zeros_like(self.shares)

    def rows(self, outputs: np.ndarray) -> np.ndarray:
        return np.concatenate([outputs, -outputs], -1)[..., None, :]

    def each(self, u: np.ndarray) -> np.ndarray:
        found: np.ndarray = (self.shares * np.logaddexp(0, u)).sum(1)
        return found

    def gradient(self, u: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.shares * expit(u)
        return found


class _Squared(AscendingLoss):
    def __init__(self, targets: np.ndarray) -> None:
        self.offset = np.concatenate([-targets, targets], 1)

    def rows(self, outputs: np.ndarray) -> np.ndarray:
        return np.concatenate([outputs, -outputs], -1)[..., None, :]

    def each(self, u: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.square(self._outside(u)).sum((1, 2))
        return found

    def gradient(self, u: np.ndarray) -> np.ndarray:
        return (2 * self._outside(u)).reshape(u.shape)

    @staticmethod
    def _outside(u: np.ndarray) -> np.ndarray:
        """``[n, 2, outputs]``: of the two sides of a box at most one is passed."""
        sides = u.reshape(len(u), 2, -1)
        below = np.maximum(sides, 0.0)
        return np.where(sides == sides.max(1, keepdims=True), below, 0.0)


def ascending_loss(data: Examples, outputs: int) -> AscendingLoss:
    """The loss of examples, for networks of so many outputs.

    Raises:
        ValueError: for a loss without certificate.
    """
    require_certified(data)
    labels = data.labels.cpu()
    if isinstance(data.loss, BinaryCrossEntropy):
        return _Binary(labels.double().flatten().numpy())
    if isinstance(data.loss, SquaredError):
        nothing = labels.new_zeros(1, len(labels), outputs).double()
        return _Squared(SquaredError.targets(nothing, labels).double().numpy())
    return _Classes(labels.numpy(), outputs)
