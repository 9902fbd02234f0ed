"""The runner in this process, with workers in others."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_study
from toy_study import STUDY, configs, executions, wait_for

import lmctheory
from lmctheory.sweeps.runner import RunError, run_study
from lmctheory.sweeps.store import read, read_rows, reading
from lmctheory.sweeps.study import Study


def test_records_come_back_in_order_and_only_new_tasks_run(tmp_path):
    results = tmp_path / "toy.sqlite"
    run_study(STUDY, configs(tmp_path, 2), results=results)
    wanted = [*configs(tmp_path, 4)[1:], configs(tmp_path, 4)[3]]  # one of them twice
    records = run_study(STUDY, wanted, results=results, jobs=2)
    assert [config["index"] for config, _ in records] == [1, 2, 3]
    assert [record["square"] for _, record in records] == [1, 4, 9]
    assert executions(tmp_path) == {0: 1, 1: 1, 2: 1, 3: 1}


def test_the_dearest_task_starts_first(tmp_path):
    run_study(STUDY, configs(tmp_path, 4), results=tmp_path / "toy.sqlite")
    starts = [(tmp_path / str(i)).stat().st_mtime_ns for i in range(4)]
    assert starts == sorted(starts, reverse=True)


def test_a_cost_may_be_an_integer(tmp_path):
    study = replace(STUDY, cost=lambda config: 20)
    run_study(study, configs(tmp_path, 2), results=tmp_path / "toy.sqlite", jobs=0)
    assert executions(tmp_path) == {0: 1, 1: 1}


def test_failed_tasks_are_named_and_tried_again(tmp_path, capsys):
    results = tmp_path / "toy.sqlite"
    faults = [tmp_path / name for name in ("1.raise", "2.raise", "3.exit", "4.array")]
    for fault in faults:
        fault.touch()
    with pytest.raises(RunError) as caught:
        run_study(STUDY, configs(tmp_path, 6), results=results)
    message = str(caught.value)
    assert message.count("ArithmeticError: no such luck") == 1  # once for both
    assert "2 not done:" in message
    assert '"index":2' in message
    assert "SystemExit: enough" in message
    assert "TypeError: Object of type set is not JSON serializable" in message
    assert sorted(config["index"] for config, _ in read(STUDY, results)) == [0, 5]
    for fault in faults:
        fault.unlink()
    run_study(STUDY, configs(tmp_path, 6), results=results)
    assert executions(tmp_path) == {0: 1, 1: 2, 2: 2, 3: 2, 4: 2, 5: 1}
    assert "of which 2 are stored" in capsys.readouterr().err


def failures(results):
    with reading(results) as store:
        return {failure.config["index"]: failure for failure in store.failures(STUDY)}


def test_failures_are_stored_with_their_traceback_until_they_are_mended(tmp_path):
    results = tmp_path / "toy.sqlite"
    (tmp_path / "1.raise").touch()
    with pytest.raises(RunError):
        run_study(STUDY, configs(tmp_path, 3), results=results, jobs=0)
    [(index, failure)] = failures(results).items()
    assert (index, failure.error) == (1, "ArithmeticError: no such luck")
    assert "in measure" in failure.details
    assert failure.provenance["python"]
    (tmp_path / "1.raise").unlink()
    run_study(STUDY, configs(tmp_path, 3), results=results, jobs=0)
    assert failures(results) == {}


def test_a_killed_worker_takes_no_other_task_with_it(tmp_path):
    results = tmp_path / "toy.sqlite"
    (tmp_path / "3.die").touch()
    with pytest.raises(RunError, match=r"1 not done:\n.*\"index\":3.*\nits worker was killed"):
        run_study(STUDY, configs(tmp_path, 6), results=results, jobs=2)
    assert sorted(config["index"] for config, _ in read(STUDY, results)) == [0, 1, 2, 4, 5]
    assert "its worker was killed, perhaps for want of memory" in failures(results)[3].error


def test_tasks_may_run_in_this_process(tmp_path):
    study = replace(STUDY, run=lambda config: {"process": os.getpid()})
    stored = run_study(study, configs(tmp_path, 2), results=tmp_path / "toy.sqlite", jobs=0)
    assert [record["process"] for _, record in stored] == [os.getpid()] * 2


def test_every_row_says_what_it_was_computed_with(tmp_path):
    results = tmp_path / "toy.sqlite"
    run_study(STUDY, configs(tmp_path, 1), results=results)
    [row] = read_rows(STUDY, results)
    assert row.provenance["lmctheory"].startswith(lmctheory.__version__)
    assert row.provenance["numpy"] == np.__version__
    assert torch.__version__.startswith(row.provenance["torch"])  # or with +cu124
    assert row.provenance["device"].startswith("cpu: ")
    assert int(row.provenance["threads"]) >= 1


def test_workers_that_cannot_start_end_the_run_at_once(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from pathlib import Path\n"
        "from toy_study import STUDY, configs\n"
        "from lmctheory.sweeps import run_study\n"
        f"place = Path({str(tmp_path)!r})\n"
        "run_study(STUDY, configs(place, 4), results=place / 'toy.sqlite')\n"
    )
    places = [str(Path(__file__).parents[2]), str(Path(toy_study.__file__).parent)]
    ran = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "RunError: worker processes cannot start; a script" in ran.stderr
    assert failures(tmp_path / "toy.sqlite") == {}


def test_a_study_that_cannot_be_sent_is_explained(tmp_path):
    study = replace(STUDY, run=lambda config: {})
    with pytest.raises(RunError, match=r"(?s)1 not done.*lambda"):
        run_study(study, configs(tmp_path, 1), results=tmp_path / "toy.sqlite")


def test_workers_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (tmp_path / "0.threads").touch()
    cores = len(os.sched_getaffinity(0))
    results = tmp_path / "toy.sqlite"
    [(_, record)] = run_study(STUDY, configs(tmp_path, 1), results=results, jobs=cores)
    assert record["threads"] == 1


def located(config, *, directory):
    return STUDY.run(config | {"directory": directory})


def test_a_place_may_be_bound_without_changing_the_key(tmp_path):
    results = tmp_path / "toy.sqlite"
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        study = Study("toy", 1, partial(located, directory=str(tmp_path / place)))
        run_study(study, [{"index": 1, "seconds": 0.0}], results=results)
    assert executions(tmp_path / "a") == {1: 1}
    assert executions(tmp_path / "b") == {}


def test_the_task_sees_its_configuration_as_the_store_gives_it_back(tmp_path):
    config = configs(tmp_path, 1)[0] | {"labels": ("a", "b")}
    [(returned, _)] = run_study(STUDY, [config], results=tmp_path / "toy.sqlite")
    assert returned["labels"] == ["a", "b"]


def test_bad_arguments_are_refused_before_any_work(tmp_path):
    results = tmp_path / "toy.sqlite"
    tasks = configs(tmp_path, 1)
    with pytest.raises(ValueError, match="jobs must be >= 0, got -1"):
        run_study(STUDY, tasks, results=results, jobs=-1)
    with pytest.raises(ValueError, match="configs must name at least one task"):
        run_study(STUDY, [], results=results)
    with pytest.raises(ValueError, match=r"cost must be positive, got 0\.0"):
        run_study(replace(STUDY, cost=lambda config: 0.0), tasks, results=results)
    assert not results.exists()


@pytest.fixture
def dask_cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        yield cluster


def test_a_dask_cluster_runs_the_tasks(tmp_path, dask_cluster):
    results, address = tmp_path / "toy.sqlite", dask_cluster.scheduler_address
    (tmp_path / "1.raise").touch()
    with pytest.raises(RunError, match=r'(?s)1 not done.*"index":1.*no such luck'):
        run_study(STUDY, configs(tmp_path, 5), results=results, scheduler=address)
    assert sorted(record["square"] for _, record in read(STUDY, results)) == [0, 4, 9, 16]


@pytest.mark.slow
def test_a_killed_dask_worker_loses_nothing_and_doubles_nothing(tmp_path):
    distributed = pytest.importorskip("distributed")
    results, tasks, before = tmp_path / "toy.sqlite", 40, {}

    def kill():
        wait_for(lambda: len(executions(tmp_path)) > tasks // 3, timeout=60.0)
        with reading(results) as store:
            before.update({config["index"]: None for config, _ in store.records(STUDY)})
        before.update({index: executions(tmp_path)[index] for index in before})
        [latest, *_] = sorted(tmp_path.glob("[0-9]*"), key=lambda log: -log.stat().st_mtime_ns)
        before["killed"] = int(latest.read_text().split()[-1])
        os.kill(before["killed"], signal.SIGKILL)

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        killer = threading.Thread(target=kill)
        killer.start()
        address = cluster.scheduler_address
        records = run_study(
            STUDY, configs(tmp_path, tasks, 0.1), results=results, scheduler=address
        )
        killer.join()
    killed = before.pop("killed")
    assert [record["square"] for _, record in records] == [i**2 for i in range(tasks)]
    assert sorted(config["index"] for config, _ in read(STUDY, results)) == list(range(tasks))
    assert failures(results) == {}
    workers = {pid for log in tmp_path.glob("[0-9]*") for pid in log.read_text().split()}
    assert len(workers) >= 2
    assert str(killed) in workers
    counts = executions(tmp_path)
    assert 0 < len(before) < tasks
    assert {index: counts[index] for index in before} == before  # what is stored stays
    assert max(counts.values()) <= 2


def test_a_lost_scheduler_is_named(tmp_path, dask_cluster):
    results, address = tmp_path / "toy.sqlite", dask_cluster.scheduler_address

    def lose():
        wait_for(lambda: executions(tmp_path))
        dask_cluster.close()

    threading.Thread(target=lose).start()
    with pytest.raises(RunError, match=r"(?s)1 not done.*the scheduler is gone, or dropped"):
        run_study(STUDY, configs(tmp_path, 1, 2.0), results=results, scheduler=address)


@pytest.mark.parametrize("address", ["nowhere", "udp://nowhere:1"])
def test_an_unreachable_scheduler_is_named(tmp_path, address):
    pytest.importorskip("distributed")
    with pytest.raises(RunError, match=f"cannot reach a Dask scheduler at {address}"):
        run_study(STUDY, configs(tmp_path, 1), results=tmp_path / "toy.sqlite", scheduler=address)
