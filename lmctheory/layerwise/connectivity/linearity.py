r"""Which linear law the features of the interpolated network obey (L7, L8).

With phi-bar = t phi(A) + (1-t) phi(B), layer by layer and example by example:

* **LLFC** (Zhou et al. 2023): phi(theta_t) is parallel to phi-bar. Two conditions imply it, with
  coefficient <phi^t, phi-bar> / |phi-bar|^2 = 1: *weak additivity*, sigma(z-bar) = t sigma(z_A) +
  (1-t) sigma(z_B), and *commutativity*, (W_A - W_B)(phi_A - phi_B) = 0. Their approximate version
  is C1.
* **LEWC** (Ito et al. 2025): phi_l(theta_t) = t^l phi_l(A) + (1-t)^l phi_l(B). It follows from
  *reciprocal orthogonality*, W_l^A phi_{l-1}^B = 0 = W_l^B phi_{l-1}^A for l >= 2, if there are no
  biases and sigma(t^l u + (1-t)^l v) = t^l sigma(u) + (1-t)^l sigma(v) for the pre-activations
  u = z_l^A and v = z_l^B.

*Proof of LEWC.* By induction, the case l = 1 being z_1^t = t z_1^A + (1-t) z_1^B. With the law for
l - 1, W_l^t phi_{l-1}^t = (t W_l^A + (1-t) W_l^B)(t^{l-1} phi_{l-1}^A + (1-t)^{l-1} phi_{l-1}^B) =
t^l z_l^A + (1-t)^l z_l^B, the two mixed terms being zero.

At t = 1/2 the two predictions are parallel, 2^{1-l} apart: the coefficient tells them apart and the
cosine does not. Cosines keep their sign, so that -phi-bar is no success.

The defects that feed the error are c_l = -t(1-t) (W_A - W_B)(phi_A - phi_B) and
j_l = sigma(z-bar) - t sigma(z_A) - (1-t) sigma(z_B), as in C1: at every layer they are the part of
phi^t - phi-bar that is new, the rest being carried on from earlier layers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.choices import require_choice
from lmctheory.layerwise.connectivity.layer_features import Observation, of_chains, of_modules
from lmctheory.measures.arguments import probability
from lmctheory.networks import AnyExamples
from lmctheory.networks.affine import find_chains
from lmctheory.networks.agreement import require_fit, require_segment
from lmctheory.networks.chain import require_same_architecture
from lmctheory.paths.interpolation import require_fitting
from lmctheory.results import Result

__all__ = ["MEASURES", "FeatureConnectivity", "feature_connectivity"]


@dataclass(frozen=True, eq=False, repr=False)
class FeatureConnectivity(Result):
    """How the features at theta_t relate to those of A and B, per layer and example.

    All measures are ``[layers, n]``; NaN where a layer has no such thing, or where features vanish
    and there is nothing to compare. A prediction of a layer is phi-bar for LLFC, and
    t^l phi(A) + (1-t)^l phi(B) for LEWC, l being the layer's depth.

    Attributes:
        t: where on the path; t = 1 is A.
        names: of the layers.
        depth: ``[layers]`` l, the affine layers passed (of a feed-forward network).
        cosine: cos(phi^t, phi-bar), signed.
        baseline: cos(phi^A, phi^B).
        coefficient: <phi^t, phi-bar> / |phi-bar|^2: 1 for LLFC, 2^{1-l} for LEWC at t = 1/2.
        llfc_error: |phi^t - phi-bar| / |phi-bar|.
        lewc_cosine: cos(phi^t, LEWC's prediction).
        lewc_coefficient: <phi^t, prediction> / |prediction|^2.
        lewc_error: |phi^t - prediction| / |prediction|.
        commutativity: |x - y|^2 / (|x| |y|), x = W_A phi_A + W_B phi_B, y = W_A phi_B + W_B phi_A.
        commutator: C1's residual |c_l| = t(1-t) |x - y|.
        weak_additivity: |j_l| / |phi-bar|.
        gap: C1's gap J_l = |j_l|.
    """

    t: float
    names: tuple[str, ...]
    depth: tuple[int, ...]
    cosine: Float[np.ndarray, "layers n"]
    baseline: Float[np.ndarray, "layers n"]
    coefficient: Float[np.ndarray, "layers n"]
    llfc_error: Float[np.ndarray, "layers n"]
    lewc_cosine: Float[np.ndarray, "layers n"]
    lewc_coefficient: Float[np.ndarray, "layers n"]
    lewc_error: Float[np.ndarray, "layers n"]
    commutativity: Float[np.ndarray, "layers n"]
    commutator: Float[np.ndarray, "layers n"]
    weak_additivity: Float[np.ndarray, "layers n"]
    gap: Float[np.ndarray, "layers n"]

    def mean(self, measure: str) -> Float[np.ndarray, " layers"]:
        """The mean of a measure over the examples that have it."""
        return self._each(measure, np.mean)

    def standard_error(self, measure: str) -> Float[np.ndarray, " layers"]:
        """The standard error of the mean, the examples being a sample; NaN for fewer than two."""
        return self._each(
            measure, lambda row: row.std(ddof=1) / np.sqrt(len(row)) if len(row) > 1 else np.nan
        )

    def quantiles(
        self, measure: str, levels: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95)
    ) -> Float[np.ndarray, "layers levels"]:
        """Quantiles of a measure over the examples."""
        return self._each(measure, lambda row: np.quantile(row, levels), len(levels))

    @property
    def additivity_share(self) -> Float[np.ndarray, " layers"]:
        """Weak additivity's part of the error that is new in a layer: J / (J + |c|), of means.

        1: it comes from the activation alone; 0: from commutativity alone; NaN: none is new, or the
        layer has but one of the two. (In C1 |c| carries the factor Lip(sigma), 1 for the ReLU.)
        """
        gap, commutator = self.mean("gap"), self.mean("commutator")
        return _ratio(gap, gap + commutator)

    @property
    def law(self) -> tuple[str, ...]:
        """Per layer "LLFC" or "LEWC", whichever has the smaller mean relative error.

        "both" where the predictions are the same (in the first layer), or both are exact.
        """
        llfc, lewc = self.mean("llfc_error"), self.mean("lewc_error")
        same = np.isclose(llfc, lewc, rtol=1e-6, atol=1e-9, equal_nan=True)
        return tuple(np.where(same, "both", np.where(llfc < lewc, "LLFC", "LEWC")).tolist())

    def _each(
        self, measure: str, statistic: Callable[[np.ndarray], object], size: int | None = None
    ) -> np.ndarray:
        require_choice("measure", measure, MEASURES)
        nothing = np.nan if size is None else np.full(size, np.nan)
        rows = (row[~np.isnan(row)] for row in getattr(self, measure))
        return np.array([statistic(row) if len(row) else nothing for row in rows])

    def __repr__(self) -> str:
        rows = ", ".join(
            f"{name}: {cosine:.4f} ({baseline:.4f}) x{coefficient:.3g}"
            for name, cosine, baseline, coefficient in zip(
                self.names,
                *(self.mean(name) for name in ("cosine", "baseline", "coefficient")),
                strict=True,
            )
        )
        return f"FeatureConnectivity(t={self.t:g}, mean cosine (baseline) xcoefficient: {rows})"


MEASURES = tuple(
    name for name in FeatureConnectivity.__annotations__ if name not in ("t", "names", "depth")
)
"""The names of what is measured per layer and example."""


def feature_connectivity(
    model_a: nn.Module, model_b: nn.Module, data: AnyExamples, t: float = 0.5
) -> FeatureConnectivity:
    """Compares the features of theta_t = t A + (1-t) B with what LLFC and LEWC predict.

    The layers of an affine chain are its affine maps together with the activations that follow, the
    output included; those of any other network are the submodules without submodules, in the order
    of evaluation (activations that are mere functions have no outputs to see there). Everything is
    computed in float64, in evaluation mode.

    Args:
        model_a: network A, at t = 1.
        model_b: network B, at t = 0, already aligned with A.
        data: the examples.
        t: in (0, 1).

    Returns:
        All measures, per layer and example.

    Raises:
        ValueError: for t outside (0, 1), networks of different architecture or with NaN or infinite
            weights, or data that do not fit.

    Reference:
        Keys L7, L8. Zhou et al. 2023, whose cosine takes absolute values; Ito et al. 2025.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> found = feature_connectivity(a, b, data)
        >>> found.names, found.quantiles("cosine").shape
        (('layers.0', 'layers.1'), (2, 5))
    """
    t = probability("t", t)
    chains = find_chains(model_a, model_b)
    if chains is None:
        require_segment(model_a, model_b)
        require_fit(model_a, data)
        observed = of_modules(model_a, model_b, data.inputs, t)
    else:
        a, b = chains
        require_same_architecture(a, b)
        require_fitting(data, outputs=len(a.weights[-1]), inputs=a.weights[0].shape[-1])
        a, b = a.to(dtype=torch.float64), b.to(dtype=torch.float64)
        observed = of_chains(a, b, data.inputs, t)
    return _collected(observed, t)


def _collected(observed: Iterable[list[Observation]], t: float) -> FeatureConnectivity:
    chunks, layers = [], []
    for layers in observed:
        chunks.append([_measures(layer, t) for layer in layers])
    measures = {
        name: torch.cat(
            [torch.stack([row[name] for row in chunk]) for chunk in chunks], dim=-1
        ).numpy()
        for name in MEASURES
    }
    names, depth = (tuple(getattr(row, key) for row in layers) for key in ("name", "depth"))
    return FeatureConnectivity(t, names, depth, **measures)


def _measures(seen: Observation, t: float) -> dict[str, Tensor]:
    chord = torch.lerp(seen.b, seen.a, t)
    decayed = t**seen.depth * seen.a + (1 - t) ** seen.depth * seen.b
    nothing = torch.full_like(chord[:, 0], torch.nan)
    gap = nothing if seen.gap is None else seen.gap.norm(dim=-1)
    distance, dissimilarity = nothing, nothing
    if seen.straight is not None and seen.crossed is not None:
        distance = (seen.straight - seen.crossed).norm(dim=-1)
        norms = seen.straight.norm(dim=-1) * seen.crossed.norm(dim=-1)
        dissimilarity = _share(distance.square(), norms)
    found = {
        "cosine": _cosine(seen.t, chord),
        "baseline": _cosine(seen.a, seen.b),
        "coefficient": _coefficient(seen.t, chord),
        "llfc_error": _share((seen.t - chord).norm(dim=-1), chord.norm(dim=-1)),
        "lewc_cosine": _cosine(seen.t, decayed),
        "lewc_coefficient": _coefficient(seen.t, decayed),
        "lewc_error": _share((seen.t - decayed).norm(dim=-1), decayed.norm(dim=-1)),
        "commutativity": dissimilarity,
        "commutator": t * (1 - t) * distance,
        "weak_additivity": _share(gap, chord.norm(dim=-1)),
        "gap": gap,
    }
    return {name: values.cpu() for name, values in found.items()}


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    """Signed; NaN if a vector vanishes."""
    return (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))


def _coefficient(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum(-1) / y.square().sum(-1)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """Part over whole; NaN if the whole vanishes, even if the part does not."""
    return torch.where(whole > 0, part / whole, torch.nan)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
