"""Two-level designs: which runs to make, and which effects they cannot tell apart.

A factor is a letter with levels -1 (base) and 1 (changed), an effect a word, the set of letters
whose levels are multiplied. Basic factors take all combinations, and a generator G = ABC sets one
more factor to a product of them, so that the word ABCG is 1 in all runs. All products of such words
make up the *defining relation*; two effects are *aliases*, equal in all runs, if their product is
one of its words. With *resolution* V, the length of the shortest of them, main effects and
interactions of two factors are aliases of interactions of three and more alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, product
from operator import xor

import numpy as np
from jaxtyping import Float

__all__ = ["LETTERS", "Design", "Word", "design_of", "effects_of", "spelled"]

Word = frozenset[str]

LETTERS = "ABCDEFGHJKL"
"""Of factors, in order; I stands for what is 1 in all runs."""

_GENERATORS: Mapping[int, tuple[str, ...]] = {
    3: (),
    4: (),
    5: (),
    6: ("ABCDE",),
    7: ("ABCDEF",),
    8: ("ABCD", "ABEF"),
    9: ("ACDFG", "BCEFG"),
    10: ("ABCG", "BCDE", "ACDF"),
    11: ("ABCG", "BCDE", "ACDF", "ABCDEFG"),
}
"""By the number of factors, for as few runs as resolution V allows (one more factor than runs can
tell apart leaves no error to judge by: 5 factors have all 32). Box, Hunter and Hunter 2005."""


@dataclass(frozen=True)
class Design:
    """A fraction of all combinations of levels.

    Attributes:
        basic: letters of the factors that take all combinations.
        generators: for each further factor the word that it is set to.
    """

    basic: str
    generators: Mapping[str, Word]

    @property
    def letters(self) -> tuple[str, ...]:
        """Of all factors."""
        return (*self.basic, *self.generators)

    @property
    def defining_relation(self) -> list[Word]:
        """The words that are 1 in all runs, I excepted, shortest first."""
        words = [word | {letter} for letter, word in self.generators.items()]
        products = [
            reduce(xor, chosen)
            for count in range(1, len(words) + 1)
            for chosen in combinations(words, count)
        ]
        return sorted(products, key=lambda word: (len(word), spelled(word)))

    @property
    def resolution(self) -> int | None:
        """Letters of the shortest word; None for all combinations, which confuse nothing."""
        return min(map(len, self.defining_relation), default=None)

    def aliases(self, effect: Word) -> list[Word]:
        """The effects that equal this one in all runs."""
        return [effect ^ word for word in self.defining_relation]

    def levels(self) -> Float[np.ndarray, "runs factors"]:
        """-1 and 1, in standard order: the first factor changes fastest."""
        runs = np.array(list(product((-1.0, 1.0), repeat=len(self.basic))))[:, ::-1]
        columns = dict(zip(self.basic, runs.T, strict=True))
        for letter, word in self.generators.items():
            columns[letter] = np.prod([columns[one] for one in word], axis=0)
        return np.stack([columns[letter] for letter in self.letters], axis=1)

    def contrasts(self, effects: Sequence[Word]) -> Float[np.ndarray, "runs effects"]:
        """The products of levels that effects are measured by."""
        columns = dict(zip(self.letters, self.levels().T, strict=True))
        runs = np.ones(2 ** len(self.basic))
        return np.stack(
            [reduce(np.multiply, (columns[one] for one in word), runs) for word in effects], axis=1
        )


def design_of(factors: int) -> Design:
    """The smallest design of resolution V, or of all combinations, with runs to spare for error.

    Raises:
        ValueError: for numbers of factors that there is no design for.
    """
    if factors not in _GENERATORS:
        raise ValueError(f"factors must be 3 to {len(LETTERS)}, got {factors}")
    words = _GENERATORS[factors]
    basic = LETTERS[: factors - len(words)]
    further = LETTERS[len(basic) : factors]
    return Design(basic, dict(zip(further, map(frozenset, words), strict=True)))


def effects_of(design: Design) -> list[Word]:
    """Main effects, then interactions of two factors."""
    letters = design.letters
    pairs = (frozenset(pair) for pair in combinations(letters, 2))
    return [*map(frozenset, letters), *pairs]


def spelled(word: Word) -> str:
    """Its letters in order."""
    return "".join(sorted(word))
