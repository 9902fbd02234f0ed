"""Writes theorems, bibliography, tables and figures for a paper."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmctheory
from lmctheory.drawing import new_figure
from lmctheory.files.writing import writing
from lmctheory.tables import Table
from lmctheory.theorems._registry import registry
from lmctheory.theorems.bibliography import bibtex
from lmctheory.theorems.export.figures import FIGURES
from lmctheory.theorems.export.tables import bounds_table, widths_table
from lmctheory.theorems.export.tex import PREAMBLE, environments
from lmctheory.theorems.verification import verify_both
from lmctheory.theorems.verification_tables import checks_table, variants_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["export"]

_ROWS = 40
"""Of a table that fits on a page."""
_NEEDS = r"""% \input{lmctheory-preamble} before \begin{document}: it names the environments.
"""


def export(
    folder: str | Path,
    keys: Sequence[str] | None = None,
    *,
    seed: int = 0,
    numbers: bool = True,
    jobs: int = 1,
) -> tuple[Path, ...]:
    r"""Writes what a paper inputs, and a ``main.tex`` that inputs all of it.

    ``lmctheory-preamble.tex`` loads the packages, ``theorems.tex`` holds the theorems under labels
    as ``thm:D1``, ``lmctheory.bib`` their sources; ``tables`` and ``figures`` hold numbers (for
    booktabs; PDF, and PGF where pdflatex is there). All say which version and seed they are from.

    Args:
        folder: is made if its parent exists; files of these names in it are replaced.
        keys: of the theorems, all by default.
        seed: of all simulations and trials.
        numbers: whether tables and figures are written, which takes minutes.
        jobs: processes that try the theorems.

    Returns:
        The files.

    Raises:
        ValueError: for unknown keys.
        FileNotFoundError: if there is no parent.
        NotADirectoryError: for a file.
        ImportError: for figures without Matplotlib.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> [path.name for path in export(folder, ["R1", "D1"], numbers=False)]
        ['lmctheory-preamble.tex', 'theorems.tex', 'lmctheory.bib', 'main.tex']
    """
    known = registry()
    if unknown := sorted(set(keys or ()) - set(known)):
        raise ValueError(f"keys must be registered ones, got {unknown}; there are {list(known)}")
    root = Path(folder)
    if root.exists() and not root.is_dir():
        raise NotADirectoryError(f"folder must be one, got the file {root}")
    if not root.parent.is_dir():
        raise FileNotFoundError(f"{root.parent} is no folder to make {root.name} in")
    if numbers:
        new_figure()  # without Matplotlib nothing is begun
    chosen = [known[key] for key in dict.fromkeys(keys or known)]
    origin = f"% Written by lmctheory {lmctheory.__version__}, seed {seed}.\n"
    texts = {
        "lmctheory-preamble.tex": PREAMBLE,
        "theorems.tex": f"{_NEEDS}{environments(chosen)}",
        "lmctheory.bib": bibtex(dict.fromkeys(key for one in chosen for key in one.sources)),
    }
    names = [theorem.key for theorem in chosen]
    found = list(_tables(names, seed, jobs)) if numbers else []
    texts |= {f"tables/{name}.tex": table.to_latex(label=f"tab:{name}") for name, table in found}
    drawn = list(FIGURES) if numbers else []
    texts["main.tex"] = _main([name for name, _ in found], drawn)
    for name in ("", "tables", "figures") if numbers else ("",):
        (root / name).mkdir(exist_ok=True)
    written = [_written(root / name, origin + text) for name, text in texts.items()]
    for name in drawn:
        written += _drawn(FIGURES[name][0](seed), root / "figures" / name, origin)
    return tuple(written)


def _tables(keys: Sequence[str], seed: int, jobs: int) -> Iterator[tuple[str, Table[Any]]]:
    yield "bounds", bounds_table(seed)
    yield "widths", widths_table()
    checks, every = zip(*verify_both(keys, seed, jobs=jobs), strict=True)
    yield "verification", checks_table(checks, f"Theorems tried, seed {seed}", brief=True)
    found = [one for of_key in every for one in of_key]
    title = f"False variants, tried by the same checks, seed {seed}"
    for start in range(0, len(found), _ROWS):
        rows = found[start : start + _ROWS]
        yield f"variants-{start // _ROWS + 1}", variants_table(rows, title)


def _main(tables: Iterable[str], figures: Iterable[str]) -> str:
    parts = [
        r"\documentclass[11pt]{article}",
        r"\usepackage[a4paper,margin=2.7cm]{geometry}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{lmodern}",
        r"\input{lmctheory-preamble}",
        r"\begin{document}",
        r"\input{theorems}",
        *(rf"\input{{tables/{name}}}" for name in tables),
        *map(_figure, figures),
        r"\bibliographystyle{plain}",
        r"\bibliography{lmctheory}",
        r"\end{document}",
    ]
    return "\n".join(parts) + "\n"


def _figure(name: str) -> str:
    lines = [
        r"\begin{figure}",
        r"\centering",
        rf"\includegraphics{{figures/{name}.pdf}}",
        rf"\caption{{{FIGURES[name][1]}}}\label{{fig:{name}}}",
        r"\end{figure}",
    ]
    return "\n".join(lines)


def _written(path: Path, text: str) -> Path:
    with writing(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return path


def _drawn(figure: "Figure", stem: Path, origin: str) -> list[Path]:
    """PDF, and PGF, whose letters LaTeX measures."""
    from matplotlib import rc_context

    files = [stem.with_suffix(".pdf")]
    with writing(files[0]) as beside:
        figure.savefig(beside, metadata={"CreationDate": None, "Creator": origin.strip("% .\n")})
    if shutil.which("pdflatex"):
        files.append(stem.with_suffix(".pgf"))
        latex: dict[Any, Any] = {"pgf.texsystem": "pdflatex", "pgf.rcfonts": False}
        with rc_context(latex), writing(files[1]) as beside:
            figure.savefig(beside, backend="pgf")
    return files
