"""A relation that is printed and evaluated from one SymPy expression."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lmctheory.results import Result

__all__ = ["Formula"]

_KNOWN = frozenset(
    {"Abs", "Integral", "Max", "Min", "Product", "Sum", "binomial", "exp", "gamma", "log", "oo"}
    | {"pi", "sqrt"}
)
"""Names that mean in code what they mean in SymPy."""
_TERMS = 400
"""Of an infinite sum, as it is evaluated."""


@dataclass(frozen=True)
class Formula(Result):
    r"""A relation with one SymPy expression on its right.

    SymPy is imported when a formula is printed or evaluated, not when it is stated.

    Attributes:
        left: its left-hand side in LaTeX.
        relation: LaTeX, as ``\le``.
        code: the right-hand side as SymPy code. Names that are called and no functions of SymPy's
            are functions, other names symbols; ``oo`` and ``pi`` are what they are there.
        names: LaTeX of those symbols and functions whose name is not their LaTeX.
        indexed: functions that are printed with their argument as a subscript.

    Example:
        >>> trace = Formula("M", r"\le", "2 * Sum(v(k), (k, 1, n))",
        ...                 names={"v": r"\lambda"}, indexed=("v",))
        >>> trace.latex()
        'M \\le 2 \\sum_{k=1}^{n} \\lambda_{k}'
        >>> trace.value(n=3, v=lambda k: 1 / k)
        3.6666666666666665
    """

    left: str
    relation: str
    code: str
    names: Mapping[str, str] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()

    @cached_property
    def right(self) -> Any:
        """Its right-hand side, a SymPy expression."""
        import sympy

        tree = ast.parse(self.code, mode="eval")
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        called = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        known = {name: getattr(sympy, name) for name in used & _KNOWN}
        functions = {name: sympy.Function(name) for name in called - _KNOWN}
        symbols = {name: sympy.Symbol(name) for name in used - _KNOWN - called}
        return sympy.parse_expr(self.code, local_dict={**known, **functions, **symbols})

    def latex(self) -> str:
        """The relation, without dollar signs."""
        return f"{self.left} {self.relation} {self.right_latex}"

    def __str__(self) -> str:
        return self.latex()

    @cached_property
    def right_latex(self) -> str:
        """Its right-hand side in LaTeX."""
        from lmctheory.theorems.latex_printer import printed

        return printed(self.right, self.names, self.indexed)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Names of the free symbols, whose numbers `value` needs."""
        return tuple(sorted(symbol.name for symbol in self.right.free_symbols))

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """Names of the functions that `value` needs."""
        from sympy.core.function import AppliedUndef

        return tuple(sorted({call.func.__name__ for call in self.right.atoms(AppliedUndef)}))

    @cached_property
    def _counts(self) -> set[str]:
        """Symbols that say where a sum or a product ends, hence whole numbers."""
        from sympy.concrete.expr_with_intlimits import ExprWithIntLimits

        bounds = [bound for part in self.right.atoms(ExprWithIntLimits) for bound in part.limits]
        free = (end.free_symbols for _, *ends in bounds for end in ends)
        return {symbol.name for symbols in free for symbol in symbols}

    @cached_property
    def _numerical(self) -> Callable[..., Any]:
        import sympy

        finite = self.right.replace(
            lambda part: isinstance(part, sympy.Sum) and part.limits[-1][2] == sympy.oo,
            lambda part: part.subs(sympy.oo, _TERMS),
        )
        # of which mpmath's printer knows sums only
        finite = finite.replace(
            lambda part: isinstance(part, sympy.Product),
            lambda part: sympy.exp(sympy.Sum(sympy.log(part.function), *part.limits)),
        )
        # the functions stand among the arguments: each call brings its own
        calls = [sympy.Function(name) for name in self.functions]
        return sympy.lambdify([*self.symbols, *calls], finite, modules="mpmath")

    def value(self, **given: Any) -> float:
        """The right-hand side in numbers; infinite sums end after 400 terms.

        Args:
            given: a number for every one of `symbols` and a function for every one of `functions`,
                by name.

        Raises:
            TypeError: if one is missing, or there is none of that name.
        """
        expected = [*self.symbols, *self.functions]
        if set(given) != set(expected):
            raise TypeError(f"needed are {expected}, got {sorted(given)}")
        counts = self._counts
        numbers = (int(given[n]) if n in counts else _exact(given[n]) for n in expected)
        return float(self._numerical(*numbers))


def _exact(given: Any) -> Any:
    """A number of any size, or a function that takes and gives such numbers."""
    import mpmath

    if callable(given):
        return lambda *numbers: mpmath.mpf(float(given(*map(float, numbers))))
    return mpmath.mpf(float(given))
