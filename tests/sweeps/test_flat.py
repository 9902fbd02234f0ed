"""Results as flat rows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lmctheory.sweeps import Study
from lmctheory.sweeps.flat import flat, flat_row
from lmctheory.sweeps.store import Row

NESTED = st.recursive(
    st.integers() | st.none() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.text("ab", min_size=1), inner, min_size=1, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text("ab", min_size=1), NESTED, max_size=3))
def test_every_leaf_is_found_under_its_path(values):
    row = flat(values)
    for path, leaf in row.items():
        found = values
        for key in path.split("."):
            found = found[key]
        assert found == leaf

    def leaves(part):
        return sum(map(leaves, part.values())) if isinstance(part, dict) else 1

    assert len(row) == leaves(values)


def test_a_task_is_one_row():
    row = Row({"x": 1}, {"y": {"z": 2}}, 0.5, "2026-01-01 00:00:00", {"python": "3.11"})
    assert flat_row(Study("squares", 3, run=lambda config: {}), row) == {
        "study": "squares",
        "version": 3,
        "config.x": 1,
        "record.y.z": 2,
        "seconds": 0.5,
        "created": "2026-01-01 00:00:00",
        "provenance.python": "3.11",
    }
