"""What all pages share: how their templates are read, and the buttons that every page has."""

from functools import cache

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from jinja2.loaders import ChoiceLoader

__all__ = ["environment"]


@cache
def environment(package: str) -> Environment:
    """Reads the templates that lie in a package; ``pages/theme.js`` and ``pages/copy.js`` lie here.

    Args:
        package: its name.
    """
    shared = PrefixLoader({"pages": PackageLoader("lmctheory.pages", ".")})
    return Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), shared]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
