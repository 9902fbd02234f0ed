"""The graph of dependencies, drawn: what a theorem uses stands to its left."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from markupsafe import Markup

from lmctheory.theorems.atlas.families import family, family_names
from lmctheory.theorems.atlas.layers import Layout, laid_out
from lmctheory.theorems.theorem import Theorem

__all__ = ["dependency_graph"]

_WIDTH, _HEIGHT = 166, 28
_ACROSS, _DOWN = _WIDTH + 40, _HEIGHT + 8
_LEAST_COLUMNS = 4
_LETTERS = 22
"""Of key and title, in a node."""
_EDGE = Markup('<path class="edge" data-from="{}" data-to="{}" d="{}"/>')
_NODE = Markup(
    '<a class="node f{colour}" href="{href}" data-key="{key}" transform="translate({x:g} {y:g})">'
    "<title>{key}: {title}</title>"
    '<rect width="{width}" height="{height}" rx="4"/>'
    '<rect class="bar" width="5" height="{height}"/>'
    '<text x="12" y="18" class="key">{key}</text>'
    '<text x="{after:g}" y="18">{short}</text></a>'
)
_ALONE = Markup('<text class="alone" x="0" y="{:g}">Neither use others nor are used:</text>')
_SVG = Markup(
    '<svg class="graph" role="img" aria-label="Which theorem uses which"'
    ' viewBox="-2 -2 {w:g} {h:g}"'
    ' style="min-width: {least:g}px; max-width: {w:g}px">{content}</svg>'
)


def dependency_graph(theorems: Mapping[str, Theorem], href: Callable[[str], str]) -> Markup:
    """An ``svg`` element, whose nodes link to theorems and have classes ``f0``, ``f1``, ....

    Args:
        theorems: by key; what they use beside them is left out.
        href: address of a theorem by its key.

    Raises:
        ValueError: if theorems depend on each other in a circle.
    """
    uses = {key: [u for u in theorem.depends if u in theorems] for key, theorem in theorems.items()}
    used = {u for found in uses.values() for u in found}
    joined = {key: found for key, found in uses.items() if found or key in used}
    layout = laid_out(joined)
    corners = {
        key: (float(layer * _ACROSS), height * _DOWN)
        for key, (layer, height) in layout.places.items()
    }
    columns = max([_LEAST_COLUMNS, *(1 + layer for layer, _ in layout.places.values())])
    bottom = max((y + _DOWN for _, y in corners.values()), default=0.0)
    alone = [key for key in theorems if key not in joined]
    below = bottom + 2 * _HEIGHT if joined and alone else bottom
    corners |= {
        key: (float(k % columns * _ACROSS), below + k // columns * _DOWN)
        for k, key in enumerate(alone)
    }
    content = [
        *_edges(layout, corners),
        *([_ALONE.format(below - 10)] if joined and alone else []),
        *_nodes(theorems, corners, href),
    ]
    height = max((y + _HEIGHT for _, y in corners.values()), default=0.0)
    width = columns * _ACROSS - (_ACROSS - _WIDTH)
    joined_up = Markup("\n").join(content)
    return _SVG.format(w=width + 4, h=height + 4, least=0.7 * width, content=joined_up)


def _edges(layout: Layout, corners: Mapping[str, tuple[float, float]]) -> Iterator[Markup]:
    for (start, end), heights in layout.routes.items():
        (left, top), (right, bottom) = corners[start], corners[end]
        passed = [
            (left + (k + 1) * _ACROSS, height * _DOWN + _HEIGHT / 2)
            for k, height in enumerate(heights)
        ]
        entries = [*passed, (right, bottom + _HEIGHT / 2)]
        yield _EDGE.format(start, end, _path((left + _WIDTH, top + _HEIGHT / 2), entries))


def _path(start: tuple[float, float], entries: Sequence[tuple[float, float]]) -> str:
    """From column to column in curves, and straight through those that it passes."""
    x, y = start
    path = f"M{x:g} {y:g}"
    for column, height in entries:
        middle = (x + column) / 2
        path += f"C{middle:g} {y:g} {middle:g} {height:.1f} {column:g} {height:.1f}"
        x, y = column, height
        if (column, height) != entries[-1]:
            x += _WIDTH
            path += f"H{x:g}"
    return path


def _nodes(
    theorems: Mapping[str, Theorem],
    corners: Mapping[str, tuple[float, float]],
    href: Callable[[str], str],
) -> Iterator[Markup]:
    colours = {letter: number for number, letter in enumerate(family_names(theorems))}
    for key, (x, y) in corners.items():
        title = theorems[key].title
        yield _NODE.format(
            key=key,
            colour=colours[family(key)],
            href=href(key),
            x=x,
            y=round(y, 1),
            width=_WIDTH,
            height=_HEIGHT,
            title=title,
            after=12 + 8 * len(key) + 5,
            short=_short(title, _LETTERS - len(key)),
        )


def _short(title: str, letters: int) -> str:
    return title if len(title) <= letters else title[: letters - 1].rstrip(" ,") + "…"
