"""What a theorem is here: statement, symbols, hypotheses, sources, and checks that could fail."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import getgeneratorlocals, isgenerator
from itertools import islice
from typing import Any, Literal

import numpy as np

from lmctheory.theorems.adversary import Trials, search
from lmctheory.theorems.formula import Formula
from lmctheory.theorems.instances import Instance, instantiate
from lmctheory.theorems.step import Step
from lmctheory.theorems.trial import KINDS, Check, Kind, Trial

__all__ = ["Status", "Theorem", "Tried"]

_OPEN = (":", ":}", r"\Longrightarrow", "of}")
_RELATIONS = (r"\le", r"\ge", "=")
_STEP = re.compile(r"\\textbf\{(\d+)\.\}|\\emph\{Step (\d+),")
"""How a proof begins a step."""
Status = Literal["published", "derived", "rate only"]
"""Published: with these constants, elsewhere. Derived: stated and proved for this package."""


@dataclass(frozen=True)
class Tried:
    """How a theorem is tried.

    Attributes:
        random: draws instances without end.
        counts: of random instances, in a quick check and in a full one.
        searched: how many instances a quick search tries; 0 where both sides are not exact. A full
            one tries 20 times as many.
        trained: draws instances from trained networks, if the theorem is about such.
        trained_counts: of those, likewise.
        wrong: variants of the statement that are false, by what is wrong in them.
    """

    random: Trials
    counts: tuple[int, int] = (25, 500)
    searched: int = 0
    trained: Trials | None = None
    trained_counts: tuple[int, int] = (5, 50)
    wrong: Mapping[str, Trials] = field(default_factory=dict)


@dataclass(frozen=True)
class Theorem:
    """A registered statement.

    Attributes:
        key: its key, as in the table of what is computed where.
        title: a few words.
        lines: the statement, as lines of LaTeX without dollar signs, and formulas.
        hypotheses: in words, with LaTeX between dollar signs.
        symbols: what the symbols mean that the statement uses, by their LaTeX; in words likewise.
        status: whether it is published, derived here, or a rate with constants set to 1.
        sources: keys of `lmctheory.theorems.bibliography`.
        note: where it comes from, in a line.
        depends: keys of the theorems that its proof or its functions use.
        functions: public functions that compute it.
        proof: LaTeX, or nothing.
        load: gives what tries it; called when it is tried.
        load_steps: gives what checks the steps of its proof, likewise.
    """

    key: str
    title: str
    lines: tuple[str | Formula, ...]
    hypotheses: tuple[str, ...]
    symbols: Mapping[str, str]
    status: Status
    sources: tuple[str, ...]
    note: str
    depends: tuple[str, ...]
    functions: tuple[str, ...]
    proof: str = field(repr=False)
    load: Callable[[], Tried] = field(repr=False)
    load_steps: Callable[[], tuple[Step, ...]] = field(default=tuple, repr=False)

    @property
    def statement(self) -> str:
        """The statement as one formula in LaTeX, without dollar signs."""
        statement, *rest = map(str, self.lines)
        for line in rest:
            goes_on = statement.endswith(_OPEN) or line.startswith(_RELATIONS)
            statement += rf"{'' if goes_on else ','} \quad {line}"
        return statement

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """Those of its lines that can be evaluated."""
        return tuple(line for line in self.lines if isinstance(line, Formula))

    @property
    def tried(self) -> Tried:
        """What tries it."""
        return self.load()

    @property
    def step_numbers(self) -> tuple[int, ...]:
        """The numbers of the steps of its proof; none where it is not told in steps."""
        return tuple(int(found[1] or found[2]) for found in _STEP.finditer(self.proof))

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is checked of the steps of its proof, and what of them is words, in their order.

        Example:
            >>> from lmctheory.theorems import registry
            >>> registry()["T3"].steps[0].what
            'the risk of f_t'
        """
        return tuple(sorted(self.load_steps(), key=lambda step: step.number))

    def latex(self) -> str:
        """The statement as a displayed formula."""
        return f"\\[ {self.statement} \\]"

    def instantiate(self, *arguments: Any, **named: Any) -> Instance:
        r"""The statement with numbers in place.

        Args:
            arguments: of the function that `lmctheory.theorems.instances.INSTANCES` has for it: the
                law and the width, the networks and the data, as its public function takes them.
            named: likewise.

        Raises:
            ValueError: if it has no numbers to put in place.
            TypeError: if the arguments are not its arguments.

        Example:
            >>> import lmctheory as lmc
            >>> law = lmc.measures.Gaussian(spectrum=[1.0, 1.0, 1.0])
            >>> print(lmc.theorems["R11"].instantiate(law, 1000))
            0.09162 \le M(1000) \le 0.3189
        """
        return instantiate(self.key, *arguments, **named)

    def stream(self, seed: int) -> np.random.Generator:
        """Random numbers that depend on the seed and this key alone.

        What is drawn for a theorem does not depend on which others are tried beside it.

        Args:
            seed: >= 0.
        """
        from lmctheory.measures.arguments import at_least  # imports SciPy, lists do without

        sequence = np.random.SeedSequence(
            at_least("seed", seed, 0), spawn_key=tuple(self.key.encode())
        )
        return np.random.default_rng(sequence)

    def check(self, *, rng: np.random.Generator, quick: bool = True) -> Check:
        """Tries the statement on random instances, on trained networks, and by a search.

        Args:
            rng: the random numbers.
            quick: some 25 random instances; else 500 and, where they are cheap, up to 100,000, the
                quick ones first.
        """
        from lmctheory.measures.arguments import generator

        begun, rng = time.perf_counter(), generator(rng)
        counts = {kind: self._count(kind, quick) for kind in KINDS}
        trials = {
            kind: self._numbered(kind, islice(drawn, counts[kind]))
            for kind, drawn in self._drawn(rng).items()
        }
        seconds = time.perf_counter() - begun
        return Check(self.key, trials["random"], trials["trained"], trials["searched"], seconds)

    def _count(self, kind: Kind, quick: bool) -> int:
        tried = self.tried
        if kind == "searched":
            return tried.searched * (1 if quick else 20)
        counts = tried.counts if kind == "random" else tried.trained_counts
        return counts[0 if quick else 1] if kind == "random" or tried.trained else 0

    def _drawn(self, rng: np.random.Generator) -> dict[Kind, Iterator[Trial]]:
        """Instances without end; those of one kind do not depend on how many others are drawn."""
        tried = self.tried
        of_trained, of_search = rng.spawn(2)
        return {
            "random": tried.random(rng),
            "trained": tried.trained(of_trained) if tried.trained else iter(()),
            "searched": (trial for trial, _ in search(tried.random, of_search)),
        }

    def _numbered(self, kind: Kind, drawn: Iterable[Trial]) -> tuple[Trial, ...]:
        trials: list[Trial] = []
        try:
            trials.extend(drawn)
        except Exception as error:
            error.add_note(f"in {kind} trial {len(trials) + 1} of {self.key}")
            raise
        return tuple(trials)

    def instance(
        self, number: int, *, kind: Kind = "random", rng: np.random.Generator
    ) -> tuple[Trial, dict[str, object]]:
        """One of the trials that `check` makes with the same random numbers, and what it drew.

        Args:
            number: of the trial, counted from 1.
            kind: where it comes from.
            rng: the random numbers.

        Returns:
            The trial, and the local variables of the function that drew it.

        Raises:
            TypeError: if the number is no integer.
            ValueError: if the number is below 1, or the theorem has no trials of that kind.

        Example:
            >>> from lmctheory.theorems import registry
            >>> theorem = registry()["R1"]
            >>> trial, drawn = theorem.instance(3, rng=theorem.stream(0))
            >>> trial == theorem.check(rng=theorem.stream(0)).trials[2]
            True
            >>> sorted(drawn)[:3]
            ['a', 'b', 'brute']
        """
        from lmctheory.measures.arguments import at_least  # imports SciPy, lists do without

        number = at_least("number", number, 1)
        if not self._count(kind, quick=False):
            raise ValueError(f"{self.key} has no {kind} trials")
        if kind == "searched":
            _, of_search = rng.spawn(2)
            return next(islice(search(self.tried.random, of_search), number - 1, None))
        drawn = self._drawn(rng)[kind]
        trial = next(islice(drawn, number - 1, None))
        return trial, getgeneratorlocals(drawn) if isgenerator(drawn) else {}
