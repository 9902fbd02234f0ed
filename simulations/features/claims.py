"""What was published about features of connected networks, and what is found here."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from simulations.effects import Claim, Effect
from simulations.features.measurement import MATCHINGS, MIDDLE, UNMATCHED, Aligned
from simulations.features.settings import Quantity, Setting

__all__ = ["CAPTION", "claims"]

_ERRORS = 0.02
"""Share of examples: networks whose error barrier is below it are connected (Frankle et al.)."""
_FITTED_ERRORS = 0.05
"""What a fitted map between stitched networks may cost."""
_ANGLE = 0.05
"""1 - cos, below which features are those that LLFC predicts but for their length."""
_RELATIVE = 0.1
"""Relative error, and distance of a coefficient from 1, below which a law holds."""
_NATS = 0.05
"""At which a claim of a side alone is judged if it is not seen; so are those below."""
_CORRELATION = 0.5
_SHARE = 0.1
_SHORT = {"weight": "wt.", "activation": "act."}

CAPTION = (
    "last: networks that part last; own: initial weights of their own, wt. and act. after matching."
    f" Margins are this study's. (a) {_ERRORS:g} less the error barrier; nats between parting at 0"
    f" and last. (b) {_ANGLE:g} less 1-cos of the worst layer, and the reverse; rank correlation of"
    f" mean 1-cos with barriers over all settings; {_RELATIVE:g} less |c - 1| in the last hidden"
    f" layer. (c) {_RELATIVE:g} less the largest relative error over t and layers; what matching"
    " takes off the commutativity residual; distance of weights after activation less weight"
    " matching, and that of features the other way round. (d) Errors of the worst cut above the"
    f" ends': {_ERRORS:g} ({_FITTED_ERRORS:g} with a map) less it, and the reverse. (e) Overlap of"
    " leading directions: what matching adds; last less own with act. (f) Induced features: of the"
    " first less the last layer; of the last, what matching and REPAIR add; nats that REPAIR takes"
    " off, and that keeping first instead of last layers does. (g) Relative error of LLFC less"
    " LEWC's in the last hidden layer; nats that a temperature takes off. Claims about connected"
    f" networks are judged where the mean error barrier is below {_ERRORS:g}, those about barriers"
    " where it is not."
)


def claims(found: Sequence[Setting]) -> list[Claim]:
    """Of every architecture, in the order of letters and numbers."""
    names = list(dict.fromkeys(setting.architecture for setting in found))
    said = [
        list(_of_architecture([one for one in found if one.architecture == name])) for name in names
    ]
    return [claim for of_one_kind in zip(*said, strict=True) for claim in of_one_kind]


_Said = Iterator[tuple[str, str, Effect | None, float]]
"""Text, source, effect and the size at which it is judged."""
_Own = Mapping[str, Setting | None]


def _of_architecture(ours: Sequence[Setting]) -> Iterator[Claim]:
    name = ours[0].architecture
    by_kind = {(one.shared, one.alignment): one for one in ours}
    last = next((one for one in ours if one.is_last), None)
    own = {kind: by_kind.get(("own", kind)) for kind in (UNMATCHED, *MATCHINGS)}
    groups = (
        _barriers(by_kind.get(("0", UNMATCHED)), last),
        _llfc(ours, own, last),
        _conditions(own, last),
        _stitches(own, last),
        _directions(own, last),
        _vanishing(ours, own),
        _lewc(own),
    )
    for letter, group in zip("abcdefg", groups, strict=True):
        for number, (text, source, effect, size) in enumerate(group, start=1):
            yield Claim(f"({letter}{number}) {name}: {text}", source, effect, size)


def _of(setting: Setting | None, quantity: Quantity) -> Effect | None:
    return None if setting is None else _over(setting.draws(quantity))


def _less(one: Setting | None, other: Setting | None, quantity: Quantity) -> Effect | None:
    """The difference between two settings, pair by pair."""
    if one is None or other is None:
        return None
    return _over(np.subtract(one.draws(quantity), other.draws(quantity)).tolist())


def _over(draws: Sequence[float]) -> Effect | None:
    return Effect.over([draws]) if len(draws) > 1 and np.isfinite(draws).all() else None


def _joined(setting: Setting | None, *, connected: bool = True) -> Setting | None:
    """The setting if its networks are connected, or are not: of others a claim says nothing."""
    if setting is None:
        return None
    return setting if (setting.mean(_barrier_of_error).value < _ERRORS) == connected else None


def _barrier_of_error(one: Aligned) -> float:
    return one.error


def _barriers(zero: Setting | None, last: Setting | None) -> _Said:
    def margin(one: Aligned) -> float:
        return _ERRORS - one.error

    yield "at 0, connected", "Frankle", _of(zero, margin), _ERRORS
    later = _less(_joined(zero, connected=False), last, lambda one: one.barrier)
    yield "later, lower", "Fort", later, _NATS
    yield "last, connected", "Frankle", _of(last, margin), _ERRORS


def _llfc(ours: Sequence[Setting], own: _Own, last: Setting | None) -> _Said:
    source = "Zhou"

    def margin(one: Aligned) -> float:
        return _ANGLE - max(one.features.dissimilarity[MIDDLE])

    def length(one: Aligned) -> float:
        return _RELATIVE - abs(one.features.coefficient[MIDDLE][-2] - 1)

    yield "LLFC, last", source, _of(_joined(last), margin), _ANGLE
    for method in MATCHINGS:
        effect = _of(_joined(own[method]), margin)
        yield f"LLFC, {_SHORT[method]}", source, effect, _ANGLE
    apart = _joined(own[UNMATCHED], connected=False)
    yield "no LLFC, own", source, _of(apart, lambda one: -margin(one)), _ANGLE
    along = _ranked(ours, lambda one: float(np.mean(one.features.dissimilarity[MIDDLE])))
    yield "1-cos, barriers", source, along, _CORRELATION
    yield "c = 1, last", source, _of(_joined(last), length), _RELATIVE


def _ranked(ours: Sequence[Setting], quantity: Quantity) -> Effect | None:
    """Rank correlation with the barrier over all settings of a pair, pair by pair."""
    x = np.array([setting.draws(quantity) for setting in ours]).T
    y = np.array([setting.draws(lambda one: one.barrier) for setting in ours]).T
    if x.shape[1] < 3 or not all(np.ptp(row) > 0 for row in (*x, *y)):
        return None
    pairs = zip(x, y, strict=True)
    return _over([float(np.corrcoef(rankdata(u), rankdata(v))[0, 1]) for u, v in pairs])


def _conditions(own: _Own, last: Setting | None) -> _Said:
    source = "Zhou"

    def additive(one: Aligned) -> float:
        return _RELATIVE - max(max(row) for row in one.features.additivity)

    def commutes(one: Aligned) -> float:
        return float(np.mean(one.features.commutativity[1:]))  # the first layer always does

    yield "additive, last", source, _of(_joined(last), additive), _RELATIVE
    for method in MATCHINGS:
        effect = _of(_joined(own[method]), additive)
        yield f"additive, {_SHORT[method]}", source, effect, _RELATIVE
    for method in MATCHINGS:
        taken = _less(own[UNMATCHED], own[method], commutes)
        yield f"commute, {_SHORT[method]}", source, taken, _SHARE

    def mean(field: str) -> Quantity:
        return lambda one: float(np.mean(getattr(one.features, field)))

    weights = _less(own["activation"], own["weight"], mean("weights"))
    yield "W by wt.", source, weights, _SHARE
    features = _less(own["weight"], own["activation"], mean("distance"))
    yield "phi by act.", source, features, _SHARE


def _above_ends(setting: Setting | None, field: str) -> list[float]:
    """Errors of the worst cut above those of the networks, by pair."""
    if setting is None:
        return []
    return [
        max(getattr(one.aligned[setting.alignment].stitched, field)) - float(np.mean(one.errors))
        for one in setting.found
    ]


def _stitches(own: _Own, last: Setting | None) -> _Said:
    def margin(setting: Setting | None, field: str, most: float) -> Effect | None:
        return _over([most - above for above in _above_ends(setting, field)])

    zhou, own_start = "Zhou", own[UNMATCHED]
    yield "stitched, last", zhou, margin(_joined(last), "error", _ERRORS), _ERRORS
    for method in MATCHINGS:
        effect = margin(_joined(own[method]), "error", _ERRORS)
        yield f"stitched, {_SHORT[method]}", zhou, effect, _ERRORS
    fails = _over([above - _ERRORS for above in _above_ends(own_start, "error")])
    yield "unstitched, own", "control", fails, _ERRORS
    fitted = margin(own_start, "fitted_error", _FITTED_ERRORS)
    yield "mapped, own", "Bansal", fitted, _FITTED_ERRORS


def _directions(own: _Own, last: Setting | None) -> _Said:
    def features(one: Aligned) -> float:
        return float(np.mean(one.subspaces.overlap))

    unmatched, weight, activation = own[UNMATCHED], own["weight"], own["activation"]
    taken = _less(weight, unmatched, lambda one: float(np.mean(one.subspaces.read)))
    yield "weights turned", "Ito 2024", taken, _SHARE
    yield "features turned", "control", _less(activation, unmatched, features), _SHARE
    yield "last above act.", "control", _less(last, activation, features), _SHARE


def _vanishing(ours: Sequence[Setting], own: _Own) -> _Said:
    qu, jordan = "Qu", "Jordan"

    def left(one: Aligned) -> float:
        return one.midpoint.induced[-1]

    def first_before_last(one: Aligned) -> float:
        return float(np.mean(one.kept_last[1:]) - np.mean(one.kept_first[1:]))

    falls = _of(own[UNMATCHED], lambda one: one.midpoint.induced[0] - left(one))
    yield "vanish, own", qu, falls, _SHARE
    for method in MATCHINGS:
        more = _less(own[method], own[UNMATCHED], left)
        yield f"more left, {_SHORT[method]}", qu, more, _SHARE
    yield "vanish, barriers", qu, _ranked(ours, lambda one: -left(one)), _CORRELATION
    for method in MATCHINGS:
        matched, name = own[method], _SHORT[method]
        back = _of(matched, lambda one: one.repaired.induced[-1] - left(one))
        yield f"restored, {name}", jordan, back, _SHARE
        apart = _joined(matched, connected=False)
        nats = _of(apart, lambda one: one.midpoint.barrier - one.repaired.barrier)
        yield f"repaired, {name}", jordan, nats, _NATS
    for method in MATCHINGS:
        kept = _of(_joined(own[method], connected=False), first_before_last)
        yield f"first, {_SHORT[method]}", qu, kept, _NATS


def _lewc(own: _Own) -> _Said:
    def closer(one: Aligned) -> float:
        return one.features.llfc_error[MIDDLE][-2] - one.features.lewc_error[MIDDLE][-2]

    def recovered(one: Aligned) -> float:
        return float("nan") if one.recalibrated is None else one.half - one.recalibrated

    yield "LEWC, own", "Ito 2025", _of(own[UNMATCHED], closer), _SHARE
    yield "temperature, own", "Ito 2025", _of(own[UNMATCHED], recovered), _NATS
