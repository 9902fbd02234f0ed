"""Theorems as LaTeX environments."""

import re
from collections.abc import Iterable

from lmctheory.tables import as_latex
from lmctheory.theorems.bibliography import WORKS
from lmctheory.theorems.theorem import Theorem

__all__ = ["PREAMBLE", "environment", "environments", "label", "prose"]

PREAMBLE = r"""% What the exported files need.
\usepackage{amsmath,amssymb,amsthm}
\usepackage{booktabs}
\usepackage{graphicx}
% for figures in PGF
\usepackage{pgf}
\providecommand{\mathdefault}[1]{#1}
\theoremstyle{plain}
\newtheorem{lmctheorem}{Theorem}
\newtheorem{lmcrate}[lmctheorem]{Rate}
"""
_ENVIRONMENTS = {"published": "lmctheorem", "derived": "lmctheorem", "rate only": "lmcrate"}


def label(key: str) -> str:
    r"""The label of a theorem, for ``\ref``.

    Example:
        >>> label("C1'")
        'thm:C1prime'
    """
    return "thm:" + key.replace("'", "prime")


def prose(text: str) -> str:
    r"""Words with mathematics between dollar signs; all other letters stand for themselves.

    Example:
        >>> prose("50 % of $W_2^2$ & more")
        '50 \\% of $W_2^2$ \\& more'
    """
    parts = re.split(r"(\$[^$]*\$)", text)
    return "".join(part if part.startswith("$") else as_latex(part) for part in parts)


def environment(theorem: Theorem, exported: Iterable[str]) -> str:
    """A theorem: key, title, hypotheses, statement, symbols, sources, and what it uses.

    Args:
        theorem: to be printed.
        exported: keys of all theorems of the same file, which can be referred to.
    """
    kind = _ENVIRONMENTS[theorem.status]
    title = f"{theorem.key}. {prose(theorem.title)}"
    lines = " \\\\\n".join(f"  {line}" for line in map(str, theorem.lines))
    body = [
        rf"\begin{{{kind}}}[{{{title}}}]\label{{{label(theorem.key)}}}",
        # long formulas between words do not break
        r"\emergencystretch=6em",
        r"\emph{Hypotheses:}\begin{itemize}\setlength{\itemsep}{0pt}",
        *(rf"\item {prose(hypothesis)}" for hypothesis in theorem.hypotheses),
        r"\end{itemize}",
        "Then",
        "\\begin{gather*}\n" + lines + "\n\\end{gather*}",
        *([_symbols(theorem)] if theorem.symbols else []),
        rf"\end{{{kind}}}",
        _origin(theorem, set(exported)),
    ]
    if theorem.proof:
        body += [r"\begin{proof}\emergencystretch=6em", theorem.proof, r"\end{proof}"]
    return "\n".join(body) + "\n"


def environments(theorems: Iterable[Theorem]) -> str:
    """Several theorems, which refer to each other.

    Args:
        theorems: in their order.
    """
    listed = list(theorems)
    keys = [theorem.key for theorem in listed]
    return "\n".join(environment(theorem, keys) for theorem in listed)


def _symbols(theorem: Theorem) -> str:
    meanings = [f"${symbol}$: {prose(meaning)}" for symbol, meaning in theorem.symbols.items()]
    return "Here " + "; ".join(meanings) + "."


def _origin(theorem: Theorem, exported: set[str]) -> str:
    known = [key for key in theorem.sources if key in WORKS]
    cited = rf" \cite{{{','.join(known)}}}" if known else ""
    numbered = [rf"\ref{{{label(key)}}}" for key in theorem.depends if key in exported]
    plural = "s" if len(numbered) > 1 else ""
    others = [key for key in theorem.depends if key not in exported]
    uses = ", ".join([*([f"Theorem{plural}~{', '.join(numbered)}"] if numbered else []), *others])
    functions = ", ".join(rf"\texttt{{{as_latex(name)}}}" for name in theorem.functions)
    parts = [
        rf"\emph{{Source:}} {prose(theorem.note)}{cited}.",
        *([rf"\emph{{Uses}} {uses}."] if uses else []),
        *([rf"\emph{{Computed by}} {functions}."] if functions else []),
    ]
    return r"\noindent{\small\raggedright " + " ".join(parts) + r"\par}\medskip"
