"""The command that trains on breasts: its flags and its named experiments."""

import pytest

from ddsm_train import two_view_train
from ddsm_train.pipeline import named
from end2end.config import training_command
from end2end.utils import files


@pytest.mark.parametrize("row", named.TWO_VIEW_ROWS, ids=lambda row: row.name)
def test_the_flags_of_experiments_parse(row):
    _, images, model, training = training_command.parse(
        two_view_train.parser(), ["T", "V", "S", "--experiment", row.name],
        named.TWO_VIEW_FLAGS)
    assert images.size == (1152, 896)
    assert (model.top_kind, model.expansion, model.heatmap) == ("mbconv", 2, False)
    start = named.EXPERIMENTS[row.needs[0]]
    assert model.backbone in start.flags


def test_a_run_needs_something_to_start_from(tmp_path):
    with pytest.raises(files.InputError, match="no model to start from"):
        two_view_train.main([*map(str, (tmp_path,) * 3), "--best-model",
                             str(tmp_path / "best.h5")])
