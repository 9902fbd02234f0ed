"""The command `match`."""

from pathlib import Path
from typing import Annotated

import typer

from lmctheory.commands.options import (
    Checkpoints,
    DataDir,
    Device,
    Examples,
    Format,
    InputShape,
    Json,
    Model,
    ModelArgs,
    Split,
)

__all__ = ["match"]


def match(
    checkpoints: Checkpoints,
    model: Model,
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="As for barrier; weighted, activation and loss need it."),
    ] = None,
    method: Annotated[
        str, typer.Option(help="naive, weighted, activation, weight or loss.")
    ] = "weight",
    out: Annotated[
        Path | None,
        typer.Option(help="Writes B in A's order; of more networks all, into this folder."),
    ] = None,
    permutations: Annotated[
        Path | None, typer.Option(help="Writes the permutations as a file .npz.")
    ] = None,
    average: Annotated[
        Path | None, typer.Option(help="Writes the mean of the matched networks.")
    ] = None,
    repair: Annotated[bool, typer.Option(help="Give the mean's features their variance.")] = False,
    reset_batch_norm: Annotated[
        bool, typer.Option(help="Measure the mean's running statistics anew.")
    ] = False,
    model_args: ModelArgs = "{}",
    loss: Annotated[str, typer.Option(help="Of the method loss, as there.")] = "cross_entropy",
    split: Split = "train",
    data_dir: DataDir = None,
    examples: Examples = None,
    input_shape: InputShape = "",
    device: Device = "cpu",
    form: Format = "table",
    json: Json = None,
) -> None:
    """Brings networks into one order of neurons; writes them, the permutations, and their mean."""
    from lmctheory.commands.given import examples_of, networks_of, refusals
    from lmctheory.commands.matching import Files, matched, mean_of, require_files, write
    from lmctheory.commands.output import deliver, require_output

    files = Files(out, permutations, average)
    require_output(form, json)
    with refusals():
        require_files(files, checkpoints)
    networks = networks_of(checkpoints, model, model_args, device)
    given = None
    if data is not None:
        given = examples_of(
            data, loss, split=split, data_dir=data_dir, limit=examples, shape=input_shape
        )
    found = matched(networks, method, given)
    mean = None
    if average is not None:
        mean = mean_of(found, given, repaired=repair, reset=reset_batch_norm)
    write(found, mean, files, checkpoints)
    deliver([found.part], form, json)
