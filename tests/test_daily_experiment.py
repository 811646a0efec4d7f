"""Experiments from nothing to their row of the table, one on each day.

All together need many hours. Those of few networks are run at the scale of the demo,
the others only to see that their commands work together. The rows of Tables 1 to 3,
which differ from these in their networks alone, are not among them.
"""

import re

import pytest
import turns

import ddsm_train.experiments
import ddsm_train.pipeline.steps
import inbreast.experiments
import inbreast.pipeline.steps
from ddsm_train.pipeline import named
from end2end import experiments

PROGRAMS = {"ddsm": (ddsm_train.experiments, ddsm_train.pipeline.steps.PROGRAM),
            "inbreast": (inbreast.experiments, inbreast.pipeline.steps.PROGRAM)}
# Program and experiment; one of several that differ in the network alone.
ROWS = (
    *(("ddsm", row.name) for row in (*named.JOINT_ROWS, *named.LATER_ROWS)),
    *(("ddsm", name) for name in (
        "resnet50-heatmap-1x1", "resnet50-heatmap-small-1x1", "heatmap-less-none",
        "256-128-less-512x3", "two-views-resnet-vgg", "flips-resnet-vgg", "specificity",
        "patch-resnet50-s10-hard-2", "hard-less-plain", "figure2", "figure3",
        "figure4")),
    *(("inbreast", name) for name in (
        "adapt-normalisation-5", "adapt-normalisation-top-5", "adapt-last-stage-5",
        "adapt-all-5", "resnet-vgg-20", "resnet-vgg-all", "specificity", "figure3b",
        "figure5")))
# Networks to train for an experiment of the demo: patches, whole image, two views.
FEW = 3


def scale(program, name):
    """The scale at which an experiment is run here."""
    if program.name.startswith("inbreast"):
        return "smoke"      # a network of CBIS-DDSM is trained first
    needed = map(program.rows.get, experiments.with_needs(program, [name]))
    trained = [row for row in needed if row.kind in ("patch", "image", "two_view")]
    return "demo" if len(trained) <= FEW else "smoke"


def test_every_experiment_has_its_turn_whatever_the_days():
    assert len(set(ROWS)) == len(ROWS)
    assert all(row in PROGRAMS[name][1].rows for name, row in ROWS)
    for apart in (1, 2, 4, len(ROWS)):
        days = range(20_001, 20_001 + apart * len(ROWS) ** 2, apart)
        assert {turns.of_day(ROWS, day) for day in days} == set(ROWS), apart


def test_an_experiment_of_few_networks_is_run_at_the_scale_of_the_demo():
    program = PROGRAMS["ddsm"][1]
    assert scale(program, "joint-resnet-vgg") == "demo"
    assert scale(program, "specificity") == scale(program, "hard-less-plain") == "smoke"


@pytest.mark.slow
def test_the_experiment_of_the_day_ends_with_its_row_of_the_table(tmp_path, capfd):
    name, row = turns.of_day(ROWS)
    module, program = PROGRAMS[name]
    words = ["--run", row, "--scale", scale(program, row), "--out",
             str(tmp_path / name)]
    if name == "inbreast":
        words += ["--models", str(tmp_path / "models")]
    module.main(words)
    text = capfd.readouterr().out
    assert re.search(rf"\| {row} \|.*\| ([-+]?[01]\.\d+|\S+\.png)", text), row
