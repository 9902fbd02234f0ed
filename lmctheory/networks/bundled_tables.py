"""Small tables that scikit-learn holds: nothing is downloaded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["TABLES", "BundledTable", "standardised"]

Part = tuple[np.ndarray, np.ndarray]
"""Rows ``[n, d]`` and targets ``[n]``."""


@dataclass(frozen=True)
class BundledTable:
    """A table of numbers with one target for each row.

    Attributes:
        loader: name of the function of `sklearn.datasets`.
        loss: that predictions are judged by, see `lmctheory.networks.losses`.
        classes: how many; 0 for values, which are standardised as inputs are.
    """

    loader: str
    loss: str
    classes: int

    def load(self, split_seed: int) -> tuple[Part, Part]:
        """Training and test part, 80 % and 20 %, all columns standardised on the former.

        Classes are stratified.
        """
        # scikit-learn takes a second to import, and networks need it for nothing else
        from sklearn import datasets
        from sklearn.model_selection import train_test_split

        load: Callable[..., Any] = getattr(datasets, self.loader)
        rows, targets = load(return_X_y=True)
        x, x_test, y, y_test = train_test_split(
            rows,
            targets,
            test_size=0.2,
            stratify=targets if self.classes else None,
            random_state=split_seed,
        )
        x, x_test = standardised(x, x_test)
        if not self.classes:
            y, y_test = standardised(y, y_test)
        return (x, y), (x_test, y_test)


def standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both with the training part's mean taken off, over its deviation, column by column.

    A column that does not vary in the training part is only moved.
    """
    centre, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return (train - centre) / spread, (test - centre) / spread


TABLES: Mapping[str, BundledTable] = {
    "breast_cancer": BundledTable("load_breast_cancer", "binary", 2),
    "diabetes": BundledTable("load_diabetes", "squared", 0),
}
"""By the name that `load_dataset` knows."""
