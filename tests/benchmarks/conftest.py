"""Speed ratios, measured so that a busy machine slows both sides alike."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch


@dataclass(frozen=True)
class Ratio:
    """Seconds per round of two programs that ran in turn.

    Attributes:
        fast: seconds of the program that is claimed to be faster, one per round.
        slow: seconds of its alternative in the same rounds.
    """

    fast: tuple[float, ...]
    slow: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median over rounds of slow/fast: a disturbed round moves it little."""
        return statistics.median(s / f for s, f in zip(self.slow, self.fast, strict=True))

    @property
    def fast_seconds(self) -> float:
        return statistics.median(self.fast)

    @property
    def slow_seconds(self) -> float:
        return statistics.median(self.slow)

    def __str__(self) -> str:
        return (
            f"{self.fast_seconds * 1e3:.1f} ms against {self.slow_seconds * 1e3:.1f} ms: "
            f"{self.median:.2f} times faster (median of {len(self.fast)} rounds)"
        )


def seconds(program: Callable[[], object]) -> float:
    start = time.perf_counter()
    program()
    return time.perf_counter() - start


@pytest.fixture
def ratio(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ratio]]:
    """``ratio(fast, slow, rounds=5)`` times both in turn, on all cores, and prints one line."""

    def measure(fast: Callable[[], object], slow: Callable[[], object], rounds: int = 5) -> Ratio:
        fast(), slow()  # warm up
        pairs = [(seconds(fast), seconds(slow)) for _ in range(rounds)]
        measured = Ratio(*zip(*pairs, strict=True))
        request.node.user_properties.append(("ratio", measured.median))
        with capsys.disabled():
            print(f"\n{request.node.name}: {measured}")
        return measured

    threads = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    yield measure
    torch.set_num_threads(threads)
