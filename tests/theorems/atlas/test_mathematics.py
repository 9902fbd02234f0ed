"""Formulas as MathML, and words with formulas in them."""

from xml.etree import ElementTree

import pytest

from lmctheory.theorems.atlas.mathematics import mathml
from lmctheory.theorems.atlas.text import lines, prose, words
from lmctheory.theorems.bibliography import WORKS


def inside(latex, **options):
    """The row of a formula, which must be well-formed."""
    text = str(mathml(latex, **options))
    [row] = ElementTree.fromstring(text)
    return "".join(ElementTree.tostring(child, encoding="unicode") for child in row)


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\mathbb E", "<mi>𝔼</mi>"),
        (r"\mathbb R", "<mi>ℝ</mi>"),
        (r"\mathcal L", "<mi>ℒ</mi>"),
        (r"\mathbf x", "<mi>𝐱</mi>"),
        (r"\mathbf 1", "<mn>𝟏</mn>"),
        (r"\boldsymbol\theta", "<mi>𝜽</mi>"),
        (r"\Lambda", '<mi mathvariant="normal">Λ</mi>'),
        (r"\succeq", "<mo>⪰</mo>"),
        (r"\infty", "<mi>∞</mi>"),
        (r"\ell", "<mi>ℓ</mi>"),
        ("a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
    ],
)
def test_letters_and_signs(latex, expected):
    assert inside(latex) == expected


@pytest.mark.parametrize("latex", [r"\bigl\{ x \bigr\}", r"\Bigl\{x\Bigr\}", r"\left\{x\right\}"])
def test_sized_delimiters_grow_with_what_is_between_them(latex):
    root = ElementTree.fromstring(str(mathml(latex)))
    signs = [(mo.text, mo.get("form")) for mo in root.iter("mo")]
    assert signs == [("{", "prefix"), ("}", "postfix")]
    assert not [mo for mo in root.iter("mo") if "minsize" in mo.attrib]


@pytest.mark.parametrize(
    ("latex", "grow"), [("x^2", False), (r"\frac12", True), (r"\sum_k x", True), ("|x_1|", False)]
)
def test_delimiters_grow_around_what_is_tall(latex, grow):
    root = ElementTree.fromstring(str(mathml(rf"\left( {latex} \right)")))
    stretched = [mo.get("stretchy") for mo in root.iter("mo") if mo.text in "()"]
    assert stretched == ["true" if grow else "false"] * 2


def test_plain_brackets_grow_in_displayed_formulas():
    def brackets(latex, **options):
        root = ElementTree.fromstring(str(mathml(latex, **options)))
        return [mo.get("stretchy") == "true" for mo in root.iter("mo") if mo.text in "()[]"]

    latex = r"S(\frac{(a)}{b})^2 + (a) (c + e^{\frac12}) [\tfrac12]"
    assert brackets(latex, display=True) == [True, False, False, True, *[False] * 6]
    assert not any(brackets(latex))
    # with what is above them, and where they do not match
    assert "<msup><mrow><mo" in inside(r"(\frac12)^2", display=True)
    assert brackets(r"x) + [0, \frac12", display=True) == [False] * 2


def test_words_stay_together():
    assert "<mi>Lip</mi>" in inside(r"\mathrm{Lip}\, x")
    assert "<mi>slack</mi>" in inside(r"\mathrm{slack}_{jy}")


def test_names_have_the_space_of_tex():
    def spaced(latex):
        [row] = ElementTree.fromstring(str(mathml(latex, display=True)))
        return "".join(" " if part.tag == "mspace" else "".join(part.itertext()) for part in row)

    assert spaced(r"2 \operatorname{tr} \Lambda") == "2 tr Λ"
    assert spaced(r"(1-v) \operatorname{tr} \Lambda") == "(1−v) tr Λ"
    assert spaced(r"\log (x) - \log x") == "log(x)−log x"
    assert spaced(r"x = \min(2, \max_k \log m)") == "x=min(2,maxk log m)"
    assert spaced(r"\mathbb E \sup_v |x|") == "𝔼 supv |x|"


def test_limits_are_below_names_in_displayed_formulas():
    for latex in (r"\max_{x}", r"\sup_t", r"\operatorname*{arg\,min}_x"):
        [below] = ElementTree.fromstring(str(mathml(latex, display=True)))[0]
        assert below.tag == "munder"
        assert below[0].get("movablelimits") == "true"
    assert "munder" not in inside(r"\operatorname{tr}_x", display=True)
    assert inside(r"\left( \sum_k \right)", display=True).count("<munder>") == 1


def test_a_minus_with_nothing_before_it_is_a_sign():
    def forms(latex):
        root = ElementTree.fromstring(str(mathml(latex)))
        return [mo.get("form") for mo in root.iter("mo") if mo.text == "−"]

    assert forms("a = -b - (-c) - |x| - y") == ["prefix", None, "prefix", None, None]


def test_primes_are_not_raised_twice():
    assert "msup" not in inside("f'(x)")
    assert inside("g'_{l}").startswith("<msub><mrow><mi>g</mi>")
    assert inside(r"f^\prime") == inside("f'") == inside(r"f^{\prime}")


def test_words_in_formulas_may_have_formulas():
    assert inside(r"\text{if $x$ is}") == "<mtext>if\xa0</mtext><mi>x</mi><mtext>\xa0is</mtext>"
    assert inside(r"\text{et al.\ 2024}") == "<mtext>et\xa0al.\xa02024</mtext>"


def test_aligned_rows():
    root = ElementTree.fromstring(
        str(mathml(r"\begin{aligned} a &= b \\ c &\le d \end{aligned}", display=True))
    )
    assert len(list(root.iter("mtr"))) == 2
    assert [cell.get("style") for cell in root.iter("mtd")][:2] == [
        "text-align: right",
        "text-align: left",
    ]


@pytest.mark.parametrize(
    ("latex", "named"),
    [
        (r"\unknown x", r"\\unknown"),
        (r"\frac{a}", "frac"),
        ("x^{a", "braces"),
        ("x}", "braces"),
        (r"\not\le", "⧸"),
        (r"\left( x", "Left"),
    ],
)
def test_what_cannot_be_rendered_is_refused(latex, named):
    with pytest.raises(ValueError, match=f"cannot render .*{named}"):
        mathml(latex)


def test_words_are_as_they_are_outside_dollar_signs():
    assert words(r"carr\'e <du> champ") == "carré &lt;du&gt; champ"
    assert words("<b> & {x}_1 ~ Hopf--Lax") == "&lt;b&gt; &amp; {x}_1 ~ Hopf–Lax"
    for wrong in ("one $ alone", r"\lambda outside"):
        with pytest.raises(ValueError, match="between dollar signs"):
            words(wrong)


def test_prose():
    assert prose("a\n\nb") == "<p>a</p>\n<p>b</p>"
    assert prose(r"\emph{a $x$} -- 5\,\% of ``b''") == (
        f"<p><em>a {mathml('x')}</em> – 5 % of “b”</p>"
    )
    assert prose(r"see \cite[Lemma 2]{ledoux2001,ito2024}") == (
        "<p>see Ledoux 2001, Ito et al. 2024, Lemma 2</p>"
    )
    assert prose(r"\begin{enumerate}\item a\item b\end{enumerate}") == (
        "<ol><li>a</li><li>b</li></ol>"
    )
    displayed = f'<p><span class="formula" tabindex="0">{mathml("x", display=True)}</span></p>'
    for latex in (r"\[ x \]", "$$x$$", r"\begin{equation}x\end{equation}"):
        assert prose(latex) == displayed
    assert "mtable" in prose(r"\begin{align*} a &= b \end{align*}")
    assert prose("<b> & c") == "<p>&lt;b&gt; &amp; c</p>"
    assert prose("") == ""


def test_prose_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match=r"cannot render \\section"):
        prose(r"\section{A}")
    with pytest.raises(ValueError, match=r"cites .'nobody'."):
        prose(r"\cite{nobody}")


def test_accents_are_letters():
    assert prose(r"Sch{\"o}lkopf, {\c S}im{\c s}ek, Fran\c{c}ois, R\'emi") == (
        "<p>Schölkopf, Şimşek, François, Rémi</p>"
    )


@pytest.mark.parametrize("key", WORKS)
def test_every_work_is_rendered(key):
    work = WORKS[key]
    for latex in (work.author, work.title, *work.fields.values()):
        assert not set(prose(latex).striptags()) & set("\\{}$")


def test_statements_are_cut_at_commas_outside_brackets():
    assert lines(r"a, \quad b, \qquad c") == ("a,", "b,", "c")
    whole = r"\bigl(a, \quad b\bigr]"
    assert lines(whole) == (whole,)
