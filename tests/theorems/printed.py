"""Reads a printed formula back, by SymPy's LaTeX parser: an independent way to its numbers."""

import re
from functools import cache

import mpmath
import sympy
from sympy.concrete.expr_with_intlimits import ExprWithIntLimits
from sympy.core.function import AppliedUndef
from sympy.parsing.latex import parse_latex

_FUNCTIONS = {"min": sympy.Min, "max": sympy.Max, "Gamma": sympy.gamma}
_TERMS = 400


def value(formula, **given):
    """What the right-hand side *as it is printed* says, for numbers and functions by name."""
    text, tokens = formula.right_latex, {}
    printed = {
        formula.names.get(name, name): name for name in (*formula.symbols, *formula.functions)
    }
    # names become tokens that the parser cannot take apart, the longest first
    for number, latex in enumerate(sorted(printed, key=len, reverse=True)):
        token = f"x_{{9{number}}}"
        tokens[token.replace("{", "").replace("}", "")] = printed[latex]
        tokens[token] = printed[latex]
        end = r"_\{([^{}]*)\}" if printed[latex] in formula.indexed else r"(?![A-Za-z])"
        text = re.sub(
            rf"(?<![A-Za-z\\]){re.escape(latex)}{end}",
            lambda match, token=token, indexed=printed[latex] in formula.indexed: (
                f"{token}({match[1]})" if indexed else token
            ),
            text,
        )
        if printed[latex] in formula.symbols:  # times what follows, and no call of it
            text = re.sub(rf"{re.escape(token)} (?=\\left\()", rf"{token} \\cdot ", text)
    # powers of calls
    text = re.sub(r"(x_\{9\d+\}\([^()]*\))\^\{([^{}]*)\}", r"{\1}^{\2}", text)
    parsed = _parsed(text)
    return float(_numbers(parsed, tokens, given))


_parsed = cache(parse_latex)


def _numbers(parsed, tokens, given):
    calls = {}
    for call in parsed.atoms(AppliedUndef):
        name = call.func.__name__
        if name in tokens and not callable(given[tokens[name]]):  # a product, not a call
            calls[call] = sympy.Symbol(name) * call.args[0]
    while calls:
        parsed = parsed.xreplace(calls)
        calls = {
            call: sympy.Symbol(call.func.__name__) * call.args[0]
            for call in parsed.atoms(AppliedUndef)
            if call.func.__name__ in tokens and not callable(given[tokens[call.func.__name__]])
        }
    parsed = parsed.replace(
        lambda part: isinstance(part, sympy.Sum) and part.limits[-1][2] == sympy.oo,
        lambda part: part.subs(sympy.oo, _TERMS),
    )
    parsed = parsed.replace(
        lambda part: isinstance(part, sympy.Product),
        lambda part: sympy.exp(sympy.Sum(sympy.log(part.function), *part.limits)),
    )
    for name, function in _FUNCTIONS.items():
        parsed = parsed.replace(sympy.Function(name), function)
    parsed = parsed.subs(sympy.Symbol("e"), sympy.E).subs(sympy.Symbol("pi"), sympy.pi)
    symbols = sorted(parsed.free_symbols, key=str)
    functions = sorted({call.func.__name__ for call in parsed.atoms(AppliedUndef)})
    callable_names = [f"call_{number}" for number in range(len(functions))]
    for name, renamed in zip(functions, callable_names, strict=True):
        parsed = parsed.replace(sympy.Function(name), sympy.Function(renamed))
    calls = map(sympy.Function, callable_names)
    numerical = sympy.lambdify([*symbols, *calls], parsed, modules="mpmath")
    bounds = [bound for part in parsed.atoms(ExprWithIntLimits) for bound in part.limits]
    counts = {symbol for _, *ends in bounds for end in ends for symbol in end.free_symbols}
    numbers = [
        int(given[tokens[str(symbol)]])
        if symbol in counts
        else mpmath.mpf(float(given[tokens[str(symbol)]]))
        for symbol in symbols
    ]
    called = [
        lambda *x, f=given[tokens[name]]: mpmath.mpf(float(f(*map(float, x)))) for name in functions
    ]
    return numerical(*numbers, *called)
