"""What holds for every study: its command, refused options, its figure."""

import inspect
import json
import re
import shlex
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module

import pytest
from typer.testing import CliRunner

from lmctheory.sweeps.store import decode, encode, read, writing
from lmctheory.sweeps.typed import dump, load
from lmctheory.tables import FORMATS
from simulations.__main__ import STUDIES
from simulations.command_line import application
from simulations.potentials.folder import Folder
from tests.simulations.small_potentials import write_small


@dataclass(frozen=True)
class Small:
    """What the smallest run of a study stores and prints."""

    tasks: int
    text: str
    options: str = ""


SMALL = {
    "width_sweep": Small(2, "Barrier of the test loss after training"),
    "matching_rates": Small(58, "24 of 24 measured costs lie between L and U"),
    "matching_methods": Small(3, "channels 16-32"),
    "trained_widths": Small(2, "predicted / measured"),
    "path_certificates": Small(2, "0 are below what they bound"),
    "deep_widths": Small(7, "Dropout stability (D6)"),
    "two_layer_widths": Small(67, "Students of a ReLU teacher"),
    "layerwise": Small(3, "linear networks, two layers (L2)"),
    "symmetries": Small(1, "Barrier of the test loss by the group"),
    "least_barriers": Small(
        1, "Matchings beside the least barrier", "--architecture 'two ways' --width 2"
    ),
    "simplices": Small(1, "Every convex combination of several networks"),
    "barrier_prediction": Small(2, "How far predictions are from measurements"),
    "fixed_laws": Small(2, "Exponents, and the width at which the barrier falls"),
    "rising_barriers": Small(5, "where the law of neurons does not move"),
    "from_below": Small(10, "make errors cancel"),
    "trained_coupling": Small(4, "0 of"),
    "factors": Small(23, "claim by claim"),
    "initialisation": Small(12, "no barrier, unmatched"),
    "dimension": Small(49, "costs and errors between bounds"),
    "potentials": Small(14, "What the midpoint recovers"),
    "star": Small(8, "everything matched with the centre"),
    "alignment_free": Small(19, "Swapping two neurons of the last hidden layer"),
    "learning_rate_sweep": Small(4, "What Figure 2 of Ferbach et al. shows, and what adam does"),
    "federated": Small(4, "Barriers at t = 1/2 between two clients"),
    "training_time": Small(12, "When barriers are largest"),
    "teacher_student": Small(28, "Where the matched barrier rises again"),
    "features": Small(9, "networks stitched after layer l"),
    "width_exponents": Small(12, "Matched barriers beside what bounds them"),
    "layers_over_training": Small(6, "ViT along training: barriers of the test loss at t = 1/2"),
    "layers_merged": Small(3, "digits, MNIST: not run, it needs --data-dir"),
}
SLOW = (
    "barrier_prediction",
    "deep_widths",
    "dimension",
    "factors",
    "features",
    "federated",
    "initialisation",
    "layers_merged",
    "layers_over_training",
    "layerwise",
    "learning_rate_sweep",
    "matching_methods",
    "matching_rates",
    "path_certificates",
    "potentials",
    "rising_barriers",
    "simplices",
    "star",
    "teacher_student",
    "trained_widths",
    "training_time",
    "two_layer_widths",
    "width_exponents",
    "width_sweep",
)
NOT_DRAWN = {
    "deep_widths": "the results hold one width",
    "layerwise": "the results hold no chain",
}
"""Studies whose smallest run has no figure, and why."""

REFUSED = {
    "width_sweep": {
        "--width 0": "greater than or equal to 1",
        "--dataset cifar": "must be one of",
        "--dataset mnist --data-dir /nowhere": "train-images-idx3-ubyte",
        "--learning-rate -1": "learning_rate must be positive",
    },
    "matching_rates": {
        "--dimension 11": "less than or equal to 10",
        "--widest 63": "greater than or equal to 64",
        "--draws 1": "greater than or equal to 2",
    },
    "matching_methods": {
        "--architecture LSTM": "architecture must be one of ['MLP',",
        "--architecture 'MLP mnist'": "'MLP mnist' needs --data-dir",
        "--data-dir missing": "missing",
        "--pairs 0": "greater than or equal to 1",
    },
    "two_layer_widths": {
        "--widest 63": "greater than or equal to 64",
        "--draws 1": "greater than or equal to 2",
        "--pairs 1": "greater than or equal to 2",
        "--reference 1000": "reference must be a power of 2, got 1000",
    },
    "deep_widths": {
        "--width 15": "greater than or equal to 16",
        "--width 17": "widths must be even",
        "--depth 0": "greater than or equal to 1",
        "--draws 1": "greater than or equal to 2",
        "--examples 2000": "examples must lie between 1 and 1437, got 2000",
        "--dataset letters": "name must be one of",
    },
    "trained_widths": {
        "--dataset breast_cancer": "dataset must have an output for each class",
        "--dataset cifar": "must be one of",
        "--learning-rate -1": "learning_rate must be positive",
        "--estimating 16 --estimating 32": "three widths",
        "--testing 2048": "256 < width <= 1024, got",
        "--testing 256": "256 < width <= 1024, got",
        "--permutations 18": "greater than or equal to 19",
    },
    "path_certificates": {
        "--dataset breast_cancer": "dataset must have an output for each class",
        "--architecture LSTM": "architecture must be one of ['MLP 1',",
        "--dataset mnist --data-dir missing": "missing",
        "--pairs 0": "greater than or equal to 1",
        "--weight-decay -1": "greater than or equal to 0",
        "--part all": "part must be one of ['bounded', 'decided']",
        "--decided 0": "greater than or equal to 1",
        "--budget 0": "greater than or equal to 1",
    },
    "layerwise": {
        "--architecture LSTM": "architecture must be one of ['MLP 2',",
        "--dataset mnist --data-dir missing": "missing",
        "--dataset diabetes": "dataset must hold grey square images of ten classes",
        "--pairs 0": "greater than or equal to 1",
        "--epochs 1": "greater than or equal to 2",
    },
    "symmetries": {
        "--architecture LSTM": "architecture must be one of ['tanh 1',",
        "--dataset mnist --data-dir missing": "missing",
        "--width 0": "greater than or equal to 1",
    },
    "least_barriers": {
        "--architecture LSTM": "architecture must be one of ['two ways',",
        "--dataset mnist --data-dir missing": "missing",
        "--budget 0": "greater than or equal to 1",
    },
    "simplices": {
        "--dataset breast_cancer": "dataset must have an output for each class",
        "--dataset mnist --data-dir missing": "missing",
        "--networks 1": "greater than or equal to 2",
        "--budget 0": "greater than or equal to 0.01",
    },
    "barrier_prediction": {
        "--dataset mnist --data-dir missing": "missing",
        "--dataset letters": "dataset must be one of ['digits', 'teacher', 'mnist']",
        "--half tuning --dataset digits --data-dir here": "--data-dir is for settings with mnist",
        "--half other": "half must be one of ['tuning', 'report']",
        "--half report --architecture 'relu 1'": "no --architecture of ['relu 1'] has",
        "--architecture 'relu 9'": "architecture must be one of ['relu 1',",
        "--width 128": "must name three or more widths below 128",
        "--narrow 16": "must name three or more widths below 256",
        "--width 300": "every --width must be a multiple of --ratio",
        "--unions 2": "greater than or equal to 3",
        "--pool 5": "greater than or equal to 6",
    },
    "fixed_laws": {
        "--dataset breast_cancer": "dataset must have an output for each class",
        "--dataset mnist --data-dir missing": "missing",
        "--architecture gelu": "architecture must be one of ['relu',",
        "--regime 'muP 3 sgd'": "regime must be one of ['muP 1 sgd',",
        "--joined 2": "must name three or more numbers up to a fourth of --pool, 128",
        "--pool 3": "greater than or equal to 4",
    },
    "rising_barriers": {
        "--dataset breast_cancer": "dataset must have an output for each class",
        "--dataset mnist --data-dir missing": "missing",
        "--width 30": "every --width must be a multiple of 4, got [30]",
        "--width 64": "one --width must be a multiple of --member, 64, above it, got [64]",
        "--networks 2": "greater than or equal to 3",
        "--learning-rate -1": "learning_rate must be positive",
    },
    "from_below": {
        "--inputs 1": "greater than or equal to 2",
        "--widest 7": "greater than or equal to 8",
        "--pairs 1": "greater than or equal to 2",
    },
    "trained_coupling": {
        "--setting sine": "setting must be one of",
        "--width 1": "greater than or equal to 2",
        "--pairs 1": "greater than or equal to 2",
        "--longest 0": "greater than or equal to 1",
    },
    "factors": {
        "--factor colour": "factor must be one of ['sparsity',",
        "--factor rate --factor batch": "factors must be 3 to 11, got 2",
        "--dataset mnist --data-dir missing": "missing",
        "--dataset cifar10 --data-dir missing": "missing",
        "--other digits": "other must be another data set than 'digits'",
        "--examples 2000": "examples must be at most 1437 of digits, got 2000",
        "--pairs 1": "greater than or equal to 2",
    },
    "initialisation": {
        "--inputs 1": "greater than or equal to 2",
        "--widest 15": "greater than or equal to 16",
        "--deepest 15": "greater than or equal to 16",
        "--pairs 1": "greater than or equal to 2",
    },
    "dimension": {
        "--widest 15": "greater than or equal to 16",
        "--draws 1": "greater than or equal to 2",
    },
    "potentials": {
        "--data-dir missing": "missing holds no potentials",
        "--members 2": "greater than or equal to 3",
    },
    "star": {
        "--dataset breast_cancer": "dataset must have an output for each class",
        "--dataset mnist --data-dir missing": "missing",
        "--method naive": "method must be one of ['activation', 'weight']",
        "--held-out 2": "greater than or equal to 3",
        "--sources 1": "greater than or equal to 2",
        "--learning-rate -1": "learning_rate must be positive",
    },
    "alignment_free": {
        "--dataset mnist --data-dir missing": "missing",
        "--share 1": "less than or equal to 0.99",
        "--kappa -1": "greater than or equal to 0",
        "--dimension 65": "less than or equal to 64",
        "--learning-rate -1": "learning_rate must be positive",
    },
    "learning_rate_sweep": {
        "--dataset mnist --data-dir missing": "missing",
        "--rate 6": "less than or equal to 5",
        "--optimiser lion": "optimiser must be one of ['sgd', 'adam']",
        "--epochs 0": "greater than or equal to 1",
    },
    "federated": {
        "--dataset mnist --data-dir missing": "missing",
        "--dataset diabetes": "dataset must hold grey square images of ten classes",
        "--architecture LSTM": "architecture must be one of ['MLP 2',",
        "--clients 1": "greater than or equal to 2",
        "--clients 800": "clients * pieces must be at most 1437 examples, got 1600",
        "--learning-rate -1": "learning_rate must be positive",
    },
    "training_time": {
        "--dataset mnist --data-dir missing": "missing",
        "--epoch 1 --epoch 2": "--epoch must name 0 and later ones, got [1, 2]",
        "--epoch 0": "--epoch must name 0 and later ones, got [0]",
        "--pairs 2": "greater than or equal to 3",
        "--learning-rate -1": "learning_rate must be positive",
    },
    "teacher_student": {
        "--neurons 1": "greater than or equal to 2",
        "--pairs 3": "greater than or equal to 4",
        "--adam -1": "learning_rate must be positive",
    },
    "features": {
        "--dataset mnist --data-dir missing": "missing",
        "--dataset diabetes": "dataset must hold grey square images of ten classes",
        "--architecture LSTM": "architecture must be one of ['MLP 2',",
        "--spawn 13": "every --spawn must be at most --epochs, 12, got 13",
        "--pairs 2": "greater than or equal to 3",
        "--learning-rate -1": "learning_rate must be positive",
    },
    "width_exponents": {
        "--dataset mnist --data-dir missing": "missing",
        "--activation elu": "activation must be one of ['relu', 'tanh', 'gelu']",
        "--examples 2000": "examples must be at most 1437 of digits, got 2000",
        "--pairs 1": "greater than or equal to 2",
        "--learning-rate -1": "learning_rate must be positive",
    },
    "layers_over_training": {
        "--dataset mnist --data-dir missing": "missing",
        "--dataset diabetes --network ViT": "square images of one channel",
        "--network LSTM": "network must be one of ['MLP',",
        "--width 30 --network ViT": "heads must divide width 30, got 4",
        "--pairs 1": "greater than or equal to 2",
    },
    "layers_merged": {
        "--data-dir missing": "missing",
        "--setting 'digits, MNIST'": "'digits, MNIST' needs --data-dir",
        "--setting letters": "setting must be one of ['digits 0-4, 5-9',",
        "--architecture LSTM": "architecture must be one of ['MLP 2',",
        "--trunk 3 --epochs 2": "trunk must be at most --epochs, 2, got 3",
        "--learning-rate -1": "learning_rate must be positive",
    },
}


KEYS = {
    "width_sweep": (
        (28, "4b446b06dbf78a103cf8c6818e2d51d118ed89034fb3857bfb42296675f584cc"),
        (2, "d914ba66690af5156aab320ab6377092f781c905481f9f69607e7f2012d0a95d"),
    ),
    "matching_rates": (
        (567, "83856adbbd008cd0151bd4e5478cfc101387f31fbb4594f81aba3700633088f1"),
        (58, "dd98c317de0f4b52ff159e7b652631ec958608a2969fc514ba27dbe6cbf9398e"),
    ),
    "matching_methods": (
        (14, "aa495cf202209cee5609f13ff755d71333294729cf1d52a032846815a1d49c13"),
        (3, "b70a2cb90878faa1a6fc96742ac449c5d573b99385e0650829743f652829f50c"),
    ),
    "two_layer_widths": (
        (173, "97bab123215847f75d79cb11366a2f5cc7261282a23c8744b0e21222ed07510b"),
        (67, "1e0c5d80fcfe5e1fdab4f60e48f694f68cd2d512b6dc9eeffd3ba18c02b4a7bb"),
    ),
    "deep_widths": (
        (116, "de9e2c121c97a8819e701fcc2650a59c3fac0607f13f3dfcdf06ea3f3a58f7ae"),
        (7, "c05824b90af2fb95057d3b4edfc5fdb129fab999b0222fde9b39f93c9a8f9912"),
    ),
    "trained_widths": (
        (6, "141913924181e1909eef40ee15e709f027cc22a41910b8fb86251d8a574fa732"),
        (2, "78cb43dc80822d121fa2bb7ce7e6c7fae2e66055dd24722f617908f1e816cc06"),
    ),
    "path_certificates": (
        (82, "811fe30c3c28a58925f543d7069d97c55d92697c649b818b25f628dc2a485d98"),
        (2, "7c72bfb581f771d5cc7c1bb8b055ac75fc50141f6fa6034438e18e3f17247fdc"),
    ),
    "layerwise": (
        (31, "92327b86ff87e2ff7b64aed17f8c1fdbce52cc20f35d16eae27c40faa393de69"),
        (3, "49944923917f5e7998332da79c8370f6f28698a06a4863f9cc038925380fbf31"),
    ),
    "symmetries": (
        (22, "7d8501bcc05089aa9f1a2c032fed4cc943b2701ee4e61692575826e6dd46fea2"),
        (1, "d4e5a7b0ec994807626614a2373036998fc07063d73ba00e148f814f2becaf15"),
    ),
    "least_barriers": (
        (12, "eb5fac25b29f89d68b0dc5ca650975a02386752edcb459ec38c43fe49165d0ed"),
        (2, "a16b845806be723083a4085d42a7bdc6982bad0e896d4ca6abfc71d4101efffb"),
    ),
    "simplices": (
        (4, "e7a7a777396eb591680fd1bf37a2e7cabb63e24c45766d7baaf74a929646194c"),
        (1, "4075fd1a0ffabfa197d127d8f9037e28e7f7e72b893520b1123cdd813b1fbc77"),
    ),
    "barrier_prediction": (
        (16, "7231236eafd9505ac13cc5a6e7f369d52f979e4ebbe10f0370414a8e634aa7b7"),
        (2, "af7b0561934cf9948e36f41fbb21de7076bc395ba4293273661c589b55fb959d"),
    ),
    "fixed_laws": (
        (14, "edb7514ab172c91143aab590aca6b49c9f863cf29539a1626ceb743266116539"),
        (2, "0151e33af42eaff3c73899c1aec8a2efd41913108a164131f710cf2a10e2fafa"),
    ),
    "rising_barriers": (
        (26, "a6e6cdd324b1467474b215d3351f462b4919792605465e50e879d1d6e8fdf2bc"),
        (5, "fcbfb87b3409ed744e79833b75079c36080377c61364ecd49b9536e047c5ab6e"),
    ),
    "from_below": (
        (73, "39c88fb94e450fd408b6fc6496e35eb89cb193e5de7d0baca7b0528e216e1ad3"),
        (10, "72da8e74ec584a10fdb9bc91698866ea507604c03ddb564a9b7e0211d9e35d5c"),
    ),
    "trained_coupling": (
        (20, "b99591f72b3390c5a330ecb2ae46409476131ce38745356cf48b117aca9c6385"),
        (4, "5dfa6e15386af32a4997ae51db4e7f493b78a1468446288d1194ee08276de1ba"),
    ),
    "factors": (
        (142, "4d4eb46805981eb2cc4e555e864583e7d85cb79da67d345e6c5d1beada4cf997"),
        (23, "92c30eccc9614b0126deb5c30b1472e2369e63d00dc6c6bacb8144bfcb358459"),
    ),
    "initialisation": (
        (70, "75b8c71b4715ab5e8ef9e9854c8e6c9df51a2277c91336949c7dcd22310c5766"),
        (12, "ce5eec2df6e0c9d436ce1b766e7566fe62bf267640327660d582145cc479c450"),
    ),
    "dimension": (
        (144, "8807d7bd2a1bdaac9395a49a0d16c75915c352f2b52d2439ab26d6b3ae4d1e25"),
        (49, "4e47fca9fa41d28164b1d9c78cecff7c980ce09629193c845fb214316638d816"),
    ),
    "potentials": (
        (28, "0558a5b9c93b44524581a12a48cecbae8ba28c6a6289ec72cc1f3e32d38c58a8"),
        (14, "a1ce55ef0b5630543fc0aa35bf9375cdd416ced3131d4940355faeeeb1225543"),
    ),
    "star": (
        (32, "617f2be71a39045c63bcfe20d0010ff3d85897d7d86336a5cf89884d29949e0a"),
        (8, "23f7cdd04b033f3804b3b6169a60f1866a81b0bd77476e6764fc0824fff66517"),
    ),
    "alignment_free": (
        (40, "2cb3d221f17a41bf81e6709bf958ed0562496c68fbc98feed7e806114da13489"),
        (19, "db3f27f9c704cb959006b90bcf608f255b8ad4a76487d30fe0b485a7cbc8b36e"),
    ),
    "learning_rate_sweep": (
        (36, "562b8584d7824b7e37583be4df1680920e372c4c371c173545f039e7cacfab66"),
        (4, "92be12d8513f897535d856567cf6b9f901e0ad5609784e04ff7fa8954e42db26"),
    ),
    "federated": (
        (12, "d6d6e3b10d4793e4fbb4b60edbd24e005e015448b1b81b302b0a7fc2b122d803"),
        (4, "07bdb4350c46fdcad11693ea845a2ac4ac428d7744208951536631afb8a87034"),
    ),
    "training_time": (
        (130, "38ea2b8608ce212834405ff0b72e92022657e6ab334d93751c2bc513bf63a361"),
        (12, "41c08ff319441abb5a249e85de6d0ab576d4650f579287244351062ca8f72a33"),
    ),
    "teacher_student": (
        (60, "368edf72dd39592cd2ce420802f53b28949349f600377f79f6f59cfde0c6c138"),
        (28, "29d9fe7d16a1ea940d60911d9ec82fb1fd51de517c5f8dd663e644fb5678d36d"),
    ),
    "features": (
        (90, "baa41db11e8c9f311e5aaeda3e4424427c37a83e0331698786ceb4275e58052d"),
        (9, "38de8502dd270cf72070621b46a232dabe289c989556ea1ae5ab645a0728d8c3"),
    ),
    "width_exponents": (
        (60, "89925179eaa1697b99d7246d380e66ede52e16798c4bc59d6af78b1a26c4d174"),
        (12, "518a39f6634657a7b7675734e1d925d05477b6cb1887bf8ec95e091db6ced76d"),
    ),
    "layers_over_training": (
        (12, "66c9faaae4efd4d6652e499c41a7bbc5a929e8f2201e121ca3f31a832085012b"),
        (6, "52d1cb4ea041b8be1715aeb0beb2581996b562f32f74552e6352598d5165dbf2"),
    ),
    "layers_merged": (
        (6, "126680ba67943b421503694490223ff1e887af3c56a15ac3bd4d87d171176f2c"),
        (3, "9d70d9c3d1891a37419b0e855066d28d343903800ba1dfda62791a3eb6409d2d"),
    ),
}
"""Of the tasks by default and of the smallest run: how many, and SHA-256 of the sorted keys.

Where they change without a new version of the study, old results are not found again."""


@pytest.fixture(autouse=True, scope="module")
def kept_files(tmp_path_factory):
    """Potentials where the study looks for them, of which the digest depends on rounding."""
    kept = tmp_path_factory.mktemp("kept")
    write_small(kept / "ani", members=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMCTHEORY_CACHE", str(kept))
        patch.setattr(Folder, "digest", lambda *_: "digest")
        yield


@pytest.mark.parametrize("name", STUDIES)
def test_tasks_keep_their_keys(name):
    declared = STUDIES[name].load()
    usual = {p.name: p.default for p in inspect.signature(declared.plan).parameters.values()}
    for options, expected in zip((usual, usual | declared.quick), KEYS[name], strict=True):
        study, configs = declared.planned(options)
        keys = sorted(map(study.key, configs))
        assert (len(keys), sha256("\n".join(keys).encode()).hexdigest()) == expected
        # as the runner gives them to tasks
        loaded = [load(decode(encode(config)), *study.records) for config in configs]
        assert sorted(study.key(dump(config)) for config in loaded) == keys


def invoke(study, options, results, charset="utf-8"):
    arguments = [*study.split(), *shlex.split(options), "--results", str(results)]
    return CliRunner(charset).invoke(application(STUDIES), arguments)


def words_of(text):
    """By line, without the lines of a box, which differ by the terminal's characters."""
    lines = (line.replace("|", " ").split() for line in text.splitlines())
    return [words for words in lines if words and not set("".join(words)) & set("─+")]


def figure_of(study):
    return import_module(f"paper_figures.{study}")


@pytest.mark.parametrize("study", STUDIES)
def test_the_figure_names_the_command_that_makes_its_results(study, tmp_path):
    with pytest.raises(SystemExit, match=f"make them with: python -m simulations run {study}"):
        figure_of(study).main(tmp_path / "none.sqlite", tmp_path / "figure")


def test_every_study_is_called_by_its_name():
    for name, entry in STUDIES.items():
        declared = entry.load()
        assert declared.plan.__name__ == declared.study.name == name
        assert (declared.plan.__doc__ or "").strip()
        assert set(declared.quick) <= set(inspect.signature(declared.plan).parameters)
        assert entry.summary


@pytest.mark.filterwarnings("ignore:no neurons can be reordered:UserWarning")  # at width 1
@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    "study",
    [pytest.param(s, marks=pytest.mark.slow if s in SLOW else ()) for s in STUDIES],
)
def test_the_command_stores_reports_and_feeds_the_figure(study, tmp_path):
    small, results = SMALL[study], tmp_path / "[é].sqlite"
    ran = invoke(study, f"--quick {small.options}", results, charset="ascii")
    assert ran.exit_code == 0, ran.output
    assert small.text in ran.output
    assert max(map(len, ran.stdout.splitlines())) <= 100
    assert "\\" not in ran.stdout  # of which escapes are made
    assert r"[\xe9].sqlite" in ran.stderr
    assert "nan" not in re.findall(r"\w+", ran.stdout)
    figure, of_study = figure_of(study), import_module(f"simulations.{study}.command").STUDY
    stored = read(of_study, results)
    for (config, record), task in zip(stored, of_study.typed(stored), strict=True):
        again = [encode(decode(encode(dump(part)))) for part in task]
        assert again == [encode(config), encode(record)]
    exported = {
        form: invoke(f"export {study}", f"--tables {form}", results).output for form in FORMATS
    }
    printed = iter(words_of(ran.stdout))
    assert all(words in printed for words in words_of(exported["table"]))
    tables = json.loads(exported["json"], parse_constant=pytest.fail)
    assert exported["csv"].count("# ") == exported["latex"].count(r"\toprule") == len(tables)
    assert len(stored) == small.tasks
    if study in NOT_DRAWN:
        with pytest.raises(SystemExit, match=NOT_DRAWN[study]):
            figure.main(results, tmp_path / "figure")
        return
    figure.main(results, tmp_path / "figure")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    # a second study in the same file, of which another seed is a part
    config, record = stored[0]
    with writing(results) as store:
        store.add(of_study, config | {"seed": config["seed"] + 1}, encode(record), 1.0, "{}")
    with pytest.raises(SystemExit, match="the results mix studies"):
        figure.main(results, tmp_path / "figure")


@pytest.mark.parametrize(
    ("study", "options"), [(study, options) for study in STUDIES for options in REFUSED[study]]
)
def test_bad_options_are_refused_before_any_work(study, options, tmp_path):
    results = tmp_path / "results.sqlite"
    ran = invoke(study, options, results)
    assert ran.exit_code == 2
    assert REFUSED[study][options] in " ".join(ran.output.split())
    assert not results.exists()
