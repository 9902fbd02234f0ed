"""The comparison of matching methods as a study, and its command."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.matching_methods.architectures import ARCHITECTURES
from simulations.matching_methods.measurement import cost_of, run_pair
from simulations.matching_methods.narrow import NETWORKS, run_narrow
from simulations.matching_methods.tables import report
from simulations.matching_methods.tasks import NarrowPairs, NarrowTask, Pair, PairTask
from simulations.options import (
    Seed,
    architecture_option,
    require_architectures,
)

__all__ = ["DECLARATION", "STUDY", "matching_methods"]

STUDY: TypedStudy[PairTask | NarrowTask, Pair | NarrowPairs] = study(
    "matching_methods", 3, run_pair, run_narrow, cost=cost_of
)


def matching_methods(
    architecture: Annotated[
        list[str] | None, architecture_option(ARCHITECTURES, "By default all.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Directory of MNIST's four IDX files; without it digits alone are used."),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Independent pairs per architecture.")] = 2,
    narrow_pairs: Annotated[int, typer.Option(min=1, help="Pairs of narrow networks.")] = 20,
    seed: Seed = 0,
) -> Iterator[PairTask | NarrowTask]:
    """Every matching method on every architecture, planted permutations, and narrow networks."""
    for name in _chosen(architecture, data_dir):
        yield from (PairTask(name, pair, seed) for pair in range(pairs))
    yield from (NarrowTask(shape, narrow_pairs, seed) for shape in NETWORKS)


def _chosen(names: Sequence[str] | None, data_dir: Path | None) -> list[str]:
    """The architectures asked for, or all whose data are at hand, in their order."""
    at_hand = [name for name, one in ARCHITECTURES.items() if one.dataset == "digits" or data_dir]
    require_architectures(names, ARCHITECTURES)
    for name in names or ():
        if name not in at_hand:
            raise ValueError(f"architecture {name!r} needs --data-dir")
    chosen = [name for name in at_hand if not names or name in names]
    if any(ARCHITECTURES[name].dataset == "mnist" for name in chosen):
        load_dataset("mnist", data_dir=data_dir)  # all that can be wrong with it shows now
    return chosen


DECLARATION = Declaration(
    STUDY,
    matching_methods,
    report,
    quick={"architecture": ["CNN"], "pairs": 1, "narrow_pairs": 1},
)
