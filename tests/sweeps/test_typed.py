"""Studies of dataclasses: what stands in JSON, what is read, what is refused."""

import math
import pickle
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Literal

import pytest

from lmctheory.networks import TrainingConfig
from lmctheory.sweeps import StoreError, run_study
from lmctheory.sweeps.store import encode
from lmctheory.sweeps.typed import REST, Key, TypedStudy, dump, entropy_of, load, of_kind


@dataclass(frozen=True)
class Train:
    width: int
    decay: float
    training: TrainingConfig | None
    task: Literal["train"] = "train"


@dataclass(frozen=True)
class Bound:
    width: int
    decay: float
    task: Literal["bound"] = "bound"


@dataclass(frozen=True)
class Trained:
    bound: Annotated[float, Key("C1'")]
    curves: Annotated[dict[str, list[float]], REST]
    by_width: dict[int, float]
    lower: float | None
    split: list[float] | None = None


@dataclass(frozen=True)
class Bounded:
    width: int
    decay: float


def train(task: Train, scale: float = 1.0) -> Trained:
    return Trained(scale, {"loss": [math.nan, -math.inf]}, {task.width: 0.5}, None)


def bound(task: Bound, scale: float = 1.0) -> Bounded:
    return Bounded(task.width, scale * task.decay)


STUDY = TypedStudy.of("typed", 3, train, bound, cost=lambda task: task.width)
TRAIN = {"width": 4, "decay": 0.0, "training": None, "task": "train"}
BOUND = {"width": 8, "decay": 0.5, "task": "bound"}


def test_a_configuration_stands_in_json_as_its_fields():
    training = TrainingConfig(2, optimiser="adam", betas=(0.5, 0.9))
    fields = asdict(training)
    assert fields.pop("warmup_from") is None  # as by default: such a field is left out
    assert encode(dump(Train(4, 0.0, training))) == encode(TRAIN | {"training": fields})
    assert dump(Train(4, 0.0, None)) == TRAIN
    assert load(dump(Train(4, 0.0, training)), Train) == Train(4, 0.0, training)
    assert bytes(entropy_of(Bound(8, 0.5))).decode() == encode(BOUND)


def test_numbers_stay_what_they_are():
    """1 is not 1.0 in a key."""
    for decay in (1, 1.0):
        assert encode(dump(load(BOUND | {"decay": decay}, Bound))) == encode(
            BOUND | {"decay": decay}
        )


def test_each_kind_of_task_has_its_function(tmp_path):
    stored = run_study(STUDY, [TRAIN, BOUND], results=tmp_path / "x.sqlite", jobs=0)
    results = STUDY.typed(stored)
    assert sorted(map(str, STUDY.read(tmp_path / "x.sqlite"))) == sorted(map(str, results))
    [(task, record)] = of_kind(results, Train, Trained)
    assert task == Train(4, 0.0, None)
    assert (record.bound, record.by_width, record.lower, record.split) == (
        1.0,
        {4: 0.5},
        None,
        None,
    )
    assert math.isnan(record.curves["loss"][0])
    assert record.curves["loss"][1] == -math.inf
    assert of_kind(results, Bound, Bounded) == [(Bound(8, 0.5), Bounded(8, 0.5))]
    assert (STUDY.cost(TRAIN), STUDY.cost(BOUND)) == (4, 8)


def test_places_are_bound_as_for_any_study():
    assert partial(STUDY.run, scale=4.0)(BOUND) == {"width": 8, "decay": 2.0}


def test_what_is_none_by_default_is_left_out_and_may_be_missing():
    plain = {"C1'": 1.0, "by_width": {"4": 0.5}, "lower": None, "loss": [1.0]}
    [(_, record)] = STUDY.typed([(TRAIN, plain)])
    assert record.split is None
    assert dump(record) == plain | {"by_width": {4: 0.5}}
    [(_, record)] = STUDY.typed([(TRAIN, plain | {"split": [2.0]})])
    assert record.split == [2.0]
    assert record.curves == {"loss": [1.0]}


@pytest.mark.parametrize(
    ("config", "record", "message"),
    [
        (BOUND, {"width": 3}, r"version 3 does not fit: required field missing @ \$.decay"),
        (BOUND, {"width": 3, "decay": 1.0, "x": 1}, r"extra fields found \(x\)"),
        (BOUND, {"width": 3, "decay": "1.0"}, r"float @ \$.decay"),
        (BOUND, {"width": 3, "decay": None}, r"float @ \$.decay"),
        (BOUND, {"width": 2.5, "decay": 1.0}, r"int @ \$.width"),
        (TRAIN, {"C1'": 1.0, "by_width": {}, "lower": None, "loss": 1.0}, "expected list"),
        (BOUND | {"x": 1}, {"width": 3, "decay": 1.0}, r"extra fields found \(x\)"),
        (BOUND | {"task": "rest"}, {"width": 3, "decay": 1.0}, "rest"),
        ({"width": 8}, {"width": 3, "decay": 1.0}, "task"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_field(config, record, message):
    with pytest.raises(StoreError, match=message):
        STUDY.typed([(config, record)])


def test_a_study_travels_by_the_names_of_its_functions():
    study = TypedStudy.of("typed", 3, train, partial(bound, scale=2.0))
    assert pickle.loads(pickle.dumps(study)).run(BOUND) == {"width": 8, "decay": 1.0}
    assert study.cost(BOUND) == 1.0


def test_a_function_says_what_it_takes_and_gives():
    with pytest.raises(TypeError, match="tasks must say what they take and give"):
        TypedStudy.of("untyped", 1, lambda config: config)
