"""What was published of widths and depths, and what the theory has, judged by the exponents.

Published claims name a side, see `simulations.effects`. That two exponents are the same is another
kind of claim: it is *reproduced* if the 95 % interval of their difference lies within .1 of zero,
*different* if it does not and leaves zero out, and *undecided* else.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.measured import UNMATCHED
from simulations import claims, effects
from simulations.claims import Verdict
from simulations.effects import Effect
from simulations.width_exponents.curves import Curve, Draws, exponent
from simulations.width_exponents.measurement import MATCHED

__all__ = ["SAME", "WIDEST", "comparisons", "published"]

SAME = 0.1
"""Exponents that differ by less are the same."""
WIDEST = 3
"""So many widths are the wide ones."""
_FALLS, _EXCEEDS = -0.1, 0.1
_DEEPER = float(np.log(2))
"""Of a barrier twice as high."""
_HALF = -0.5
_KINDS = {"none": UNMATCHED, "matched": MATCHED}
_SYMMETRIES = {"tanh": ("S1", -1.0, "without signs"), "relu": ("S2", 1.0, "with scales")}
"""By activation the key, the side of what the other way does to the barrier, and that way."""

_Of = Callable[[Curve], Draws]


def published(found: Sequence[Curve]) -> list[effects.Claim]:
    """Claims of a side, one activation after another."""
    judged = [claim for _, own in _by_activation(found) for claim in _of_activation(own)]
    two = [curve for curve in found if (curve.activation, curve.depth) == ("relu", 1)]
    halves = _slope(two, _barriers(MATCHED))
    return [*judged, effects.Claim("relu, 1 layer: m^-1/2", "Zhan", halves, _HALF, sized=True)]


def _of_activation(own: Sequence[Curve]) -> Iterator[effects.Claim]:
    name = own[0].activation
    for kind, alignment in _KINDS.items():
        falls = _slope(own, _barriers(alignment))
        yield effects.Claim(f"{name}, {kind}: falls", "Entezari", falls, _FALLS)
    for kind, alignment in _KINDS.items():
        deeper = _deeper(own, _barriers(alignment))
        yield effects.Claim(f"{name}, {kind}: deeper", "Entezari", deeper, _DEEPER)
    for method in ("weight", "activation"):
        falls, wide = _slope(own, _barriers(method)), _slope(own, _widest(method))
        yield effects.Claim(f"{name}, {method}: falls", "Ainsworth", falls, _FALLS)
        yield effects.Claim(f"{name}, {method}: wide", "Ainsworth", wide, _FALLS)
    yield effects.Claim(f"{name}, cost: later", "Ferbach", _later(own), _FALLS)
    for (kind, alignment), source in zip(_KINDS.items(), ("asked", "Ferbach"), strict=True):
        trend = _by_layer(own, _barriers(alignment))
        yield effects.Claim(f"{name}, {kind}: slower", source, trend, _FALLS)
    yield effects.Claim(f"{name}, matched: U/2", "C1'", _beyond_half(own), _EXCEEDS)
    if name in _SYMMETRIES:
        key, side, way = _SYMMETRIES[name]
        yield effects.Claim(f"{name}, {way}", key, _otherwise(own), -side * _EXCEEDS)


def comparisons(found: Sequence[Curve]) -> list[claims.Claim]:
    """Claims that two exponents are the same."""
    judged = []
    for name, own in _by_activation(found):
        cost, matched = Curve.costs, _barriers(MATCHED)
        pairs = {
            ("barrier as cost", "P1"): _difference(own, matched, cost),
            ("cost as L", "R11"): _difference(own, cost, lambda curve: curve.bounds("lower")),
            ("cost as U", "R11"): _difference(own, cost, lambda curve: curve.bounds("upper")),
            ("layer 1 as m^-2/d", "Ferbach"): _of_inputs(own),
            ("layer 1 as m^-2/k", "D4"): _of_dimension(own),
            ("C3 as barrier", "C3"): _difference(own, Curve.certified, matched),
        }
        if name in _SYMMETRIES:
            key, _, way = _SYMMETRIES[name]
            pairs[f"{way} as usual", key] = _difference(own, Curve.otherwise, matched)
        judged += [_same(f"{name}: {what}", key, one) for (what, key), one in pairs.items()]
    first, *others = _by_activation(found)
    for name, own in others:
        for what, of in (
            ("barrier, none", _barriers(UNMATCHED)),
            ("barrier, matched", _barriers(MATCHED)),
            ("cost", Curve.costs),
        ):
            judged.append(
                _same(f"{name} as {first[0]}: {what}", "theory", _between(own, first[1], of))
            )
    return judged


def _same(claim: str, source: str, effect: Effect | None) -> claims.Claim:
    if effect is None:
        return claims.Claim(claim, source, "undecided", "-")
    low, high = effect.interval
    verdict: Verdict = "undecided"
    if low > -SAME and high < SAME:
        verdict = "reproduced"
    elif low * high > 0:
        verdict = "different"
    return claims.Claim(
        claim, source, verdict, f"{effect.mean.value:+.3f} [{low:+.3f}, {high:+.3f}]"
    )


def _by_activation(found: Sequence[Curve]) -> list[tuple[str, list[Curve]]]:
    return [(name, list(own)) for name, own in groupby(found, lambda curve: curve.activation)]


def _barriers(alignment: str) -> _Of:
    return lambda curve: curve.barriers(alignment)


def _widest(alignment: str) -> _Of:
    return lambda curve: dict(sorted(curve.barriers(alignment).items())[-WIDEST:])


def _exponent(draws: Draws) -> Effect | None:
    found = exponent(draws)
    return None if found is None else Effect.of_exponent(found)


def _average(parts: Sequence[Effect | None], sign: float = 1.0) -> Effect | None:
    """Of those that there are."""
    known = [part for part in parts if part is not None]
    return Effect.combined(known, [sign / len(known)] * len(known)) if known else None


def _minus(part: Effect | None, other: Effect | None, times: float = 1.0) -> Effect | None:
    """A difference, of which the other is taken so many times."""
    return None if part is None or other is None else Effect.combined([part, other], [1, -times])


def _less(part: Effect | None, number: float) -> Effect | None:
    if part is None:
        return None
    return Effect(Mean(part.mean.value - number, part.mean.error), part.freedom)


def _slope(own: Sequence[Curve], of: _Of) -> Effect | None:
    """The power of the width, mean over depths: negative where it falls."""
    return _average([_exponent(of(curve)) for curve in own], -1.0)


def _difference(own: Sequence[Curve], of: _Of, other: _Of) -> Effect | None:
    """Of two exponents of the same networks, mean over depths."""
    return _average([_minus(_exponent(of(one)), _exponent(other(one))) for one in own])


def _between(own: Sequence[Curve], others: Sequence[Curve], of: _Of) -> Effect | None:
    """Of the exponents of two activations, mean over the depths of both."""
    by_depth = {curve.depth: curve for curve in others}
    return _average(
        [
            _minus(_exponent(of(curve)), _exponent(of(by_depth[curve.depth])))
            for curve in own
            if curve.depth in by_depth
        ]
    )


def _of_inputs(own: Sequence[Curve]) -> Effect | None:
    """Exponent of the first layer's cost less that of the published rate, 2/d for d inputs."""
    return _average([_less(_exponent(one.costs(0)), 2 / one.inputs) for one in own])


def _of_dimension(own: Sequence[Curve]) -> Effect | None:
    """The same less 2/k, k the dimension of the layer's law."""
    return _average([_less(_exponent(one.costs(0)), 2 / one.dimension(0)) for one in own])


def _later(own: Sequence[Curve]) -> Effect | None:
    """Exponents of later layers' costs less the first layer's, mean over all of them."""
    return _average(
        [
            _minus(_exponent(one.costs(layer)), _exponent(one.costs(0)))
            for one in own
            for layer in range(1, one.depth)
        ]
    )


def _beyond_half(own: Sequence[Curve]) -> Effect | None:
    """Exponent of the matched barrier less half of U's."""
    return _average(
        [
            _minus(_exponent(one.barriers(MATCHED)), _exponent(one.bounds("upper")), 0.5)
            for one in own
        ]
    )


def _by_layer(own: Sequence[Curve], of: _Of) -> Effect | None:
    """By how much an exponent grows with every hidden layer, by least squares."""
    known = [(one.depth, r) for one in own if (r := _exponent(of(one))) is not None]
    if len(known) < 2:
        return None
    depths = np.array([depth for depth, _ in known])
    weights = (depths - depths.mean()) / np.square(depths - depths.mean()).sum()
    return Effect.combined([r for _, r in known], weights.tolist())


def _deeper(own: Sequence[Curve], of: _Of) -> Effect | None:
    """Logarithm of the deepest networks' barrier over the shallowest's, mean over widths."""
    shallow, deep = of(own[0]), of(own[-1])
    if len(own) < 2:
        return None
    both = [m for m in deep if m in shallow and np.mean(deep[m]) > 0 < np.mean(shallow[m])]
    return _average([_minus(_logarithm(deep[m]), _logarithm(shallow[m])) for m in both])


def _logarithm(draws: Sequence[float]) -> Effect:
    """Of their mean, which is positive, with its error to first order."""
    mean = Mean.over(draws)
    return Effect(Mean(float(np.log(mean.value)), mean.error / mean.value), len(draws) - 1)


def _otherwise(own: Sequence[Curve]) -> Effect | None:
    """What using the symmetry in the other way adds to the matched barrier, relative to it."""
    groups = []
    for curve in own:
        usual = curve.barriers(MATCHED)
        for m, draws in curve.otherwise().items():
            unit = abs(float(np.mean(usual[m])))
            groups.append([(one - of) / unit for one, of in zip(draws, usual[m], strict=True)])
    return Effect.over(groups) if groups else None
