"""The formats that images are published in: IDX files, and the binary version of CIFAR."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

__all__ = ["CIFAR_SHAPE", "decompressed", "read_cifar", "read_idx"]

CIFAR_SHAPE = (3, 32, 32)
"""Of an image: channels, height, width."""


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """Reads an IDX file of bytes, gzipped if its name ends in ``.gz``.

    The format: two zero bytes, the type (8: unsigned bytes), the number of dimensions, each
    dimension as a big-endian 32-bit number, then exactly the data.

    Raises:
        ValueError: if the file is anything else; names the file and what is wrong.
    """
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = decompressed(raw, str(path))
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is no IDX file of bytes: it starts with {raw[:4].hex()!r}")
    header = 4 + 4 * raw[3]
    if len(raw) < header:
        raise ValueError(f"{path} is truncated: {len(raw)} bytes, its header alone takes {header}")
    shape = [int(size) for size in np.frombuffer(raw, ">u4", count=raw[3], offset=4)]
    if (found := len(raw) - header) != (expected := math.prod(shape)):
        what = "is truncated" if found < expected else "has trailing bytes"
        raise ValueError(f"{path} {what}: {found} bytes of data, shape {shape} takes {expected}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def read_cifar(
    path: Path, labels: int
) -> tuple[UInt8[np.ndarray, "n 3072"], UInt8[np.ndarray, " n"]]:
    """Reads a file of CIFAR's binary version: records of labels and 3,072 bytes, no header.

    Args:
        path: of the file.
        labels: bytes before each image, 1 for CIFAR-10, 2 (coarse, fine) for CIFAR-100.

    Returns:
        Images, the red channel first, row by row, and the last label of each.

    Raises:
        ValueError: if the file does not hold whole records; names it.
    """
    raw = np.fromfile(path, np.uint8)
    record = labels + math.prod(CIFAR_SHAPE)
    if len(raw) == 0 or len(raw) % record:
        raise ValueError(f"{path} must hold records of {record} bytes, got {len(raw)} bytes")
    records = raw.reshape(-1, record)
    return records[:, labels:], records[:, labels - 1]


def decompressed(compressed: bytes, source: str) -> bytes:
    """The contents of a gzip file.

    Raises:
        ValueError: if it is corrupt; names the source.
    """
    try:
        return gzip.decompress(compressed)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source} is a corrupt gzip file: {error}") from error
