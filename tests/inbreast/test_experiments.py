"""The program of the experiments on INbreast."""

import pytest

from end2end.utils import files
from inbreast import experiments


def test_the_list_has_the_make_target_of_each_experiment(capsys):
    experiments.main(["--list"])
    assert "| `inbreast-vgg-vgg-20` | Table 4, 20 patients |" in capsys.readouterr().out


def test_an_unknown_experiment_is_refused_by_name():
    with pytest.raises(files.InputError, match="'table9' is not known"):
        experiments.main(["--table", "table9"])


def test_a_run_without_the_release_is_refused_before_any_work(tmp_path):
    with pytest.raises(files.InputError, match="INBREAST="):
        experiments.main(["--run", "table4", "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
