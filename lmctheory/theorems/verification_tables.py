"""What came of trying theorems, as tables: whole for a terminal, or brief for a paper."""

import textwrap
from collections.abc import Sequence
from functools import partial

from lmctheory.tables import Column, Table
from lmctheory.theorems._registry import registry
from lmctheory.theorems.step import StepCheck
from lmctheory.theorems.trial import KINDS, Check, Kind
from lmctheory.theorems.verification import Variant

__all__ = ["checks_table", "steps_table", "variants_table"]

_HEADS: dict[Kind, str] = {"random": "rand.", "trained": "train.", "searched": "search"}
_TITLE = partial(textwrap.shorten, width=40, placeholder=" ...")


def _number(kind: Kind, check: Check) -> int | None:
    return len(check.of(kind)) or None


_KEY = Column[Check]("key", lambda check: check.key, left=True)
_VIOLATIONS = Column[Check]("violations", lambda check: check.violations, head="viol.", form="d")
_MARGIN = Column[Check]("worst margin", lambda check: check.worst_margin, head="margin", form=".2g")
_TIGHTNESS = Column[Check]("tightness", lambda check: check.tightness, head="tight", form=".3g")
_WHOLE = (
    _KEY,
    Column[Check]("theorem", lambda check: registry()[check.key].title, left=True, form=_TITLE),
    *(Column[Check](kind, partial(_number, kind), head=_HEADS[kind], form="d") for kind in KINDS),
    _VIOLATIONS,
    _MARGIN,
    _TIGHTNESS,
    Column[Check]("seconds", lambda check: check.seconds, head="s", form=".1f"),
)
_BRIEF = (
    _KEY,
    Column[Check]("trials", lambda check: check.count, form="d"),
    _VIOLATIONS,
    _MARGIN,
    _TIGHTNESS,
)
_VARIANTS = (
    Column[Variant]("key", lambda found: found.key, left=True),
    Column[Variant]("wrong", lambda found: found.wrong, left=True),
    Column[Variant]("caught", lambda found: found.caught, head="caught after", form="d"),
    Column[Variant]("kind", lambda found: found.kind, left=True),
    Column[Variant]("least factor", lambda found: found.least, head="seen below", form=".3g"),
)
_STEPS = (
    Column[StepCheck]("key", lambda check: check.key, left=True),
    Column[StepCheck]("step", lambda check: check.step, form="d"),
    Column[StepCheck]("kind", lambda check: check.kind, left=True),
    Column[StepCheck]("what", lambda check: check.what, left=True),
    Column[StepCheck]("trials", lambda check: check.trials or None, form="d"),
    Column[StepCheck]("held", lambda check: None if check.in_words else check.held, form="d"),
    Column[StepCheck]("caught", lambda check: check.caught, head=".99", form="d"),
    Column[StepCheck]("slack", lambda check: check.slack or None, form=".2g"),
)


def checks_table(checks: Sequence[Check], title: str = "", *, brief: bool = False) -> Table[Check]:
    """What came of trying theorems.

    Args:
        checks: of the theorems.
        title: of the table.
        brief: whether titles, kinds of trials and seconds are left out.
    """
    caption = (
        "margin: the least room before a violation, relative. tight: median of right-hand over"
        " left-hand side."
    )
    return Table(title, caption, _BRIEF if brief else _WHOLE, checks)


def variants_table(found: Sequence[Variant], title: str = "") -> Table[Variant]:
    """After how many trials false variants were caught.

    Args:
        found: the variants.
        title: of the table.
    """
    caption = (
        "caught after: trials of that kind until one violates the variant. seen below: a bound"
        " scaled by less is caught."
    )
    return Table(title, caption, _VARIANTS, found)


def steps_table(found: Sequence[StepCheck], title: str = "") -> Table[StepCheck]:
    """What came of trying the steps of proofs.

    Args:
        found: the steps.
        title: of the table.
    """
    caption = (
        "held: of the trials, or of the expressions of an identity. .99: trials until one does not"
        " hold with .99 of its right-hand side. slack: which part of that is not attained; .99 is"
        " then of the rest."
    )
    return Table(title, caption, _STEPS, found, lambda check: check.key)
