"""A width sweep of one's own networks and data."""

import hashlib
import pickle
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import METHODS, symmetry
from lmctheory.matching.objectives import LOSS
from lmctheory.measures.arguments import at_least, odd_points
from lmctheory.networks import Dataset, TrainingConfig, find_chain, seeded_generators, train_many
from lmctheory.networks.agreement import require_finite, require_fit
from lmctheory.networks.state import require_network, seeded, tensors
from lmctheory.sweeps.measured import Measured
from lmctheory.sweeps.measurement import measure
from lmctheory.sweeps.runner import run_study
from lmctheory.sweeps.sweep_result import Sweep, SweepTask
from lmctheory.sweeps.typed import TypedStudy, dump

__all__ = ["sweep"]

Factory: TypeAlias = Callable[[int, torch.Generator], nn.Module]
"""A network from its width and the generator that draws its weights."""

_USUAL = TrainingConfig(epochs=15, learning_rate=0.05, weight_decay=1e-3)


def sweep(
    factory: Factory,
    data: Dataset,
    widths: Iterable[int],
    *,
    pairs: int = 4,
    training: TrainingConfig | None = _USUAL,
    methods: Iterable[str] = METHODS,
    store: str | Path = "sweep.sqlite",
    name: str | None = None,
    seed: int = 0,
    points: int = 25,
    certify: bool = True,
    jobs: int = 0,
    device: str = "cpu",
) -> Sweep:
    """Trains pairs of networks of several widths, matches them and measures how they connect.

    For every width `pairs` independent pairs are trained, matched by every method, and measured:
    the barrier on the segment, training and test data; the cost per neuron of the matching in the
    last hidden layer, in the Euclidean metric and in that of A's data, with its bounds L and U (R11
    for the Gaussian with the neurons' sample covariance); and, for networks whose operations have
    Lipschitz constants, the certified barrier (C3). Where there is no certificate, the result says
    why.

    *Resuming.* Each width is one task, stored in the file `store` as it ends: a sweep that was
    stopped in any way is resumed by the same call, further widths add to it, and a task that failed
    is tried again. A stored task is taken for one that is asked for if they agree in the factory's
    name, in the first network that the factory builds (its modules as they print, and its initial
    weights), in the numbers of the data, in width, pairs, seed, training, methods, points and
    `certify`. A factory whose networks compute something else with the same modules and weights
    needs another name. Device and number of workers, on which results depend up to rounding alone,
    are not compared.

    Args:
        factory: builds a network from a width and a torch generator. It may draw from the
            generator or, as PyTorch's layers do, from PyTorch's global one, which is seeded for it
            and restored afterwards. Any module that `lmctheory.matching.match` can read.
        data: trained and matched on its training examples.
        widths: of the networks, each >= 1.
        pairs: of networks per width, >= 1; two or more give standard errors.
        training: of all networks, see `lmctheory.networks.train_many`; None measures them as they
            are initialised.
        methods: of `lmctheory.matching.match`.
        store: the results file; made if needed.
        name: of the factory; by default that of the function, with its module.
        seed: of everything, >= 0.
        points: of the grid on the segment, odd, >= 3.
        certify: whether to compute certificates; for convolutions they take most of the time.
        jobs: worker processes; 0 works in this process, as it must for a lambda or a function
            within another, which no other process can import.
        device: where to train; everything else is done on the CPU.

    Returns:
        The measurements: a table when printed, `records` and `to_csv`, `plot`.

    Raises:
        TypeError: for a factory that is none or builds no module, or one whose neurons cannot be
            found; data that are no `Dataset`; or numbers that are no integers.
        ValueError: for no widths, one that comes twice or is too small; pairs, seed, points or jobs
            out of range; unknown methods; networks that do not fit the data, or are the same for
            two seeds; or jobs > 0 with a factory that other processes cannot import.
        StoreError: if the results file cannot be used.
        RunError: if tasks failed; it names them, all others are stored.

    Example:
        >>> import tempfile
        >>> from lmctheory.networks import MLP, TrainingConfig, load_dataset
        >>> with tempfile.TemporaryDirectory() as place:
        ...     found = sweep(
        ...         lambda width, rng: MLP((64, width, 10), rng=rng),
        ...         load_dataset("digits"),
        ...         (4, 8),
        ...         pairs=2,
        ...         training=TrainingConfig(epochs=1),
        ...         methods=("weighted",),
        ...         store=f"{place}/digits.sqlite",
        ...     )
        >>> found.widths, found.alignments
        ((4, 8), ('unmatched', 'weighted'))
        >>> found.cost(8, "weighted").value < found.cost(8, "unmatched").value
        True
    """
    chosen = _widths(widths)
    task = partial(
        SweepTask,
        pairs=at_least("pairs", pairs, 1),
        seed=at_least("seed", seed, 0),
        points=odd_points(at_least("points", points, 3)),
        methods=_methods(methods),
        certify=bool(certify),
        training=_training(training),
    )
    jobs = at_least("jobs", jobs, 0)
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a Dataset, got {type(data).__name__}")
    if not callable(factory):
        raise TypeError(f"factory must be a function, got {type(factory).__name__}")
    if jobs and not _can_be_sent(factory):
        raise ValueError(
            f"jobs must be 0 for a factory that other processes cannot import, got {jobs}"
        )
    task = partial(task, factory=name or _name(factory), data=_data_hash(data), network="")
    tasks = [task(width=width) for width in chosen]
    tasks = [replace(one, network=_checked_network(factory, data, one)) for one in tasks]
    run = partial(_run, factory=factory, data=data, training=training, device=device)
    study = TypedStudy.of("sweep", 2, run, cost=_cost, device=device)
    found = run_study(study, map(dump, tasks), results=Path(store), jobs=jobs)
    return Sweep(tuple(study.typed(found)))


def _run(
    task: SweepTask,
    *,
    factory: Factory,
    data: Dataset,
    training: TrainingConfig | None,
    device: str,
) -> Measured:
    seeds = _seeds(task)
    models = [_built(factory, task.width, seed) for seed in seeds]
    if training is not None:
        trained = train_many(models, data.train, training, seeds=seeds, device=device)
        models = [model.cpu() for model in trained]
    require_finite(models, "training diverged to NaN weights: lower its learning rate")
    measured = measure(models, data, task.methods, points=task.points, certify=task.certify)
    return replace(measured, seeds=seeds)


def _cost(task: SweepTask) -> float:
    """Parameters of a network whose layers grow with the width, plus what overhead amounts to."""
    return 1e4 + float(task.width) ** 2


def _seeds(task: SweepTask) -> list[int]:
    """One per network, different for every width: equal seeds could share weights."""
    sequence = np.random.SeedSequence([task.seed, task.width])
    return sequence.generate_state(2 * task.pairs).tolist()


def _built(factory: Factory, width: int, seed: int) -> nn.Module:
    with seeded(seed):
        return factory(width, seeded_generators(seed)[0])


def _checked_network(factory: Factory, data: Dataset, task: SweepTask) -> str:
    """Fingerprint of the first network of a width, after all that can be wrong with it has shown.

    Raises:
        TypeError: if it is no module, or its neurons cannot be found.
        ValueError: if it does not fit the data, or is the same for another seed.
    """
    width = task.width
    first, second = (_built(factory, width, seed) for seed in _seeds(task)[:2])
    what = f"factory({width}, rng)"
    require_network(first, what)
    if any(parameter.is_cuda for parameter in first.parameters()):
        raise ValueError(f"{what} must be on the CPU; device says where it is trained")
    for part in (data.train, data.test):
        require_fit(first, part)
    if find_chain(first) is None:
        symmetry(first, data.train.inputs[:2])
    fingerprint = _fingerprint(first)
    if fingerprint == _fingerprint(second):
        raise ValueError(f"{what} must draw its weights, got the same network for two seeds")
    return fingerprint


def _fingerprint(model: nn.Module) -> str:
    return _hash([repr(model)], tensors(model).values())


def _data_hash(data: Dataset) -> str:
    parts = (data.train.inputs, data.train.labels, data.test.inputs, data.test.labels)
    return _hash([str(data.classes)], parts)


def _hash(texts: Iterable[str], numbers: Iterable[Tensor]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode())
    for tensor in numbers:
        digest.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        # as bytes, since NumPy lacks some of PyTorch's types
        plain = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(plain.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _name(factory: Factory) -> str:
    named: Any = factory.func if isinstance(factory, partial) else factory
    if not hasattr(named, "__qualname__"):
        named = type(named)
    return f"{named.__module__}.{named.__qualname__}"


def _can_be_sent(factory: Factory) -> bool:
    try:
        pickle.dumps(factory)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def _widths(widths: Iterable[int]) -> list[int]:
    try:
        chosen = [at_least("every width", width, 1) for width in widths]
    except TypeError as error:
        raise TypeError(f"widths must be integers: {error}") from error
    if not chosen:
        raise ValueError("widths must name at least one width, got none")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"widths must differ, got {chosen}")
    return chosen


def _methods(methods: Iterable[str]) -> list[str]:
    known = (*METHODS, LOSS)
    chosen = [methods] if isinstance(methods, str) else list(methods)
    for method in chosen:
        if method not in known:
            raise ValueError(f"methods must be of {list(known)}, got {method!r}")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"methods must differ, got {chosen}")
    return chosen


def _training(training: TrainingConfig | None) -> dict[str, Any] | None:
    """What differs from the defaults: a field that is added later leaves old tasks known."""
    if training is None:
        return None
    if not isinstance(training, TrainingConfig):
        raise TypeError(f"training must be a TrainingConfig, got {type(training).__name__}")
    values = {field.name: getattr(training, field.name) for field in fields(training)}
    usual = {field.name: field.default for field in fields(training)}
    return {name: value for name, value in values.items() if value != usual[name]}
