"""Published sets of images: where their files are, how they are checked, and what they hold."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lmctheory.networks.image_files import decompressed, read_cifar, read_idx

__all__ = ["IMAGE_SETS", "ImageSet", "Part", "Published", "cached"]

Part = tuple[UInt8[np.ndarray, "n pixels"], UInt8[np.ndarray, " n"]]
"""Images as vectors of bytes, and their labels."""
_TIMEOUT_SECONDS = 30


def cached(name: str) -> Path:
    """The folder of that name among those kept for later runs; LMCTHEORY_CACHE moves them.

    Args:
        name: of what is kept there.
    """
    cache = Path(os.environ.get("LMCTHEORY_CACHE") or Path.home() / ".cache" / "lmctheory")
    return cache / name


@dataclass(frozen=True)
class Published:
    """A file as it is published.

    Attributes:
        url: where.
        algorithm: of the digest.
        digest: hexadecimal.
        contents: whether it is that of the contents of a gzip file, which differ from one
            compressor to another, and not of the file.
    """

    url: str
    algorithm: str
    digest: str
    contents: bool = False


@dataclass(frozen=True)
class ImageSet:
    """A set of images with its fixed split.

    Attributes:
        title: what it is called.
        folder: that its archive unpacks to, in which its files may lie too; empty if there is none.
        classes: how many.
        parts: for the training part and the test part, the files that it is read from.
        published: the files that can be downloaded, by the name that they are stored by.
        read: a part from its files.
    """

    title: str
    folder: str
    classes: int
    parts: tuple[tuple[str, ...], tuple[str, ...]]
    published: Mapping[str, Published]
    read: Callable[[list[Path]], Part]

    def load(self, directory: Path) -> tuple[Part, Part]:
        """Both parts, from files in a directory, gzipped or not.

        Raises:
            FileNotFoundError: if a file is missing; says what to put where.
            ValueError: if a file is corrupt, or they do not belong together.
        """
        train, test = (
            self._checked([self._find(directory, file) for file in files]) for files in self.parts
        )
        return train, test

    def downloaded(self, name: str) -> Path:
        """The directory of the cache, with whichever files it lacked.

        Args:
            name: of its directory.

        Raises:
            FileNotFoundError: if files cannot be downloaded; says what to put where.
            ValueError: if what was downloaded is not what was published.
        """
        directory = cached(name)
        for stored, published in self.published.items():
            lacking = [file for file in self._from(stored) if self._found(directory, file) is None]
            if lacking:
                self._download(stored, published, lacking, directory)
        return directory

    @property
    def _files(self) -> tuple[str, ...]:
        return self.parts[0] + self.parts[1]

    def _from(self, stored: str) -> tuple[str, ...]:
        """The files that come with a download: itself, unless it is an archive of all."""
        return self._files if self.folder else (stored.removesuffix(".gz"),)

    def _checked(self, paths: list[Path]) -> Part:
        images, labels = self.read(paths)
        if labels.max(initial=0) >= self.classes:
            raise ValueError(
                f"{paths[-1]} must hold labels 0..{self.classes - 1}, got {labels.max()}"
            )
        return images, labels

    def _found(self, directory: Path, file: str) -> Path | None:
        candidates = (directory / f"{file}.gz", directory / file, directory / self.folder / file)
        return next((path for path in candidates if path.is_file()), None)

    def _find(self, directory: Path, file: str) -> Path:
        path = self._found(directory, file)
        if path is None:
            raise FileNotFoundError(f"{directory} holds no {file}. {self._instructions(directory)}")
        return path

    def _instructions(self, directory: Path) -> str:
        gzipped = "" if self.folder else "; gzipped or not"
        names = ", ".join(self._files if self.folder else self.published)
        return (
            f"Put the files of {self.title} ({names}{gzipped}) in {directory}, "
            "or pass their directory as data_dir (--data-dir)"
        )

    def _download(
        self, stored: str, published: Published, lacking: list[str], directory: Path
    ) -> None:
        # written beside its place and renamed: whoever finds a file finds all of it
        with tempfile.TemporaryDirectory() as beside:
            partial = Path(beside) / stored
            try:
                _fetch(published.url, partial)
            except OSError as error:
                if isinstance(error, urllib.error.HTTPError):
                    error.close()  # it holds the connection
                message = f"{published.url} cannot be downloaded ({error})."
                raise FileNotFoundError(f"{message} {self._instructions(directory)}") from error
            _require_digest(partial, published, self.title)
            directory.mkdir(parents=True, exist_ok=True)
            if not self.folder:
                _place(partial, directory / stored)
                return
            for file in lacking:
                _place(_unpacked(partial, f"{self.folder}/{file}"), directory / file)


def _fetch(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, path.open("wb") as file:
        shutil.copyfileobj(response, file)


def _require_digest(path: Path, published: Published, title: str) -> None:
    raw = path.read_bytes()
    raw = decompressed(raw, published.url) if published.contents else raw
    found = hashlib.new(published.algorithm, raw, usedforsecurity=False).hexdigest()
    if found != published.digest:
        what = "its contents have" if published.contents else "it has"
        raise ValueError(
            f"{published.url} is not the {title} file: {what} {published.algorithm} {found}"
        )


def _unpacked(archive: Path, member: str) -> Path:
    """A member of an archive, as a file beside it."""
    path = archive.parent / Path(member).name
    with tarfile.open(archive) as packed:
        source = packed.extractfile(member)
        assert source is not None, member
        with source, path.open("wb") as file:
            shutil.copyfileobj(source, file)
    return path


def _place(path: Path, place: Path) -> None:
    """Moves a file to its place at once, from any file system."""
    with tempfile.TemporaryDirectory(dir=place.parent) as beside:
        moved = Path(beside) / place.name
        shutil.move(path, moved)
        moved.replace(place)


def _read_idx_part(paths: list[Path]) -> Part:
    images_file, labels_file = paths
    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.ndim != 3:
        raise ValueError(f"{images_file} must hold images, 3 dimensions, got {images.ndim}")
    if labels.ndim != 1:
        raise ValueError(f"{labels_file} must hold labels, 1 dimension, got {labels.ndim}")
    if len(images) != len(labels):
        raise ValueError(
            f"{images_file} holds {len(images)} images but {labels_file} {len(labels)} labels"
        )
    return images.reshape(len(images), -1), labels


def _cifar_part(labels: int) -> Callable[[list[Path]], Part]:
    def read(paths: list[Path]) -> Part:
        images, found = zip(*(read_cifar(path, labels) for path in paths), strict=True)
        return np.concatenate(images), np.concatenate(found)

    return read


_IDX = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


def _idx_set(title: str, mirror: str, algorithm: str, digests: tuple[str, ...]) -> ImageSet:
    files = _IDX[0] + _IDX[1]
    published = {
        f"{file}.gz": Published(f"{mirror}{file}.gz", algorithm, digest, algorithm == "sha256")
        for file, digest in zip(files, digests, strict=True)
    }
    return ImageSet(title, "", 10, _IDX, published, _read_idx_part)


def _cifar_set(
    classes: int, folder: str, digest: str, parts: tuple[tuple[str, ...], tuple[str, ...]]
) -> ImageSet:
    archive = f"cifar-{classes}-binary.tar.gz"
    published = Published(f"https://www.cs.toronto.edu/~kriz/{archive}", "md5", digest)
    read = _cifar_part(1 if classes == 10 else 2)
    return ImageSet(f"CIFAR-{classes}", folder, classes, parts, {archive: published}, read)


IMAGE_SETS = {
    "mnist": _idx_set(
        "MNIST",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "sha256",
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    # digests of the files, as their authors publish them
    "fashion_mnist": _idx_set(
        "Fashion-MNIST",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "md5",
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    "cifar10": _cifar_set(
        10,
        "cifar-10-batches-bin",
        "c32a1d4ab5d03f1284b67883e8d87530",
        (tuple(f"data_batch_{k}.bin" for k in range(1, 6)), ("test_batch.bin",)),
    ),
    "cifar100": _cifar_set(
        100,
        "cifar-100-binary",
        "03b5dce01913d631647c71ecec9e9cb8",
        (("train.bin",), ("test.bin",)),
    ),
}
"""By the name that `load_dataset` knows."""
