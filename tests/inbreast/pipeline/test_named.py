"""The paper's experiments on INbreast as rows: complete and named."""

import numpy as np
import pytest

from inbreast.pipeline import named


def test_all_of_table_4_is_there_with_its_published_values():
    rows = [named.EXPERIMENTS[name] for name in named.GROUPS["table4"]
            if named.EXPERIMENTS[name].recipe]
    values = np.array([row.published["auc"] for row in rows]).reshape(6, 4)
    assert values[0].tolist() == [0.92, 0.88, 0.87, 0.89]
    assert values[-1].tolist() == [0.95] * 4
    assert values.sum() == pytest.approx(22.35)


def test_names_are_unique_and_needs_exist():
    assert len(named.EXPERIMENTS) == len(named.ROWS) == 52
    for names in (*named.GROUPS.values(), *(row.needs for row in named.ROWS)):
        assert set(names) <= set(named.EXPERIMENTS)
    # What is beside the paper asks none of its targets for one more network.
    rows = [named.EXPERIMENTS[name] for name in named.GROUPS["adapt"]]
    assert {row.model for row in rows} == {named.ADAPTED} and len(rows) == 17
    for group in ("paper", "table4"):
        assert not {row.name for row in rows} & set(named.GROUPS[group])


def test_a_title_says_what_was_tuned_and_how():
    titles = [named.EXPERIMENTS[name].title
              for name in ("vgg-vgg-20", "vgg-vgg-none", "ensemble", "figure5")]
    assert titles == [
        "vgg-vgg, 200 epochs at 1e-5", "vgg-vgg as it comes from CBIS-DDSM",
        "mean of the 4 networks, flip-averaged",
        "a film of CBIS-DDSM and a digital mammogram of INbreast"]
