"""The script of docs/cluster.md makes the job that its page describes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/cluster.md").read_text()


def test_the_job_runs_a_worker_in_the_folder_of_the_repository():
    pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue, of the extra `cluster`")
    [script] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    script = script.replace('"port": 8786', '"port": 0')  # any that is free
    ran = subprocess.run(
        [sys.executable, "-c", script + "\nprint(cluster.job_script())\ncluster.close()"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    lines = ran.stdout.splitlines()
    assert "#SBATCH -p short" in lines
    assert "#SBATCH -t 04:00:00" in lines
    enter, threads, work = (line for line in lines if line and not line.startswith("#"))
    assert enter == "cd $SLURM_SUBMIT_DIR"
    assert threads == "export OMP_NUM_THREADS=1"
    assert re.match(
        r"\.venv/bin/python -m distributed\.cli\.dask_worker tcp://\S+ .*--nthreads 1 ", work
    )
