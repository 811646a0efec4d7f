"""The last lines and the page of the demo."""

import pathlib

import cv2
import numpy as np

from ddsm_train.pipeline import demo_report

RESULTS = {name: dict(
    plain=dict(auc=auc, auc_interval=(0.5, 1.0), count=8),
    flips=dict(auc=auc, auc_interval=(0.5, 1.0))) for name, auc in (
    ("image", 0.875), ("baseline", 0.5))}
POINTING = dict(guided=dict(hits=0.75, images=4, interval=(0.25, 1.0), chance=0.05))


def test_time_of_branches_beside_each_other_is_that_of_the_longer():
    def record(seconds, megabytes):
        return dict(seconds=seconds, peak_megabytes=megabytes)

    text = demo_report.used([record(60, 3072)], (
        [record(60, 1024), record(120, 1024)], [record(30, 1024)]))
    assert text == "4.0 minutes, at most 3.0 GB"


def test_the_summary_has_both_networks_the_gain_and_the_hits():
    real = {pathlib.Path("mammograms/a.png"): 0.25}
    text = "\n".join(demo_report.summary(RESULTS, (0.1, 0.5), POINTING, real))
    assert "patch stage first  AUC 0.875 [0.500 to 1.000]" in text
    assert "gain by the patch stage [0.100 to 0.500]" in text
    assert "guided back-propagation: maximum in a malignant lesion in 0.75 of 4" in text
    assert "mammograms/a.png  0.250  (means nothing)" in text


def test_without_real_mammograms_their_place_says_so():
    text = "\n".join(demo_report.summary(RESULTS, (0.1, 0.5), POINTING, {}))
    assert demo_report.MISSING in text
    assert len(demo_report.real_sections({})) == 1


def test_patches_of_a_class_are_a_few_with_their_names(tmp_path):
    for i in range(9):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((6, 4), 20 * i, np.uint8))
    gallery = demo_report.examples(tmp_path)
    assert [name for _, name in gallery.items] == ["0", "2", "4", "6"]
    assert gallery.caption == tmp_path.name
