"""Pages of the public functions and classes, which mkdocstrings fills with their docstrings."""

import inspect
from collections.abc import Iterator
from types import ModuleType

import lmctheory
from documentation.theory import theorem_address
from lmctheory.theorems import registry

__all__ = ["reference_pages"]


def reference_pages() -> dict[str, str]:
    """A page for each subpackage and one of them all, in Markdown, by their addresses."""
    packages = [getattr(lmctheory, name) for name in lmctheory.__all__]
    modules = [module for module in packages if isinstance(module, ModuleType)]
    pages = {f"reference/{_short(module)}.md": _module_page(module) for module in modules}
    return {"reference/index.md": _first_page(modules), **pages}


def _short(module: ModuleType) -> str:
    return module.__name__.removeprefix("lmctheory.")


def _first_page(modules: list[ModuleType]) -> str:
    rows = [f"- [`lmctheory.{_short(m)}`]({_short(m)}.md): {_first_line(m)}" for m in modules]
    return "\n\n".join(
        [
            "# Reference",
            "What is public, from its docstrings. Everything is an attribute of what\n"
            "`import lmctheory as lmc` gives, and is loaded when it is first used.",
            "\n".join(rows),
        ]
    )


def _module_page(module: ModuleType) -> str:
    parts = [f"# lmctheory.{_short(module)}", inspect.getdoc(module) or ""]
    for name, found in _members(module):
        inner = [name for name, _ in _members(found)] if isinstance(found, ModuleType) else []
        for each in [name, *inner]:
            parts += [f"::: {each}", _theorems(each)]
    return "\n\n".join(parts)


def _theorems(name: str) -> str:
    """Which theorems a function computes, with where they stand."""
    theorems = registry()
    keys = [key for key in theorems if name.partition(".")[2] in theorems[key].functions]
    listed = [f"[{key}: {theorems[key].title}](../{theorem_address(key)})" for key in keys]
    return f"*Theorems:* {', '.join(listed)}." if listed else ""


def _members(module: ModuleType) -> Iterator[tuple[str, object]]:
    """What is public in it, by its full name."""
    for name in getattr(module, "__all__", ()):
        yield f"{module.__name__}.{name}", getattr(module, name)


def _first_line(found: object) -> str:
    return (inspect.getdoc(found) or "").partition("\n")[0].rstrip(".")
