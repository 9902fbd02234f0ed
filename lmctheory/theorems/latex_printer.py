"""Prints SymPy expressions so that they can be read back."""

from collections.abc import Mapping
from typing import Any

from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter

__all__ = ["printed"]


def printed(expression: Any, names: Mapping[str, str], indexed: tuple[str, ...]) -> str:
    """LaTeX of an expression.

    Args:
        expression: of SymPy.
        names: LaTeX of symbols and functions by name, where it is not the name.
        indexed: functions that are printed with their argument as a subscript.
    """
    return _Printer(names, indexed).doprint(expression)


class _Printer(LatexPrinter):  # type: ignore[misc]  # SymPy has no types
    """Calls with plain parentheses, which products never have: what is printed can be parsed."""

    def __init__(self, names: Mapping[str, str], indexed: tuple[str, ...]) -> None:
        super().__init__()
        self._names, self._indexed = names, indexed

    def _print_Function(self, expr: Any, exp: str | None = None) -> str:  # SymPy's
        if not isinstance(expr, AppliedUndef):
            return super()._print_Function(expr, exp)
        name = expr.func.__name__
        printed = self._names.get(name, name)
        arguments = ", ".join(self._print(argument) for argument in expr.args)
        power = f"^{{{exp}}}" if exp is not None else ""
        if name in self._indexed:
            return f"{printed}_{{{arguments}}}{power}"
        return f"{printed}({arguments})" if not power else f"({printed}({arguments})){power}"

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:  # noqa: ARG002
        return self._names.get(expr.name, expr.name)

    def _print_Abs(self, expr: Any, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp is not None else ""
        return f"|{self._print(expr.args[0])}|{power}"

    def _print_gamma(self, expr: Any, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp is not None else ""
        call = rf"\Gamma({self._print(expr.args[0])})"
        return f"({call}){power}" if power else call
