"""The command `report`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from lmctheory.commands.options import (
    DataDir,
    DataSource,
    Device,
    Examples,
    InputShape,
    LossName,
    Match,
    Model,
    ModelArgs,
    Narrow,
    PathA,
    PathB,
    Points,
    Split,
)

__all__ = ["report"]


def report(
    a: PathA,
    b: PathB,
    model: Model,
    data: DataSource,
    out: Annotated[Path, typer.Option(help="The page; tables go beside it.")] = Path("report.html"),
    model_args: ModelArgs = "{}",
    loss: LossName = "cross_entropy",
    match: Match = None,
    split: Split = "test",
    data_dir: DataDir = None,
    examples: Examples = None,
    input_shape: InputShape = "",
    points: Points = 25,
    narrow: Narrow = None,
    device: Device = "cpu",
) -> None:
    """Writes a page about two networks: permutations, barriers, bounds, layers, certificates."""
    from lmctheory.commands.given import examples_of, narrow_networks_of, networks_of, refusals
    from lmctheory.comparison import compare
    from lmctheory.comparison.report import write_report
    from lmctheory.files.writing import require_folder
    from lmctheory.terminal import show

    with refusals():
        if out.suffix != ".html":
            raise ValueError(f"--out must end in .html, got {out}")
        require_folder(out)
    model_a, model_b = networks_of([a, b], model, model_args, device)
    narrower = narrow_networks_of(narrow, model_a) if narrow else None
    given = examples_of(
        data, loss, split=split, data_dir=data_dir, limit=examples, shape=input_shape
    )
    with refusals():
        methods = match or ("weight", "activation")
        found = compare(model_a, model_b, given, methods=methods, points=points, narrow=narrower)
        command = shlex.join(["lmctheory", *sys.argv[1:]])
        written = write_report(found, out, title=f"{a.name} and {b.name}", command=command)
    show(*found.findings, "", f"wrote {out} and {len(written) - 1} tables beside it")
