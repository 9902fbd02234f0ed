"""What the tests of several studies share."""

import pytest


@pytest.fixture
def printed(capsys):
    """Prints a report and returns its text, which fits into 100 columns uncut."""

    def report(print_report, results):
        capsys.readouterr()
        print_report(results)
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= 100
        assert "…" not in text
        return text

    return report
