"""What identifies a task of `trained_widths`, and what it measures."""

from dataclasses import dataclass

from simulations.training import Training

__all__ = ["AtWidth", "Layer", "Measured", "Prediction", "Task", "Tested"]


@dataclass(frozen=True)
class Task:
    """Networks of one depth and training, at all widths.

    Attributes:
        dataset: a name that `load_dataset` knows.
        depth: number of hidden layers.
        estimating: widths to predict from, rising.
        testing: wider ones, whose costs are predicted.
        pool: networks of each estimating width.
        networks: of each testing width.
        examples: that describe a neuron.
        permutations: random deals of a test.
        seed: of the first network.
        training: None leaves the networks at initialisation.
    """

    dataset: str
    depth: int
    estimating: list[int]
    testing: list[int]
    pool: int
    networks: int
    examples: int
    permutations: int
    seed: int
    training: Training | None

    @property
    def phase(self) -> str:
        """The weight decay, or "initial" without training."""
        return "initial" if self.training is None else f"{self.training.weight_decay:g}"

    @property
    def widths(self) -> list[int]:
        """All widths, the estimating ones first."""
        return [*self.estimating, *self.testing]


@dataclass(frozen=True)
class Tested:
    """A test of independence.

    Attributes:
        ratio: of the statistic to that of random deals.
        p: two-sided.
    """

    ratio: float
    p: float


@dataclass(frozen=True)
class Layer:
    """The neurons of one layer at one width.

    Attributes:
        costs: matching cost per neuron of every pair j < k of networks ``[K][K]``.
        own: cost of pseudo-networks from the networks' own pool, and its standard error.
        tests: of independence, those that were made.
        variance: of the neurons.
        kept: part of the initial neurons that training keeps.
        movement: the rest, mean square in each network.
    """

    costs: list[list[float]]
    own: tuple[float, float]
    tests: dict[str, Tested]
    variance: float
    kept: float
    movement: list[float]


@dataclass(frozen=True)
class AtWidth:
    """The networks of one width.

    Attributes:
        accuracy: of each on the test data.
        gain: of each, see `d1`.
        errors: of the function at the midpoint of every pair j < k, squared, relative ``[K][K]``.
        incoherent: their incoherent part, likewise.
        layers: the hidden ones.
    """

    accuracy: list[float]
    gain: list[float]
    errors: list[list[float]]
    incoherent: list[list[float]]
    layers: list[Layer]


@dataclass(frozen=True)
class Prediction:
    """Of a layer's matching cost at a testing width, see `prediction`.

    Attributes:
        pool: a value and its standard error, as the next three.
        moved: with the movement of training rescaled.
        gauss: of the Gaussian of that covariance.
        slope: by a power law through the pool's costs.
        lower: L of that Gaussian.
        upper: U.
    """

    pool: tuple[float, float]
    moved: tuple[float, float]
    gauss: tuple[float, float]
    slope: tuple[float, float]
    lower: float
    upper: float


@dataclass(frozen=True)
class Measured:
    """What a task measures.

    Attributes:
        measured: by width.
        predictions: for each layer by testing width.
    """

    measured: dict[int, AtWidth]
    predictions: list[dict[int, Prediction]]
