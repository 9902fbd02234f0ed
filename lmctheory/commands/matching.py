"""`match`: brings networks into one order of neurons, and averages them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from lmctheory.commands.given import refusals
from lmctheory.comparison.section import Part
from lmctheory.files import write_state, writing
from lmctheory.files.checkpoints import require_suffix
from lmctheory.files.writing import require_folder
from lmctheory.matching import match, match_several, repair, reset_batch_norm
from lmctheory.matching.merging.means import average
from lmctheory.matching.orders import neurons, plain, signs
from lmctheory.networks import AnyExamples
from lmctheory.tables import Column, Table

__all__ = ["Files", "Matched", "matched", "mean_of", "require_files", "write"]

_MOVED = (
    Column[tuple[str, str, np.ndarray]]("network", lambda row: row[0], left=True),
    Column[tuple[str, str, np.ndarray]]("neurons of", lambda row: row[1], left=True),
    Column[tuple[str, str, np.ndarray]]("number", lambda row: len(row[2]), form=","),
    Column[tuple[str, str, np.ndarray]](
        "moved", lambda row: int((neurons(row[2]) != np.arange(len(row[2]))).sum()), form=","
    ),
    Column[tuple[str, str, np.ndarray]]("negated", lambda row: int((row[2] < 0).sum()), form=","),
)


@dataclass(frozen=True)
class Files:
    """Where to write.

    Attributes:
        out: B in A's order; of more networks a folder, in which each keeps its name.
        permutations: of all groups, as arrays of NumPy.
        average: the mean of the networks.
    """

    out: Path | None
    permutations: Path | None
    average: Path | None


@dataclass(frozen=True)
class Matched:
    """Networks in one order.

    Attributes:
        networks: in the order given.
        orders: of each network, by the name of the group, see `lmctheory.matching.orders`.
        part: what is printed.
    """

    networks: Sequence[nn.Module]
    orders: Sequence[Mapping[str, np.ndarray]]
    part: Part


def require_files(files: Files, checkpoints: Sequence[Path]) -> None:
    """Refuses places that cannot be written to.

    Raises:
        ValueError: naming what is wrong.
    """
    if len(checkpoints) < 2:
        raise ValueError(f"match needs two checkpoints or more, got {len(checkpoints)}")
    if len(checkpoints) > 2:
        _require_own_places(files.out, checkpoints)
    networks = [*_targets(files.out, checkpoints), *([files.average] if files.average else [])]
    given = {path.resolve() for path in checkpoints}
    for path in networks:
        require_suffix(path)
        if path.resolve() in given:
            raise ValueError(f"{path} is one of the checkpoints, and would be overwritten")
    if files.permutations is not None and files.permutations.suffix != ".npz":
        raise ValueError(f"--permutations must end in .npz, got {files.permutations}")
    for path in (*networks, *([files.permutations] if files.permutations else [])):
        require_folder(path)


def _require_own_places(out: Path | None, checkpoints: Sequence[Path]) -> None:
    if len({path.stem for path in checkpoints}) < len(checkpoints):
        raise ValueError("checkpoints must have different names, under which they are written")
    if out is not None and not out.is_dir():
        raise ValueError(f"--out must be a folder for {len(checkpoints)} networks, got {out}")


def _targets(out: Path | None, checkpoints: Sequence[Path]) -> list[Path]:
    """Where networks are written: B alone, or all of more than two."""
    if out is None:
        return []
    if len(checkpoints) == 2:
        return [out]
    return [out / path.with_suffix(".safetensors").name for path in checkpoints]


def matched(networks: Sequence[nn.Module], method: str, data: AnyExamples | None) -> Matched:
    """All networks in one order, two of them B in A's."""
    with refusals():
        if len(networks) == 2:
            a, b = networks
            found = match(a, b, method, data)
            identity = {name: np.arange(len(order)) for name, order in found.orders.items()}
            orders = [identity, found.orders]
            aligned = [a, found.apply(b)]
            said: tuple[str, ...] = (
                f"The order changes outputs by {found.function_change:.2g} at most: rounding.",
                f"Sum over parameters <A, P B>: {found.traces['identity'][0]:.6g} before, "
                f"{found.objective:.6g} after."
                if "identity" in found.traces
                else f"Sum over parameters <A, P B>: {found.objective:.6g}.",
            )
        else:
            how = "joint" if method in ("weight", "activation") else "reference"
            joint = match_several(networks, method, data, how=how)
            orders = list(joint.orders)
            aligned = list(joint.apply(networks))
            said = (f"Sum over pairs of networks: {joint.objective:.6g}.",)
    rows = [
        (f"network {k + 1}", name, order)
        for k, each in enumerate(orders)
        for name, order in each.items()
        if k or len(networks) > 2
    ]
    table = Table(f"Neurons moved by {method}", "", _MOVED, rows)
    return Matched(aligned, orders, Part((table,), findings=said))


def mean_of(found: Matched, data: AnyExamples | None, *, repaired: bool, reset: bool) -> nn.Module:
    """The mean of the networks, with features or running statistics put right if asked for."""
    with refusals():
        if (repaired or reset) and data is None:
            raise ValueError("--repair and --reset-batch-norm need --data")
        mean = average(found.networks, [1 / len(found.networks)] * len(found.networks))
        if repaired:
            if len(found.networks) != 2:
                raise ValueError("--repair is for two networks")
            first, second = found.networks
            mean = repair(mean, first, second, data.inputs)  # type: ignore[union-attr]
        if reset:
            mean = reset_batch_norm(mean, data.inputs)  # type: ignore[union-attr]
        return mean


def write(
    found: Matched, mean: nn.Module | None, files: Files, checkpoints: Sequence[Path]
) -> None:
    """Writes what was asked for, each file whole or not at all."""
    with refusals():
        targets = _targets(files.out, checkpoints)
        for network, path in zip(found.networks[::-1], targets[::-1], strict=False):
            write_state(network, path)  # of two B alone
        if files.permutations is not None:
            _write_permutations(found.orders, files.permutations)
        if files.average is not None and mean is not None:
            write_state(mean, files.average)


def _write_permutations(orders: Sequence[Mapping[str, np.ndarray]], path: Path) -> None:
    """Of B by the names of the groups; of more networks with their number before it.

    Where neurons are negated their signs follow, under the same name with `.signs`.
    """
    if len(orders) == 2:
        listed = dict(orders[1])
    else:
        listed = {
            f"{k + 1}/{n}": order for k, each in enumerate(orders) for n, order in each.items()
        }
    arrays = plain(listed)
    arrays |= {f"{n}.signs": signs(order) for n, order in listed.items() if (order < 0).any()}
    with writing(path) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
