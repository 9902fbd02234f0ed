"""With what a task was computed: versions of code and libraries, device, threads."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import lmctheory

__all__ = ["provenance", "revision"]

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "POT", "sympy", "torch")


def provenance(device: str = "cpu") -> dict[str, str]:
    """What this process computes with.

    Args:
        device: that it computes on, as PyTorch names it.

    Returns:
        Versions of lmctheory (``0.1.0``, or ``0.1.0 at 1a2b3c4`` in a repository, with ``-dirty``
        where it has changes that are not committed), of Python and of the libraries; the name of
        the device; the number of threads.
    """
    return _software() | {"device": _device(device), "threads": _threads()}


@cache
def _software() -> dict[str, str]:
    commit = revision(Path(lmctheory.__file__).parent)
    found = {"lmctheory": lmctheory.__version__ + (f" at {commit}" if commit else "")}
    found["python"] = platform.python_version()
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "unknown"
    return found


def revision(package: Path) -> str:
    """The commit of a package whose files are in a repository; empty if they are in none.

    Args:
        package: its folder. One that lies in a repository without being part of it, as where an
            environment does, has no commit.
    """

    def git(*command: str) -> str:
        return subprocess.run(
            ["git", *command], cwd=package, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return git("describe", "--always", "--dirty", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return ""


@cache
def _device(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return f"{device}: {torch.cuda.get_device_name(device)}"
    return f"{device}: {_processor()}"


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    if known.is_file():
        for line in known.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def _threads() -> str:
    if (torch := sys.modules.get("torch")) is not None:
        return str(torch.get_num_threads())
    return os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
