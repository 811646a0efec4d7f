"""Ten awkward layouts of folders are scored right, or refused with the reason."""

import collections
import re

import keras
import layout_folders
import layouts
import numpy as np
import pydicom
import pytest

from end2end import checkpoints, config
from end2end import predict as program
from end2end.utils import cells, files

UNKNOWN = ("", "unknown")
COUNTS = re.compile(r"^images: (\d+) found, (\d+) understood, (\d+) refused, "
                    r"(\d+) doubled, (\d+) without patient, "
                    r"(\d+) without side or view, (\d+) not voting$", re.M)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model whose score only rises with the mean grey value."""
    image = keras.Input((64, 48, 3))
    output = keras.layers.Dense(2, activation="softmax", name="output")
    classifier = keras.Model(image, output(
        keras.layers.GlobalAveragePooling2D(name="pool")(image)))
    output.set_weights([np.array([[0, 0.02]] * 3), np.zeros(2)])
    path = tmp_path_factory.mktemp("model") / "probe.h5"
    options = config.ImageOptions(
        size=(64, 48), intensity_scale=255 / 65535, pixel_mean=0.0)
    checkpoints.save_model(classifier, path, dict(
        format=1, kind="whole_image", classes=["neg", "pos"], model={}, training={},
        images=config.to_dict(options), trained_on="nothing", metrics={}))
    return str(path)


@pytest.fixture(params=layout_folders.LAYOUTS)
def layout(request, tmp_path):
    """A layout with its files."""
    layout = layouts.Layout(tmp_path, request.param)
    with pydicom.config.disable_value_validation():
        layout_folders.LAYOUTS[request.param](layout)
    return layout


def rows_of(table):
    """Rows of a table as they were before their cells were made safe."""
    return [{name: cells.from_cell(cell or "") for name, cell in row.items()}
            for row in files.read_csv(table)] if table.exists() else []


def images_of(rows):
    return {row["path"].removeprefix("in/"): row for row in rows}


def summary(patient, laterality, view, kind, votes):
    """What is compared of a row; of doubles not which of them votes."""
    return (patient not in UNKNOWN, laterality, view, kind, votes)


def check_rows(layout, rows):
    """Each image has its row, and only these have; one of several doubles votes."""
    doubles = collections.defaultdict(list)
    actual, expected = {}, {}
    for path, row in rows.items():
        image = layout.images.get(path)
        votes = row["votes"]
        if image and image.double_of:
            doubles[image.double_of].append(votes)
            votes = "yes"
        view = row["view"].split(" ")[0] if row["kind"] != "other view" or (
            image and image.view) else ""
        actual[path] = summary(
            row["patient"], row["laterality"], view, row["kind"], votes)
    for path, image in layout.images.items():
        expected[path] = summary(image.patient or "", image.laterality, image.view,
                                 image.kind, image.votes)
    assert actual == expected
    assert all(votes.count("yes") == 1 for votes in doubles.values())


def partition(keys):
    """Sets of paths with the same key."""
    groups = collections.defaultdict(set)
    for path, key in keys.items():
        groups[key].add(path)
    return set(map(frozenset, groups.values()))


def exam_of(path, row):
    """What tells an exam apart; an unknown one of nobody is that of the image."""
    if row["patient"] in UNKNOWN:
        return "", row["exam"] or path
    return row["patient"], row["exam"]


def check_groups(layout, rows):
    """Images are of one woman, and of one exam, that belong together, and no others."""
    known = {path: image for path, image in layout.images.items() if image.patient}
    assert partition({path: rows[path]["patient"] for path in known}) == partition(
        {path: image.patient for path, image in known.items()})
    assert partition({path: exam_of(path, row) for path, row in rows.items()}
                     ) == partition({path: (image.patient, image.exam)
                                     for path, image in layout.images.items()})


def check_scores(layout, rows, tables):
    """Breasts are the mean of the views that vote, patients the highest of an exam."""
    breasts, patients = [], []
    for exam in layout.voters(rows).values():
        means = {side: sum(float(rows[path]["score"]) for path in paths) / len(paths)
                 for side, paths in exam.items()}
        breasts += [(side, f"{mean:.5f}") for side, mean in means.items()
                    if side in ("L", "R")]
        patients.append(f"{max(means.values()):.5f}" if means else "")
    assert sorted((row["laterality"], f"{float(row['score']):.5f}")
                  for row in tables["breasts"]) == sorted(breasts)
    assert sorted(row["score"] and f"{float(row['score']):.5f}"
                  for row in tables["patients"]) == sorted(patients)
    days = collections.Counter(row["days"] for row in tables["patients"])
    for number in filter(None, layout.days.values()):
        days[str(number)] -= 1
    assert not any(count for number, count in days.items() if number not in ("", "0"))


def check_account(layout, rows, text):
    """The last lines count all images and files, and name those that are refused."""
    images = layout.images.values()
    sizes = collections.Counter(image.double_of for image in images if image.double_of)
    doubled = sum(sizes.values()) - len(sizes)
    expected = (
        len(images) + len(layout.refused), len(images), len(layout.refused), doubled,
        sum(image.patient is None for image in images),
        sum(not (image.laterality and image.view) for image in images),
        sum(image.votes == "no" for image in images) + doubled)
    (counts,) = COUNTS.findall(text)
    assert tuple(map(int, counts)) == expected
    assert f"not looked at: {len(layout.left)}" in text
    assert {path for path in re.findall(r"^failed: (?:in/)?(.+?): ", text, re.M)
            } == set(layout.refused)
    for path, word in layout.sentences:
        assert word in rows[path]["notes"] + rows[path]["identity_notes"], path


def test_a_layout_gives_the_table_written_by_hand(
        layout, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status = program.main([model, layout.source, "--out", "out/s.csv", "--keep-ids"])
    text = "".join(capsys.readouterr())
    assert status == (1 if layout.refused else 0)
    rows = images_of(rows_of(tmp_path / "out/s.csv"))
    check_rows(layout, rows)
    check_groups(layout, rows)
    check_scores(layout, rows, {level: rows_of(tmp_path / f"out/s.{level}.csv")
                                for level in ("breasts", "patients")})
    check_account(layout, rows, text)
    for table in tmp_path.glob("out/*.csv"):
        raw = table.read_text(encoding="utf-8")
        assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f]", raw), table
        assert not re.search(r"(^|,)\"?[=+@]", raw, re.M), table
    assert "\x1b" not in text and "\x07" not in text
