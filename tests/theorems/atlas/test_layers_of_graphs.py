"""Graphs in layers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmctheory.theorems.atlas.layers import laid_out


@st.composite
def graphs(draw):
    size = draw(st.integers(0, 14))
    return {
        str(node): [str(u) for u in draw(st.sets(st.integers(0, node - 1), max_size=3))]
        if node
        else []
        for node in range(size)
    }


@given(graphs())
def test_users_are_on_the_right_and_nothing_overlaps(uses):
    layout = laid_out(uses)
    assert set(layout.places) == set(uses)
    assert set(layout.routes) == {(u, node) for node, used in uses.items() for u in used}
    heights = {}
    for layer, height in layout.places.values():
        heights.setdefault(layer, []).append(height)
    for (start, end), route in layout.routes.items():
        first, last = layout.places[start][0], layout.places[end][0]
        assert len(route) == last - first - 1
        for k, height in enumerate(route, start=first + 1):
            heights.setdefault(k, []).append(height)
    for found in heights.values():
        assert min(found) >= 0
        assert all(b - a >= 1 - 1e-9 for a, b in pairwise(sorted(found)))


def test_what_uses_nothing_stands_beside_its_first_user():
    places = laid_out({"a": [], "b": ["a"], "c": ["b", "d"], "d": []}).places
    assert [places[node][0] for node in "abcd"] == [0, 1, 2, 1]


def test_crossings_are_undone():
    layout = laid_out({"a": [], "b": [], "c": [], "x": ["c"], "y": ["b"], "z": ["a"]})
    order = sorted("abc", key=lambda node: layout.places[node][1])
    partners = sorted("zyx", key=lambda node: layout.places[node][1])
    assert ["abc".index(node) for node in order] == ["zyx".index(node) for node in partners]
    # and each stands at the height of its partner
    assert layout.places["a"][1] == pytest.approx(layout.places["z"][1], abs=1e-6)


def test_circles_are_refused():
    with pytest.raises(ValueError, match="depend on each other in a circle"):
        laid_out({"a": ["b"], "b": ["a"]})
