"""Layouts of graphs without cycles in layers, from left to right."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import numpy as np
from scipy.optimize import isotonic_regression

__all__ = ["Layout", "laid_out"]

_SWEEPS = 24
"""Over all layers, in search of an order with few crossings and of good heights."""


@dataclass(frozen=True)
class Layout:
    """Where the nodes of a graph are.

    Attributes:
        places: layer, and height in it, of every node; both from 0.
        routes: for every edge from u to v, the heights at which it passes the layers between.
    """

    places: Mapping[str, tuple[int, float]]
    routes: Mapping[tuple[str, str], tuple[float, ...]]


def laid_out(uses: Mapping[str, Iterable[str]]) -> Layout:
    """A layout in which every node is to the right of those that it uses.

    Nodes of one layer are at least 1 apart. Sugiyama's method: edges that pass layers get a place
    there as nodes do; orders by the means of neighbours, the best of some; heights by least squares
    from those means, at the given distance.

    Args:
        uses: for every node, the nodes that it uses, each of them a node as well.

    Raises:
        ValueError: if there is a cycle.

    Example:
        >>> laid_out({"a": [], "b": ["a"], "c": ["b", "a"]}).places["c"][0]
        2
    """
    layer = _layers({node: tuple(used) for node, used in uses.items()})
    if not uses:
        return Layout({}, {})
    links: list[tuple[_Place, _Place]] = []
    passes: dict[tuple[str, str], list[_Place]] = {}
    for node, used in uses.items():
        for u in used:
            between: list[_Place] = [(u, node, k) for k in range(layer[u] + 1, layer[node])]
            chain: list[_Place] = [(u, u, layer[u]), *between, (node, node, layer[node])]
            links += pairwise(chain)
            passes[u, node] = between
    places = {(node, node, layer[node]) for node in uses}
    places |= {place for between in passes.values() for place in between}
    heights = _heights(sorted(places), links)
    return Layout(
        {node: (layer[node], heights[node, node, layer[node]]) for node in uses},
        {edge: tuple(heights[place] for place in between) for edge, between in passes.items()},
    )


_Place = tuple[str, str, int]
"""What is in a layer: the edge's ends, or twice the node, and the layer."""


def _layers(uses: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """One beyond the last of what a node uses; what uses nothing stands next to its first user."""
    try:
        order = tuple(TopologicalSorter(uses).static_order())
    except CycleError as error:
        raise ValueError(f"theorems depend on each other in a circle: {error.args[1]}") from None
    layer: dict[str, int] = {}
    for node in order:
        layer[node] = 1 + max((layer[u] for u in uses[node]), default=-1)
    for node in order:
        users = [layer[other] for other, used in uses.items() if node in used]
        if not uses[node] and users:
            layer[node] = min(users) - 1
    return layer


def _heights(places: list[_Place], links: list[tuple[_Place, _Place]]) -> dict[_Place, float]:
    near: dict[_Place, list[_Place]] = {place: [] for place in places}
    for left, right in links:
        near[left].append(right)
        near[right].append(left)
    layers = [[p for p in places if p[2] == k] for k in range(1 + max(p[2] for p in places))]
    height = {place: float(k) for layer in layers for k, place in enumerate(layer)}
    best, fewest = layers, _crossings(links, height)
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 else layers[::-1]:
            side = -1 if sweep % 2 else 1
            wanted = {
                p: _mean(height, [q for q in near[p] if q[2] == p[2] + side], p) for p in layer
            }
            layer.sort(key=wanted.__getitem__)
            height |= {place: float(k) for k, place in enumerate(layer)}
        if (found := _crossings(links, height)) < fewest:
            best, fewest = [list(layer) for layer in layers], found
    return _settled(best, near)


def _settled(
    layers: list[list[_Place]], near: Mapping[_Place, list[_Place]]
) -> dict[_Place, float]:
    tallest = max(len(layer) for layer in layers)
    height = {
        place: k + (tallest - len(layer)) / 2 for layer in layers for k, place in enumerate(layer)
    }
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 else layers[::-1]:
            steps = np.arange(len(layer))
            wanted = np.array([_mean(height, near[place], place) for place in layer])
            moved = isotonic_regression(wanted - steps).x + steps
            height |= dict(zip(layer, moved.tolist(), strict=True))
    lowest = min(height.values())
    return {place: value - lowest for place, value in height.items()}


def _mean(height: Mapping[_Place, float], near: list[_Place], place: _Place) -> float:
    return float(np.mean([height[q] for q in near])) if near else height[place]


def _crossings(links: list[tuple[_Place, _Place]], height: Mapping[_Place, float]) -> int:
    ends = np.array([(p[2], height[p], height[q]) for p, q in links]).reshape(-1, 3)
    layer, left, right = ends.T
    crossed = (np.subtract.outer(left, left) * np.subtract.outer(right, right)) < 0
    return int((crossed & (layer[:, None] == layer)).sum()) // 2
