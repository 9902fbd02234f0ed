"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Checkpoints",
    "DataDir",
    "DataSource",
    "Device",
    "Examples",
    "Figure",
    "Format",
    "InputShape",
    "Json",
    "LossName",
    "Match",
    "Model",
    "ModelArgs",
    "Narrow",
    "PathA",
    "PathB",
    "Points",
    "Split",
]

Narrow = Annotated[
    list[Path] | None,
    typer.Option(
        "--narrow",
        metavar="PATH",
        help="Checkpoints of narrower networks, or a folder of them, to predict the barrier from; "
        "may be repeated. Of two widths or more, three networks or more of each and six or more of "
        "the widest; widths are read off the weights.",
    ),
]
PathA = Annotated[Path, typer.Argument(metavar="A", help="Checkpoint of network A.")]
PathB = Annotated[Path, typer.Argument(metavar="B", help="Checkpoint of network B.")]
Checkpoints = Annotated[
    list[Path], typer.Argument(metavar="A B ...", help="Checkpoints: .safetensors, .pt, .pth, ...")
]
Model = Annotated[
    str,
    typer.Option(
        metavar="WHERE:WHAT",
        help="The networks' class or factory: package.module:name or path/to/file.py:name.",
    ),
]
ModelArgs = Annotated[
    str, typer.Option(metavar="JSON", help="Its arguments: a JSON object, or a list.")
]
DataSource = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="DATA",
        help="digits, mnist, fashion_mnist, cifar10, cifar100, breast_cancer, diabetes, mixture,"
        " a file .npz, .pt or .safetensors with inputs and labels or targets, or"
        " package.module:function.",
    ),
]
Split = Annotated[str, typer.Option(metavar="train|test", help="Part of a named data set.")]
DataDir = Annotated[Path | None, typer.Option(help="Directory of the data set's files.")]
Examples = Annotated[
    int | None, typer.Option("--examples", min=2, help="Take so many of them, the first ones.")
]
InputShape = Annotated[
    str, typer.Option(metavar="1,28,28", help="Shape that each input is brought into.")
]
LossName = Annotated[
    str,
    typer.Option(
        "--loss",
        metavar="LOSS",
        help="cross_entropy, binary, squared, or package.module:function.",
    ),
]
Match = Annotated[
    list[str] | None,
    typer.Option(
        "--match",
        metavar="METHOD",
        help="naive, weighted, activation, weight or loss; may be repeated.",
    ),
]
Points = Annotated[int, typer.Option(min=3, help="Points on the segment, odd.")]
Device = Annotated[str, typer.Option(help="Where the networks are evaluated, as PyTorch says it.")]
Format = Annotated[
    str, typer.Option("--format", metavar="table|csv|json|latex", help="Of what is printed.")
]
Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Writes the same numbers as JSON.")
]
Figure = Annotated[
    Path | None, typer.Option("--figure", metavar="FILE", help="Writes a picture: .pdf, .png, ...")
]
