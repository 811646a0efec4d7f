"""Properties that hold for any input: what is written is read back, and what cannot be
read is refused with one sentence. The damaged files are those of `tests.fuzz`."""

import json
import pathlib
import string
import tempfile

import cv2
import numpy as np
import pytest

from end2end import config, dicom, images
from end2end.data import image_lists, splits
from end2end.data.patches import roi_table
from end2end.explanation import maps
from end2end.importing.sets import inbreast_tables as tables
from end2end.tables import manifests, scores, vocabulary
from end2end.tables import words as table_words
from end2end.utils import commands, files
from tests.fuzz import seeds

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import strategies  # noqa: E402

# The same examples each time; a few words in Latin letters say most.
profile = hypothesis.settings(
    max_examples=60, deadline=None, derandomize=True, database=None)
words = strategies.text(string.ascii_letters + string.digits + " ,;\"'\t\n\r|é/.-_%",
                        max_size=12)
numbers = strategies.floats(0, 1, width=32)
tags = strategies.one_of(
    strategies.integers(-(2**15), 2**16 - 1), strategies.text(max_size=8),
    strategies.floats(), strategies.none())


def read_or_refused(read, data, name):
    """What a reader makes of a file with this content; None where it refuses."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, name)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        try:
            return read(path)
        except files.InputError as error:
            line = commands.one_line(error)
            assert line.isprintable() and len(line) < 2000
            return None


@profile
@hypothesis.given(strategies.lists(
    strategies.tuples(words, words, numbers, numbers), min_size=1, max_size=5))
def test_scores_come_back_as_they_were_written(rows):
    paths, patients, values, others = zip(*rows, strict=True)
    written = scores.Scores(
        tuple(path.strip() for path in paths), np.array(values), patients=tuple(
            vocabulary.CLEAN["patient"](patient) for patient in patients),
        models=dict(a=np.array(others)))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "s.csv")
        scores.write_scores(path, written)
        read = scores.read_scores(path)
    np.testing.assert_array_equal(read.values.astype(np.float32), written.values)
    np.testing.assert_array_equal(
        read.models["a"].astype(np.float32), written.models["a"])
    # Python's text files make one kind of line end of all.
    assert [patient.split() for patient in read.patients] == [
        patient.split() for patient in written.patients]


@pytest.mark.parametrize(("read", "name", "header"), [
    (manifests.rows, "m.csv", "path,label\n"), (scores.read_scores, "s.csv", "score\n"),
    (splits.read_split, "p.csv", "patient_id,split\n"),
    (roi_table.read_table, "t.csv", ",".join(roi_table.COLUMNS) + "\n"),
    (lambda path: tables.read_table(path.parent), "INbreast.csv",
     "File Name;Laterality;View;ACR;Bi-Rads\n"),
    (files.read_json, "a.json", ""), (image_lists.read_manifest, "m.csv", "")])
@profile
@hypothesis.given(text=strategies.text(max_size=60), whole=strategies.booleans())
def test_any_text_is_a_table_or_is_refused(read, name, header, text, whole):
    read_or_refused(read, (header if whole else "") + text, name)


@profile
@hypothesis.given(
    size=strategies.tuples(*[strategies.integers(1, 40)] * 2),
    deep=strategies.booleans(), seed=strategies.integers(0, 99),
    suffix=strategies.sampled_from((".png", ".tif", ".pgm")))
def test_a_grey_image_comes_back_as_it_was_written(size, deep, suffix, seed):
    kind = np.uint16 if deep else np.uint8
    image = np.random.default_rng(seed).integers(
        0, np.iinfo(kind).max, size, dtype=kind)
    data = cv2.imencode(suffix, image)[1].tobytes()
    np.testing.assert_array_equal(
        read_or_refused(images.read_image, data, f"a{suffix}"), image)


@pytest.mark.filterwarnings("ignore")
@profile
@hypothesis.given(values=strategies.dictionaries(strategies.sampled_from((
    "Rows", "Columns", "BitsStored", "HighBit", "BitsAllocated", "SamplesPerPixel",
    "PixelRepresentation", "PhotometricInterpretation", "WindowCenter", "WindowWidth",
    "RescaleSlope", "RescaleIntercept", "NumberOfFrames", "PixelPaddingValue",
    "Modality", "ImageLaterality", "ViewPosition", "PatientID", "ImageType")), tags,
    max_size=4))
def test_a_dicom_of_any_tags_is_a_mammogram_or_is_refused(values):
    dataset = seeds._dataset(seeds.RAMP)
    try:
        for name, value in values.items():
            setattr(dataset, name, value)
        data = seeds._saved(dataset)
    except Exception:  # noqa: BLE001 - pydicom writes no such value
        hypothesis.reject()
    read = read_or_refused(dicom.read_dicom, data, "a.dcm")
    if read is not None:
        assert read.pixels.ndim == 2 and np.isfinite(read.pixels).all()
        assert read.laterality in ("L", "R", "")
        assert read.view.split(" ")[0] in {"", *table_words.VIEWS.values()}


@profile
@hypothesis.given(strategies.lists(strategies.text(
    string.ascii_lowercase[:3] + "/.", min_size=1, max_size=9), unique=True))
def test_no_two_images_have_one_name_and_none_leads_elsewhere(paths):
    names = maps.unique_names(paths)
    assert len(set(names)) == len(paths)
    assert not any("/" in name for name in names)


@profile
@hypothesis.given(strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.floats() | words,
    lambda values: strategies.lists(values, max_size=3) | strategies.dictionaries(
        strategies.sampled_from(("images", "classes", "size", "format", "kind", "model",
                                 "channels", "pixel_mean")), values, max_size=4),
    max_leaves=8))
def test_any_settings_beside_a_model_are_taken_or_refused(value):
    read_or_refused(
        lambda path: config.from_dict(config.ImageOptions, files.read_json(path)),
        json.dumps(value), "a.json")
