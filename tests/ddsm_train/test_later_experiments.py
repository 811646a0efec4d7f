"""Experiments past the paper, each from nothing to its row of the table."""

import re

import pytest

from ddsm_train import experiments
from ddsm_train.pipeline import named

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("later")


@pytest.mark.parametrize("name", ["petrini", "later", "joint", "hard-examples"])
def test_each_row_of_a_group_runs_and_stands_in_the_table(folder, capfd, name):
    experiments.main(["--run", name, "--scale", "smoke", "--out", str(folder)])
    text = capfd.readouterr().out
    for row in named.GROUPS[name]:
        assert re.search(rf"\| {row} \|.*\| [-+]?[01]\.\d+ \[", text), row


def test_another_split_stands_beside_the_random_one(folder, capfd):
    experiments.main(["--run", "resnet-vgg", "--scale", "smoke", "--out", str(folder),
                      "--split", "official-disjoint"])
    row = re.search(r"\| resnet-vgg \|.*", capfd.readouterr().out).group(0)
    assert len(re.findall(r"\[[01]\.\d\d, [01]\.\d\d\]", row)) >= 3
