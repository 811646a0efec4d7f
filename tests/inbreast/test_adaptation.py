"""Adapting to a site with few labels, from nothing to the table."""

import re

import pytest

from inbreast import experiments
from inbreast.pipeline import named


@pytest.mark.slow
def test_each_way_to_adapt_runs_and_stands_in_the_table(tmp_path, capfd):
    common = ["--scale", "smoke", "--out", str(tmp_path / "inbreast"), "--models",
              str(tmp_path / "models")]
    for way in named.ADAPTATIONS:
        experiments.main(["--run", f"adapt-{way}-5", *common])
        text = capfd.readouterr().out
        assert re.search(rf"\| adapt-{way}-5 \|.*all of these, in folds", text)
