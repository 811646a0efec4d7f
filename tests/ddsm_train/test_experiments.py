"""The program of the experiments on CBIS-DDSM."""

import re

import pytest

from ddsm_train import experiments
from end2end.utils import files


def test_an_unknown_experiment_is_refused_by_name():
    with pytest.raises(files.InputError, match="'table9' is not known"):
        experiments.main(["--table", "table9"])


def test_a_run_without_data_is_refused_before_any_work(tmp_path):
    with pytest.raises(files.InputError, match="--data"):
        experiments.main(["--run", "table2", "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_experiment_runs_from_nothing_to_its_row_of_the_table(tmp_path, capfd):
    experiments.main(["--run", "yaroslav-heatmap", "--scale", "smoke", "--out",
                      str(tmp_path)])
    text = capfd.readouterr().out
    assert re.search(r"\| yaroslav-heatmap \|.*\| 0\.83 \| [01]\.\d\d \[", text)
    experiments.main(["--run", "yaroslav-heatmap", "--scale", "smoke", "--out",
                      str(tmp_path)])
    assert "done before" in capfd.readouterr().out
