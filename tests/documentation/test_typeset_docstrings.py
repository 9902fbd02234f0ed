"""Formulas of docstrings are set, and code is left alone."""

import pytest

from documentation.formulas import typeset


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("W_p^p and m_0", "W<sub>p</sub><sup>p</sup> and m<sub>0</sub>"),
        ("eps_t^2 <= m^(-1/2)", "ε<sub>t</sub><sup>2</sup> ≤ m<sup>-1/2</sup>"),
        ("P_{l-1}^T x_max", "P<sub>l-1</sub><sup>T</sup> x<sub>max</sub>"),
        ("sum_i |a_i|^2", "∑<sub>i</sub> |a<sub>i</sub>|<sup>2</sup>"),
        ("m^{-2/d}, 2^d, H^-1", "m<sup>-2/d</sup>, 2<sup>d</sup>, H<sup>-1</sup>"),
        ("10^-1.5 a_i.", "10<sup>-1.5</sup> a<sub>i</sub>."),
        ("<u_i, v> & sqrt(m)", "&lt;u<sub>i</sub>, v&gt; &amp; √(m)"),
        ("[f(x)](s)", r"[f(x)]\(s)"),
        ("f-bar, phi-bar_l^t", "f\u0304, φ\u0304<sub>l</sub><sup>t</sup>"),
        ("sigma_lambda", "σ<sub>λ</sub>"),
    ],
)
def test_scripts_and_signs(text, shown):
    assert typeset(text) == shown


@pytest.mark.parametrize("code", ["`x_1 <= m^2`", "``a_i``", "*emphasis*"])
def test_code_links_and_emphasis_stay(code):
    assert typeset(f"See {code} here.") == f"See {code} here."


def test_names_of_many_letters_are_no_formulas():
    assert typeset("upper_bound of n_inputs") == r"upper\_bound of n\_inputs"


def test_examples_and_names_of_arguments_stay():
    text = "One.\n\nArgs:\n    x_1: at x_1 >= 0.\n\nExample:\n    >>> x_1 <= 2\n    True"
    shown = typeset(text)
    assert "    x_1: at x<sub>1</sub> ≥ 0." in shown
    assert "    >>> x_1 <= 2" in shown


def test_shown_formulas_become_blocks():
    text = "By\n\n    M(m) <= m^-2\n      + a_1 * b_1\n\nThen.\n\nReturns:\n    One\n\n    two."
    assert typeset(text) == (
        'By\n\n<pre class="shown">M(m) ≤ m<sup>-2</sup>\n  + a<sub>1</sub> * b<sub>1</sub></pre>'
        "\n\nThen.\n\nReturns:\n    One\n\n    two."
    )
