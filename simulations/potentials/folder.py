"""Folders of potentials: members of ensembles and the molecules to judge them on.

A folder holds ``ani1x_0.safetensors`` and so on, state dicts of `Energy`; ``model.py``, its class;
and ``molecules.safetensors`` with

    inputs    [n, atoms, 384 + 4] environments and indicators of elements, 0 where there is no atom
    targets   [n, 1] energies in Hartree, the mean of the members of ANI-1x
    molecule  [n] the number of the molecule of which this is a geometry; may be missing.
"""

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lmctheory.networks import Examples
from lmctheory.networks.image_sets import cached
from simulations.potentials import energy
from simulations.potentials.energy import Energy
from simulations.potentials.wheels import ELEMENTS, Geometry, Published

__all__ = ["HARTREE", "MAKING", "Folder", "folder_of", "make_folder", "write_folder"]

HARTREE = 627.5
"""In kcal/mol."""
MAKING = (
    "pip download --no-deps --dest WHEELS torchani==1.2 ase==3.29.0 && "
    "python -m simulations.potentials WHEELS"
)
_MOLECULES = "molecules.safetensors"
_LAYERS = 4
"""Of every element's network."""
_DIGITS = 16
"""Hexadecimal ones of a digest: enough to tell folders apart."""


@dataclass(frozen=True)
class Folder:
    """A folder of potentials.

    Attributes:
        path: where.
    """

    path: Path

    def members(self, ensemble: str) -> list[int]:
        """The numbers of an ensemble's members."""
        pattern = re.compile(rf"{ensemble}_(\d+)\.safetensors")
        return sorted(
            int(hit[1]) for f in self.path.iterdir() if (hit := pattern.fullmatch(f.name))
        )

    def member(self, name: str) -> Energy:
        """A potential in float64, ready to be evaluated.

        Raises:
            ValueError: for a file that is none.
        """
        try:
            return _network(load_file(self._file(name)))
        except (KeyError, RuntimeError, SafetensorError) as error:
            raise ValueError(f"{self._file(name)} is no potential: {error}") from error

    def molecules(self) -> tuple[Examples, np.ndarray]:
        """Energies per atom in kcal/mol, and the number of the molecule of every geometry.

        Indicators of elements are divided by the number of atoms and multiplied by kcal/mol per
        Hartree, so that networks as they are give energies per atom.

        Raises:
            ValueError: for a file that holds other tensors.
        """
        found = load_file(self.path / _MOLECULES)
        inputs, targets = (found.get(name) for name in ("inputs", "targets"))
        if inputs is None or targets is None or inputs.ndim != 3:
            raise ValueError(
                f"{self.path / _MOLECULES} must hold inputs [n, atoms, features + 4] and targets, "
                f"got { {name: tuple(value.shape) for name, value in found.items()} }"
            )
        inputs, targets = inputs.double(), targets.double()
        kinds = inputs[:, :, -4:]
        scale = HARTREE / kinds.sum((1, 2))
        which = found.get("molecule", _by_composition(kinds))
        scaled = torch.cat([inputs[:, :, :-4], kinds * scale[:, None, None]], 2)
        data = Examples(scaled, targets * scale[:, None], loss="squared")
        return data, np.unique(which.numpy(), return_inverse=True)[1]

    def digest(self, *members: str) -> str:
        """Of members and molecules, to know results of other files by."""
        digest = hashlib.sha256()
        for name in members:
            digest.update(self._file(name).read_bytes())
        digest.update((self.path / _MOLECULES).read_bytes())
        return digest.hexdigest()[:_DIGITS]

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.safetensors"


def _by_composition(kinds: Tensor) -> Tensor:
    """Numbers of runs of geometries that have the same atoms."""
    sums = kinds.sum(1)
    return torch.cat([torch.zeros(1), (sums[1:] != sums[:-1]).any(1).cumsum(0)]).long()


def folder_of(data_dir: Path | None) -> Folder:
    """The folder that was named, or the one that is made by default.

    Raises:
        FileNotFoundError: if it holds no molecules; says how to make one.
    """
    path = cached("ani") if data_dir is None else data_dir
    if not (path / _MOLECULES).is_file():
        raise FileNotFoundError(
            f"{path} holds no potentials ({_MOLECULES} and members such as ani1x_0.safetensors). "
            f"Make them: {MAKING}; or pass their folder as --data-dir"
        )
    return Folder(path)


def make_folder(
    path: Path,
    published: Published,
    molecules: Sequence[Geometry],
    *,
    geometries: int = 6,
    spread: float = 0.06,
    seed: int = 0,
) -> Folder:
    """Writes potentials and geometries of molecules, with their mean energies.

    Args:
        path: of the folder, made if there is none.
        published: the potentials.
        molecules: around whose geometries others are drawn.
        geometries: of each molecule.
        spread: standard deviation of each coordinate, in Angstrom.
        seed: of the draws.

    Raises:
        ValueError: for no molecules or no members of ANI-1x.
    """
    of_1x = [state for name, state in published.members.items() if name.startswith("ani1x_")]
    if not molecules or not of_1x:
        raise ValueError("there must be molecules and members of ANI-1x")
    rng = np.random.default_rng(seed)
    atoms = max(len(molecule.symbols) for molecule in molecules)
    features = published.environment.features
    inputs = torch.zeros(len(molecules) * geometries, atoms, features + len(ELEMENTS))
    for place in range(len(inputs)):
        molecule = molecules[place // geometries]
        moved = molecule.positions + spread * rng.standard_normal(molecule.positions.shape)
        n = len(molecule.symbols)
        seen = published.environment.of(molecule.symbols, moved)
        inputs[place, :n, :features] = torch.tensor(seen, dtype=torch.float32)
        for atom, symbol in enumerate(molecule.symbols):
            inputs[place, atom, features + ELEMENTS.index(symbol)] = 1.0
    with torch.no_grad():
        energies = [_network(state)(inputs.double()).float() for state in of_1x]
    which = torch.arange(len(molecules)).repeat_interleave(geometries)
    tensors = {"inputs": inputs, "targets": torch.stack(energies).mean(0), "molecule": which}
    return write_folder(path, published.members, tensors)


def write_folder(
    path: Path, members: Mapping[str, Mapping[str, Tensor]], molecules: Mapping[str, Tensor]
) -> Folder:
    """Writes a folder from what it holds: state dicts by name, and tensors of molecules."""
    path.mkdir(parents=True, exist_ok=True)
    for name, state in members.items():
        save_file(dict(state), path / f"{name}.safetensors")
    shutil.copyfile(energy.__file__, path / "model.py")
    save_file(dict(molecules), path / _MOLECULES)
    return Folder(path)


def _network(state: Mapping[str, Tensor]) -> Energy:
    """A potential in float64, as wide as its weights are."""
    widths = {}
    for name in ("h", "c", "n", "o"):
        sizes = [len(state[f"{name}.{2 * k}.bias"]) for k in range(_LAYERS)]
        widths[name] = (state[f"{name}.0.weight"].shape[1], *sizes)
    network = Energy(widths)
    network.load_state_dict(state)
    return network.double().eval()
