"""A folder of small random potentials, and wheels such as those that hold published ones."""

import bz2
import zipfile

import numpy as np
import torch

from simulations.potentials.energy import Energy
from simulations.potentials.folder import write_folder

FEATURES = 6
WIDTHS = {
    "h": (FEATURES, 5, 4, 3, 1),
    "c": (FEATURES, 4, 5, 3, 1),
    "n": (FEATURES, 4, 4, 3, 1),
    "o": (FEATURES, 5, 3, 3, 1),
}
ATOMS = ("hhhc", "hhco", "cnno", "hhnoo", "hccn")
"""Of five molecules."""


def small_member(seed, near=None, widths=WIDTHS):
    """A state dict; near another one if that is given."""
    rng = torch.Generator().manual_seed(seed)
    state = Energy(widths).state_dict()
    drawn = {
        key: torch.randn(value.shape, generator=rng) / value.shape[-1] ** 0.5
        for key, value in state.items()
    }
    for key in drawn:
        if key.startswith(("6.weight", "6.bias"), 2):  # outputs: a few kcal/mol
            drawn[key] *= 0.01
    return drawn if near is None else {key: near[key] + 0.1 * drawn[key] for key in state}


def small_molecules(members, geometries=3):
    """Inputs, mean energies, and numbers of molecules."""
    rng = torch.Generator().manual_seed(7)
    inputs = torch.zeros(len(ATOMS) * geometries, max(map(len, ATOMS)), FEATURES + 4)
    for place, row in enumerate(inputs):
        symbols = ATOMS[place // geometries]
        row[: len(symbols), :FEATURES] = torch.rand(len(symbols), FEATURES, generator=rng)
        for atom, symbol in enumerate(symbols):
            row[atom, FEATURES + "hcno".index(symbol)] = 1.0
    energies = []
    for state in members:
        network = Energy(WIDTHS)
        network.load_state_dict(state)
        energies.append(network(inputs).detach())
    which = torch.arange(len(ATOMS)).repeat_interleave(geometries)
    return {"inputs": inputs, "targets": torch.stack(energies).mean(0), "molecule": which}


def write_small(path, members=3):
    """Three members of ANI-1x and as many of ANI-1ccx, near them."""
    of_1x = {f"ani1x_{k}": small_member(k) for k in range(members)}
    tuned = {f"ani1ccx_{k}": small_member(20 + k, of_1x[f"ani1x_{k}"]) for k in range(members)}
    return write_folder(path, of_1x | tuned, small_molecules(list(of_1x.values())))


PARAMS = """TM = 1
Rcr = 5.2000e+00
Rca = 3.5000e+00
EtaR = [1.6000000e+01]
ShfR = [9.0000000e-01,1.1687500e+00]
Zeta = [3.2000000e+01]
ShfZ = [1.9634954e-01,5.8904862e-01,2.5]
EtaA = [8.0000000e+00]
ShfA = [9.0000000e-01,1.5500000e+00]
Atyp = [H,C,N,O]
"""
WHEEL_FEATURES = 4 * 2 + 10 * 2 * 3
WHEEL_WIDTHS = {name: (WHEEL_FEATURES, *widths[1:]) for name, widths in WIDTHS.items()}


def write_torchani(path, members=2, activation=9, cut=0):
    """A zip with the members' files as in torchani's wheel; gives their state dicts.

    `activation` is that between layers, `cut` bytes lack at the end of weights.
    """
    states = {}
    with zipfile.ZipFile(path, "w") as archive:
        for ensemble, folder in (("ani1x", "ani-1x_8x"), ("ani1ccx", "ani-1ccx_8x")):
            root = f"torchani/resources/{folder}"
            archive.writestr(f"{root}/rHCNO-5.2R_16-3.5A_a4-8.params", PARAMS)
            for k in range(members):
                state = small_member(10 * len(ensemble) + k, widths=WHEEL_WIDTHS)
                states[f"{ensemble}_{k}"] = state
                for name in "hcno":
                    place = f"{root}/train{k}/networks/ANN-{name.upper()}.nnf"
                    _write_network(archive, place, name, state, activation, cut)
    return states


def _write_network(archive, place, name, state, activation, cut):
    stem = place.rpartition("/")[2]
    text = f"inputsize={WHEEL_FEATURES};\natom_net {name.upper()} $\n"
    for k in range(4):
        weight, bias = (state[f"{name}.{2 * k}.{kind}"].numpy() for kind in ("weight", "bias"))
        files = f"{stem}-l{k + 1}.wparam", f"{stem}-l{k + 1}.bparam"
        text += (
            f"layer [\nnodes={weight.shape[0]};\nactivation={activation if k < 3 else 6};\n"
            f"blocksize={weight.shape[1]};\nl2valu=0.000100;\n"
            f"weights=FILE:{files[0]}[{weight.size}];\nbiases=FILE:{files[1]}[{bias.size}];\n]\n"
        )
        for file, values in zip(files, (weight, bias), strict=True):
            raw = np.ascontiguousarray(values, "<f4").tobytes()
            archive.writestr(f"{place.rpartition('/')[0]}/{file}", raw[: len(raw) - cut])
    packed = bz2.compress((text + "\n $ \n\0").encode())
    archive.writestr(place, f"{len(text)}=\n".encode() + packed)


G2 = {
    "CH4": ("CHHHH", None, 1.09),
    "H2CO": ("OCHH", None, 1.1),
    "CH3": ("CHHH", [1.0, 0.0, 0.0, 0.0], 1.08),
    "H2O": ("OHH", None, 0.96),
    "PH3": ("PHHH", None, 1.4),
}
"""Of these two are molecules of four atoms or more, of H, C, N and O, without moments."""


def write_ase(path):
    """A zip with geometries as in ASE's wheel."""
    entries = {}
    for name, (symbols, moments, length) in G2.items():
        corners = length * np.array([[0, 0, 0], [1, 0, 0.1], [-0.4, 0.9, 0], [0, -0.7, 0.7]])
        positions = np.concatenate([corners, [[0.1, -0.5, -1.0]]])[: len(symbols)]
        entries[name] = {
            "symbols": symbols,
            "magmoms": moments,
            "positions": positions.tolist(),
        }
    parts = list(entries.items())
    with zipfile.ZipFile(path, "w") as archive:
        for file, part in (("g2_1", parts[:3]), ("g2_2", parts[3:])):
            source = f"from nowhere import nothing\n\nx: int = 3\ndata = {dict(part)!r}\n"
            archive.writestr(f"ase/data/{file}.py", source)
