"""Data sets: their formats, corruptions of these, the download, and the checks of examples."""

import gzip
import hashlib
import http.server
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lmctheory.networks import Examples, image_sets, load_dataset, read_cifar, read_idx
from lmctheory.networks.image_sets import IMAGE_SETS


def idx(array: np.ndarray) -> bytes:
    """The IDX file of an array of bytes, written from the format's description."""
    header = bytes([0, 0, 8, array.ndim])
    return header + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


IMAGES = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
LABELS = np.array([7, 0, 9], dtype=np.uint8)
IDX_FILES = [file.removesuffix(".gz") for file in IMAGE_SETS["mnist"].published]
CONTENTS = {file: idx(IMAGES if "images" in file else LABELS) for file in IDX_FILES}
IDX_SETS = "mnist", "fashion_mnist"


@pytest.fixture
def mnist_dir(tmp_path: Path) -> Path:
    """A directory of four small files in MNIST's format, two of them gzipped."""
    for file, content in CONTENTS.items():
        if file.startswith("train"):
            (tmp_path / f"{file}.gz").write_bytes(gzip.compress(content))
        else:
            (tmp_path / file).write_bytes(content)
    return tmp_path


def test_digits_are_scaled_stratified_and_fixed_by_the_seed() -> None:
    digits = load_dataset("digits")
    assert (len(digits.train), len(digits.test), digits.classes) == (1437, 360, 10)
    assert digits.train.inputs.dtype == torch.float32
    assert digits.train.inputs.min() == 0
    assert digits.train.inputs.max() == 1
    shares = torch.bincount(digits.test.labels) / torch.bincount(digits.train.labels)
    assert torch.allclose(shares, torch.tensor(0.25), atol=0.01)
    assert torch.equal(load_dataset("digits").test.inputs, digits.test.inputs)
    assert not torch.equal(load_dataset("digits", split_seed=1).test.inputs, digits.test.inputs)


def test_no_digit_is_in_both_parts() -> None:
    digits = load_dataset("digits")
    train = {x.numpy().tobytes() for x in digits.train.inputs}
    assert not any(x.numpy().tobytes() in train for x in digits.test.inputs)


@pytest.mark.parametrize("name", IDX_SETS)
def test_idx_sets_are_read_from_a_directory(mnist_dir: Path, name: str) -> None:
    mnist = load_dataset(name, data_dir=mnist_dir)
    assert (mnist.name, mnist.classes) == (name, 10)
    assert torch.equal(mnist.train.labels, torch.tensor([7, 0, 9]))
    expected = torch.tensor(IMAGES.reshape(3, 784) / 255, dtype=torch.float32)
    torch.testing.assert_close(mnist.test.inputs, expected)


@pytest.mark.skipif("LMCTHEORY_MNIST" not in os.environ, reason="LMCTHEORY_MNIST names no MNIST")
def test_the_real_mnist() -> None:
    directory = Path(os.environ["LMCTHEORY_MNIST"])
    mnist = load_dataset("mnist", data_dir=directory)
    assert mnist.train.inputs.shape == (60_000, 784)
    assert mnist.test.inputs.shape == (10_000, 784)
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.train.inputs.mean() == pytest.approx(0.1307, abs=1e-4)  # well known
    for stored, published in IMAGE_SETS["mnist"].published.items():
        path = IMAGE_SETS["mnist"]._find(directory, stored.removesuffix(".gz"))
        raw = path.read_bytes()
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
        assert hashlib.sha256(content).hexdigest() == published.digest


def test_unknown_data_set_and_needless_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"name must be one of \['breast_cancer', .*\], got 'cifar'"
    ):
        load_dataset("cifar")
    with pytest.raises(ValueError, match="data_dir is for sets of files"):
        load_dataset("digits", data_dir=tmp_path)


def test_a_missing_file_is_named_with_what_to_do(mnist_dir: Path) -> None:
    (mnist_dir / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as error:
        load_dataset("mnist", data_dir=mnist_dir)
    assert str(error.value).startswith(f"{mnist_dir} holds no t10k-labels-idx1-ubyte.")
    assert "--data-dir" in str(error.value)


@pytest.mark.parametrize("shape", [(0,), (5,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_round_trip(tmp_path: Path, shape: tuple[int, ...], suffix: str) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / f"file{suffix}"
    path.write_bytes(gzip.compress(idx(array)) if suffix else idx(array))
    np.testing.assert_array_equal(read_idx(path), array)


GOOD = idx(IMAGES)
ZIPPED = gzip.compress(GOOD, mtime=0)  # names of tests hold it: the same in all processes


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a", b"", "no IDX file of bytes"),
        ("a", b"\x00\x00\x08", "no IDX file of bytes"),
        ("a", b"\x01" + GOOD[1:], "no IDX file of bytes: it starts with '01000803'"),
        ("a", b"\x00\x00\x0d" + GOOD[3:], "no IDX file of bytes"),  # floats
        ("a", GOOD[:10], "truncated: 10 bytes, its header alone takes 16"),
        ("a", GOOD[:-1], "is truncated: 2351 bytes of data, shape .* takes 2352"),
        ("a", GOOD + b"\x00", "has trailing bytes: 2353"),
        ("a.gz", ZIPPED[:-20], "corrupt gzip"),
        ("a.gz", GOOD, "corrupt gzip"),
        ("a.gz", ZIPPED[:40] + bytes(40) + ZIPPED[80:], "corrupt gzip"),
        ("a.gz", ZIPPED[:-8] + bytes(8), "corrupt gzip"),  # its checksum
    ],
)
def test_bad_idx_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_idx(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("t10k-labels-idx1-ubyte", idx(LABELS[:2]), "holds 3 images but .* 2 labels"),
        ("t10k-labels-idx1-ubyte", idx(LABELS + 1), r"labels 0\.\.9, got 10"),
        ("t10k-labels-idx1-ubyte", idx(IMAGES), "must hold labels, 1 dimension, got 3"),
        ("t10k-images-idx3-ubyte", idx(LABELS), "must hold images, 3 dimensions, got 1"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    mnist_dir: Path, file: str, content: bytes, message: str
) -> None:
    (mnist_dir / file).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_dataset("mnist", data_dir=mnist_dir)


def cifar(count: int, labels: int, start: int) -> tuple[bytes, np.ndarray, np.ndarray]:
    """A file of CIFAR's binary version, written from the format's description."""
    rng = np.random.default_rng(start)
    images = rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    classes = rng.integers(0, 10, (count, labels), dtype=np.uint8)
    records = [
        classes[k].tobytes() + b"".join(images[k, c].tobytes() for c in range(3))
        for k in range(count)
    ]
    return b"".join(records), images, classes[:, -1]


CIFAR_SETS = {"cifar10": 1, "cifar100": 2}
CIFAR_FILES = {
    name: {
        file: cifar(2 + k, labels, k)
        for k, file in enumerate(IMAGE_SETS[name].parts[0] + IMAGE_SETS[name].parts[1])
    }
    for name, labels in CIFAR_SETS.items()
}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", CIFAR_SETS)
def test_cifar_is_read_from_a_directory(tmp_path: Path, name: str, nested: bool) -> None:
    """All files of a part in their order; the fine label of CIFAR-100, its second byte."""
    folder = tmp_path / IMAGE_SETS[name].folder if nested else tmp_path
    folder.mkdir(exist_ok=True)
    for file, (content, _, _) in CIFAR_FILES[name].items():
        (folder / file).write_bytes(content)
    found = load_dataset(name, data_dir=tmp_path)
    assert found.classes == (10 if name == "cifar10" else 100)
    for part, files in zip((found.train, found.test), IMAGE_SETS[name].parts, strict=True):
        images, labels = (
            np.concatenate([CIFAR_FILES[name][file][k] for file in files]) for k in (1, 2)
        )
        expected = torch.tensor(images.reshape(len(images), -1) / 255, dtype=torch.float32)
        torch.testing.assert_close(part.inputs, expected)
        assert part.labels.tolist() == labels.tolist()


def test_bad_cifar_files_are_refused(tmp_path: Path) -> None:
    content, _, _ = CIFAR_FILES["cifar10"]["test_batch.bin"]
    path = tmp_path / "test_batch.bin"
    for wrong in (b"", content[:-1], content + bytes(1)):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"test_batch\.bin must hold records of 3073 bytes"):
            read_cifar(path, 1)
    for file, (good, _, _) in CIFAR_FILES["cifar10"].items():
        (tmp_path / file).write_bytes(good)
    path.write_bytes(bytes([10]) + content[1:])
    with pytest.raises(ValueError, match=r"test_batch\.bin must hold labels 0\.\.9, got 10"):
        load_dataset("cifar10", data_dir=tmp_path)
    path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"holds no test_batch\.bin\. Put the files of CIFAR"
    ):
        load_dataset("cifar10", data_dir=tmp_path)


def archive(name: str) -> bytes:
    """The published archive, with the small files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for file, (content, _, _) in CIFAR_FILES[name].items():
            info = tarfile.TarInfo(f"{IMAGE_SETS[name].folder}/{file}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


ARCHIVES = {name: archive(name) for name in CIFAR_SETS}


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, bytes]]:
    """A mirror on the loopback; what it serves can be changed. The cache is empty."""
    served = {f"/{file}.gz": gzip.compress(content) for file, content in CONTENTS.items()}
    served |= {f"/cifar-{name[5:]}-binary.tar.gz": ARCHIVES[name] for name in CIFAR_SETS}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = served.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for name, images in list(IMAGE_SETS.items()):
            published = {}
            for stored, as_published in images.published.items():
                raw = served[f"/{stored}"]
                raw = gzip.decompress(raw) if as_published.contents else raw
                published[stored] = replace(
                    as_published,
                    url=f"http://127.0.0.1:{server.server_port}/{stored}",
                    digest=hashlib.new(as_published.algorithm, raw).hexdigest(),
                )
            monkeypatch.setitem(image_sets.IMAGE_SETS, name, replace(images, published=published))
        monkeypatch.setenv("LMCTHEORY_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("no_proxy", "*")
        yield served
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", CIFAR_SETS)
def test_archives_are_unpacked_into_the_cache(
    mirror: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    first = load_dataset(name)
    mirror.clear()
    assert torch.equal(load_dataset(name).test.inputs, first.test.inputs)
    cached = sorted(path.name for path in (tmp_path / "cache" / name).iterdir())
    assert cached == sorted(CIFAR_FILES[name])


def test_an_archive_that_is_not_the_published_one_is_refused(
    mirror: dict[str, bytes], tmp_path: Path
) -> None:
    mirror["/cifar-10-binary.tar.gz"] += b"x"
    with pytest.raises(ValueError, match=r"is not the CIFAR-10 file: it has md5"):
        load_dataset("cifar10")
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("mirror")
def test_fashion_mnist_has_files_of_its_own(tmp_path: Path) -> None:
    load_dataset("fashion_mnist")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["fashion_mnist"]


def test_download_once_then_from_the_cache(mirror: dict[str, bytes], tmp_path: Path) -> None:
    first = load_dataset("mnist")
    mirror.clear()  # nothing can be fetched again
    assert torch.equal(load_dataset("mnist").train.inputs, first.train.inputs)
    cached = sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir())
    assert cached == sorted(f"{file}.gz" for file in CONTENTS)  # and nothing partial beside them


def test_downloads_that_are_not_mnist_are_refused(mirror: dict[str, bytes], tmp_path: Path) -> None:
    file = "/train-images-idx3-ubyte.gz"
    mirror[file] = gzip.compress(idx(IMAGES[::-1]))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz is not the MNIST file"):
        load_dataset("mnist")
    mirror[file] = b"<html>"
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz is a corrupt gzip file"):
        load_dataset("mnist")
    assert not (tmp_path / "cache").exists()


def test_without_network_the_message_says_what_to_put_where(
    mirror: dict[str, bytes], tmp_path: Path
) -> None:
    mirror.clear()
    with pytest.raises(FileNotFoundError) as error:
        load_dataset("mnist")
    message = str(error.value)
    assert "cannot be downloaded" in message
    assert all(f"{file}.gz" in message for file in CONTENTS)
    assert f"in {tmp_path / 'cache' / 'mnist'}" in message
    assert "--data-dir" in message


def test_examples_change_type_and_know_their_number() -> None:
    examples = Examples(torch.zeros(3, 2), torch.arange(3))
    double = examples.to(dtype=torch.float64)
    assert len(double) == 3
    assert double.inputs.dtype == torch.float64
    assert double.labels.dtype == torch.int64


@pytest.mark.parametrize(
    ("inputs", "labels", "kind", "message"),
    [
        (torch.zeros(0, 2), torch.arange(0), ValueError, "at least one example"),
        (torch.zeros(3, 2), torch.arange(2), ValueError, "3 inputs do not match 2 labels"),
        (torch.full((1, 2), torch.nan), torch.arange(1), ValueError, "inputs must be finite"),
        (torch.full((1, 2), torch.inf), torch.arange(1), ValueError, "inputs must be finite"),
        (torch.zeros(1, 2).bool(), torch.arange(1), TypeError, "inputs must be floating point"),
        (torch.zeros(1, 2).byte(), torch.arange(1), TypeError, r"use inputs.float\(\) / 255"),
        (torch.zeros(1, 2), torch.zeros(1), TypeError, "labels must be classes as int64"),
    ],
)
def test_bad_examples_are_refused(
    inputs: torch.Tensor, labels: torch.Tensor, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        Examples(inputs, labels)


@pytest.mark.usefixtures("as_users_call")
def test_a_split_has_a_whole_seed() -> None:
    with pytest.raises(TypeError, match=r"split_seed must be an integer, got 0\.5"):
        load_dataset("digits", split_seed=0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="split_seed must be >= 0, got -1"):
        load_dataset("digits", split_seed=-1)
