"""The works that statements come from, as BibTeX entries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["WORKS", "Work", "bibtex"]


@dataclass(frozen=True)
class Work:
    """A published work.

    Attributes:
        kind: of BibTeX entry, as "article".
        author: as in BibTeX, ``Last, First and ...``.
        title: of the work, LaTeX.
        year: of its publication.
        fields: the other fields of the entry.
    """

    kind: str
    author: str
    title: str
    year: int
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """Authors' last names and year, as in "Ferbach et al. 2024"."""
        names = [name.split(",")[0].strip("{} ") for name in self.author.split(" and ")]
        cited = names[0] if len(names) == 1 else " and ".join(names)
        return f"{cited if len(names) < 3 else names[0] + ' et al.'} {self.year}"

    def entry(self, key: str) -> str:
        """Its BibTeX entry under a key."""
        parts = {"author": self.author, "title": self.title, "year": str(self.year)}
        if self.kind == "misc" and "eprint" in self.fields:
            # plain styles print no eprint
            parts["howpublished"] = f"arXiv:{self.fields['eprint']}"
        lines = [f"  {name} = {{{value}}}," for name, value in {**parts, **self.fields}.items()]
        return "\n".join([f"@{self.kind}{{{key},", *lines, "}"])


WORKS: Mapping[str, Work] = MappingProxyType(
    {
        "ferbach2024": Work(
            "inproceedings",
            "Ferbach, Damien and Goujaud, Baptiste and Gidel, Gauthier and Dieuleveut, Aymeric",
            "Proving Linear Mode Connectivity of Neural Networks via Optimal Transport",
            2024,
            {
                "booktitle": "International Conference on Artificial Intelligence and Statistics",
                "eprint": "2310.19103",
                "archiveprefix": "arXiv",
            },
        ),
        "adilova2024": Work(
            "inproceedings",
            "Adilova, Linara and Andriushchenko, Maksym and Kamp, Michael and Fischer, Asja and Jaggi, Martin",
            "Layer-wise Linear Mode Connectivity",
            2024,
            {
                "booktitle": "International Conference on Learning Representations",
                "eprint": "2307.06966",
                "archiveprefix": "arXiv",
            },
        ),
        "zhou2023": Work(
            "inproceedings",
            "Zhou, Zhanpeng and Yang, Yongyi and Yang, Xiaojiang and Yan, Junchi and Hu, Wei",
            "Going Beyond Linear Mode Connectivity: The Layerwise Linear Feature Connectivity",
            2023,
            {
                "booktitle": "Advances in Neural Information Processing Systems",
                "eprint": "2307.08286",
                "archiveprefix": "arXiv",
            },
        ),
        "singh2024": Work(
            "misc",
            r"Singh, Sidak Pal and Adilova, Linara and Kamp, Michael and Fischer, Asja and Sch{\"o}lkopf, Bernhard and Hofmann, Thomas",
            "Landscaping Linear Mode Connectivity",
            2024,
            {"eprint": "2406.16300", "archiveprefix": "arXiv"},
        ),
        "ito2024": Work(
            "misc",
            "Ito, Akira and Yamada, Masanori and Kumagai, Atsutoshi",
            "Analysis of Linear Mode Connectivity via Permutation-Based Weight Matching",
            2024,
            {"eprint": "2402.04051", "archiveprefix": "arXiv"},
        ),
        "ito2025": Work(
            "misc",
            "Ito, Akira and Yamada, Masanori and Chijiwa, Daiki and Kumagai, Atsutoshi",
            "Do We Really Need Permutations? {Impact} of Width Expansion on Linear Mode Connectivity",
            2025,
            {"eprint": "2510.08023", "archiveprefix": "arXiv"},
        ),
        "fournier2023": Work(
            "article",
            "Fournier, Nicolas",
            r"Convergence of the Empirical Measure in Expected {Wasserstein} Distance: Non-Asymptotic Explicit Bounds in {$\mathbb R^d$}",
            2023,
            {"journal": "ESAIM: Probability and Statistics", "volume": "27", "pages": "749--775"},
        ),
        "weed2019": Work(
            "article",
            "Weed, Jonathan and Bach, Francis",
            "Sharp Asymptotic and Finite-Sample Rates of Convergence of Empirical Measures in {Wasserstein} Distance",
            2019,
            {"journal": "Bernoulli", "volume": "25", "number": "4A", "pages": "2620--2648"},
        ),
        "boissard2014": Work(
            "article",
            "Boissard, Emmanuel and Le Gouic, Thibaut",
            "On the Mean Speed of Convergence of Empirical and Occupation Measures in {Wasserstein} Distance",
            2014,
            {
                "journal": r"Annales de l'Institut Henri Poincar{\'e}, Probabilit{\'e}s et Statistiques",
                "volume": "50",
                "number": "2",
                "pages": "539--563",
            },
        ),
        "peyre2018": Work(
            "article",
            r"Peyre, R{\'e}mi",
            r"Comparison between {$W_2$} Distance and {$\dot H^{-1}$} Norm, and Localization of {Wasserstein} Distance",
            2018,
            {
                "journal": "ESAIM: Control, Optimisation and Calculus of Variations",
                "volume": "24",
                "number": "4",
                "pages": "1489--1501",
            },
        ),
        "ledoux2019": Work(
            "article",
            "Ledoux, Michel",
            "On Optimal Matching of {Gaussian} Samples",
            2019,
            {"journal": "Journal of Mathematical Sciences", "volume": "238", "pages": "495--522"},
        ),
        "ledoux2001": Work(
            "book",
            "Ledoux, Michel",
            "The Concentration of Measure Phenomenon",
            2001,
            {"publisher": "American Mathematical Society"},
        ),
        "bobkov2019": Work(
            "article",
            "Bobkov, Sergey and Ledoux, Michel",
            "One-Dimensional Empirical Measures, Order Statistics, and {Kantorovich} Transport Distances",
            2019,
            {
                "journal": "Memoirs of the American Mathematical Society",
                "volume": "261",
                "number": "1259",
            },
        ),
        "mcdiarmid1989": Work(
            "incollection",
            "McDiarmid, Colin",
            "On the Method of Bounded Differences",
            1989,
            {
                "booktitle": "Surveys in Combinatorics",
                "publisher": "Cambridge University Press",
                "pages": "148--188",
            },
        ),
        "hoeffding1963": Work(
            "article",
            "Hoeffding, Wassily",
            "Probability Inequalities for Sums of Bounded Random Variables",
            1963,
            {
                "journal": "Journal of the American Statistical Association",
                "volume": "58",
                "number": "301",
                "pages": "13--30",
            },
        ),
        "caffarelli2000": Work(
            "article",
            "Caffarelli, Luis A.",
            "Monotonicity Properties of Optimal Transportation and the {FKG} and Related Inequalities",
            2000,
            {
                "journal": "Communications in Mathematical Physics",
                "volume": "214",
                "number": "3",
                "pages": "547--563",
            },
        ),
        "hamilton1993": Work(
            "article",
            "Hamilton, Richard S.",
            "A Matrix {Harnack} Estimate for the Heat Equation",
            1993,
            {
                "journal": "Communications in Analysis and Geometry",
                "volume": "1",
                "number": "1",
                "pages": "113--126",
            },
        ),
        "strassen1965": Work(
            "article",
            "Strassen, Volker",
            "The Existence of Probability Measures with Given Marginals",
            1965,
            {
                "journal": "The Annals of Mathematical Statistics",
                "volume": "36",
                "number": "2",
                "pages": "423--439",
            },
        ),
        "entezari2022": Work(
            "inproceedings",
            "Entezari, Rahim and Sedghi, Hanie and Saukh, Olga and Neyshabur, Behnam",
            "The Role of Permutation Invariance in Linear Mode Connectivity of Neural Networks",
            2022,
            {
                "booktitle": "International Conference on Learning Representations",
                "eprint": "2110.06296",
                "archiveprefix": "arXiv",
            },
        ),
        "ainsworth2023": Work(
            "inproceedings",
            "Ainsworth, Samuel K. and Hayase, Jonathan and Srinivasa, Siddhartha",
            "{Git Re-Basin}: Merging Models modulo Permutation Symmetries",
            2023,
            {
                "booktitle": "International Conference on Learning Representations",
                "eprint": "2209.04836",
                "archiveprefix": "arXiv",
            },
        ),
        "mei2019": Work(
            "inproceedings",
            "Mei, Song and Misiakiewicz, Theodor and Montanari, Andrea",
            "Mean-Field Theory of Two-Layers Neural Networks: Dimension-Free Bounds and Kernel Limit",
            2019,
            {"booktitle": "Conference on Learning Theory"},
        ),
        "kuditipudi2019": Work(
            "inproceedings",
            "Kuditipudi, Rohith and Wang, Xiang and Lee, Holden and Zhang, Yi and Li, Zhiyuan and Hu, Wei and Ge, Rong and Arora, Sanjeev",
            "Explaining Landscape Connectivity of Low-Cost Solutions for Multilayer Nets",
            2019,
            {"booktitle": "Advances in Neural Information Processing Systems"},
        ),
        "birkhoff1946": Work(
            "article",
            "Birkhoff, Garrett",
            r"Tres observaciones sobre el {\'a}lgebra lineal",
            1946,
            {
                "journal": r"Universidad Nacional de Tucum{\'a}n, Revista, Serie A",
                "volume": "5",
                "pages": "147--151",
            },
        ),
        "zhan2025": Work(
            "misc",
            "Zhan, Keyao and Li, Puheng and Wu, Lei",
            "Analyzing the Role of Permutation Invariance in Linear Mode Connectivity",
            2025,
            {"eprint": "2503.06001", "archiveprefix": "arXiv"},
        ),
        "theus2025": Work(
            "misc",
            "Theus, Alexander and Cabodi, Alessandro and Anagnostidis, Sotiris and Orvieto, Antonio and Singh, Sidak Pal and Boeva, Valentina",
            "Generalized Linear Mode Connectivity for Transformers",
            2025,
            {"eprint": "2506.22712", "archiveprefix": "arXiv"},
        ),
        "trager2020": Work(
            "inproceedings",
            r"Trager, Matthew and Kohn, Kathl{\'e}n and Bruna, Joan",
            "Pure and Spurious Critical Points: a Geometric Study of Linear Networks",
            2020,
            {
                "booktitle": "International Conference on Learning Representations",
                "eprint": "1910.01671",
                "archiveprefix": "arXiv",
            },
        ),
        "zhao2025": Work(
            "inproceedings",
            "Zhao, Bo and Dehmamy, Nima and Walters, Robin and Yu, Rose",
            "Understanding Mode Connectivity via Parameter Space Symmetry",
            2025,
            {
                "booktitle": "International Conference on Machine Learning",
                "eprint": "2505.23681",
                "archiveprefix": "arXiv",
            },
        ),
        "yang2021": Work(
            "inproceedings",
            "Yang, Greg and Hu, Edward J.",
            "{Tensor Programs IV}: Feature Learning in Infinite-Width Neural Networks",
            2021,
            {"booktitle": "International Conference on Machine Learning"},
        ),
        "levina2004": Work(
            "inproceedings",
            "Levina, Elizaveta and Bickel, Peter J.",
            "Maximum Likelihood Estimation of Intrinsic Dimension",
            2004,
            {"booktitle": "Advances in Neural Information Processing Systems"},
        ),
        "schonemann1966": Work(
            "article",
            r"Sch{\"o}nemann, Peter H.",
            "A Generalized Solution of the Orthogonal {Procrustes} Problem",
            1966,
            {"journal": "Psychometrika", "volume": "31", "number": "1", "pages": "1--10"},
        ),
        "makino2003": Work(
            "article",
            "Makino, Kyoko and Berz, Martin",
            "Taylor Models and Other Validated Functional Inclusion Methods",
            2003,
            {
                "journal": "International Journal of Pure and Applied Mathematics",
                "volume": "4",
                "number": "4",
                "pages": "379--456",
            },
        ),
        "frank1956": Work(
            "article",
            "Frank, Marguerite and Wolfe, Philip",
            "An Algorithm for Quadratic Programming",
            1956,
            {
                "journal": "Naval Research Logistics Quarterly",
                "volume": "3",
                "number": "1--2",
                "pages": "95--110",
            },
        ),
        "simsek2021": Work(
            "inproceedings",
            r"{\c S}im{\c s}ek, Berfin and Ged, Fran{\c c}ois and Jacot, Arthur and Spadaro, Francesco and Hongler, Cl{\'e}ment and Gerstner, Wulfram and Brea, Johanni",
            "Geometry of the Loss Landscape in Overparameterized Neural Networks: Symmetries and Invariances",
            2021,
            {"booktitle": "International Conference on Machine Learning"},
        ),
        "frankle2020": Work(
            "inproceedings",
            "Frankle, Jonathan and Dziugaite, Gintare Karolina and Roy, Daniel M. and Carbin, Michael",
            "Linear Mode Connectivity and the Lottery Ticket Hypothesis",
            2020,
            {"booktitle": "International Conference on Machine Learning"},
        ),
        "garipov2018": Work(
            "inproceedings",
            "Garipov, Timur and Izmailov, Pavel and Podoprikhin, Dmitrii and Vetrov, Dmitry and Wilson, Andrew Gordon",
            "Loss Surfaces, Mode Connectivity, and Fast Ensembling of {DNNs}",
            2018,
            {"booktitle": "Advances in Neural Information Processing Systems"},
        ),
        "singhjaggi2020": Work(
            "inproceedings",
            "Singh, Sidak Pal and Jaggi, Martin",
            "Model Fusion via Optimal Transport",
            2020,
            {"booktitle": "Advances in Neural Information Processing Systems"},
        ),
        "bordelon2022": Work(
            "inproceedings",
            "Bordelon, Blake and Pehlevan, Cengiz",
            "Self-Consistent Dynamical Field Theory of Kernel Evolution in Wide Neural Networks",
            2022,
            {
                "booktitle": "Advances in Neural Information Processing Systems",
                "eprint": "2205.09653",
                "archiveprefix": "arXiv",
            },
        ),
        "bordelon2023": Work(
            "inproceedings",
            "Bordelon, Blake and Pehlevan, Cengiz",
            "Dynamics of Finite Width Kernel and Prediction Fluctuations in Mean Field Neural Networks",
            2023,
            {
                "booktitle": "Advances in Neural Information Processing Systems",
                "eprint": "2304.03408",
                "archiveprefix": "arXiv",
            },
        ),
        "xu2020": Work(
            "inproceedings",
            "Xu, Kaidi and Shi, Zhouxing and Zhang, Huan and Wang, Yihan and Chang, Kai-Wei and Huang, Minlie and Kailkhura, Bhavya and Lin, Xue and Hsieh, Cho-Jui",
            "Automatic Perturbation Analysis for Scalable Certified Robustness and Beyond",
            2020,
            {"booktitle": "Advances in Neural Information Processing Systems"},
        ),
        "cho2009": Work(
            "inproceedings",
            "Cho, Youngmin and Saul, Lawrence K.",
            "Kernel Methods for Deep Learning",
            2009,
            {"booktitle": "Advances in Neural Information Processing Systems"},
        ),
    }
)
"""All of them, by BibTeX key."""


def bibtex(keys: Iterable[str] | None = None) -> str:
    """A BibTeX file.

    Args:
        keys: of the works, all by default.

    Raises:
        KeyError: if a key is none of `WORKS`.

    Example:
        >>> print(bibtex(["birkhoff1946"]).splitlines()[0])
        @article{birkhoff1946,
    """
    return "\n\n".join(WORKS[key].entry(key) for key in (WORKS if keys is None else keys)) + "\n"
