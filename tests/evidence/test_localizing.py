"""`end2end metrics localize`."""

import json
import types

import evidence_tables
import numpy as np
import pytest
import recorded

from end2end.data import rois
from end2end.evidence import localizing
from end2end.explanation import maps
from end2end.metrics import __main__ as program
from end2end.metrics import localization
from end2end.utils import files


def tables(tmp_path, *, readers=("A",)):
    """Twenty images, every second with a lesion that reader A marks best."""
    lesions = evidence_tables.write(tmp_path / "lesions.csv", dict(
        path=[f"{i}.png" for i in range(20)],
        patient=[f"P{i // 2}" for i in range(20)],
        lesion=["m1" if i % 2 else "" for i in range(20)]))
    rows = [(reader, f"{i}.png", "m1" if i % 2 else "",
             0.9 if i % 2 else 0.1 + 0.02 * i) for reader in readers for i in range(20)]
    if "B" in readers:   # marks the lesions last
        rows = [(reader, path, lesion, 0.05 if reader == "B" and lesion else rating)
                for reader, path, lesion, rating in rows]
    columns = dict(zip(("reader", "path", "lesion", "rating"), zip(
        *rows, strict=True), strict=True))
    return evidence_tables.write(tmp_path / "marks.csv", columns), lesions


def run(capsys, *words):
    program.main(["localize", *map(str, words)])
    return capsys.readouterr().out


@pytest.mark.usefixtures("light_figures")
def test_two_readers_are_compared(tmp_path, capsys):
    printed = run(capsys, *tables(tmp_path, readers=("A", "B")), "--runs", "100",
                  "--out", tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["A"]["jafroc"]["value"] == 1 and results["B"]["jafroc"]["value"] == 0
    assert results["A"]["sensitivity"]["0.125"]["value"] == 1
    assert "20 images, 10 with 10 lesions" in printed
    assert "Differences, the same images" in printed
    assert (tmp_path / "out" / "froc.png").exists()
    assert ">Figures</h2>" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("change, message", (
    (dict(path=["new.png"] * 20), "not in the table of lesions"),
    (dict(lesion=["m9"] * 20), "no lesion 'm9'"),
    (dict(rating=["x"] * 20), "rating is")))
def test_marks_that_cannot_be_placed_are_refused(tmp_path, change, message):
    marks, lesions = tables(tmp_path)
    columns = dict(reader=["A"] * 20, path=[f"{i}.png" for i in range(20)],
                   lesion=[""] * 20, rating=[0.1] * 20)
    evidence_tables.write(marks, columns | change)
    with pytest.raises(files.InputError, match=message):
        program.main(["localize", str(marks), str(lesions)])


def test_a_table_of_marks_needs_one_of_lesions_and_a_folder_outlines(tmp_path):
    marks, _ = tables(tmp_path)
    with pytest.raises(files.InputError, match="second table of lesions"):
        program.main(["localize", str(marks)])
    with pytest.raises(files.InputError, match="--rois"):
        program.main(["localize", str(tmp_path)])


def test_maps_are_marked_at_their_peaks_and_rated_by_the_score():
    grey = np.full((40, 30), 99, np.uint8)
    strength = np.zeros((40, 30), np.float32)
    strength[10, 7], strength[30, 20] = 1.0, 0.5
    mask = np.zeros((40, 30), bool)
    mask[8:13, 5:10] = True
    explained = maps.Explained("a.png", grey, 0.6, dict(guided=strength), 1)
    arguments = types.SimpleNamespace(cutoff=0.3, distance=0.05, tolerance=0.0)
    (method, (false, lesions)), = localizing.map_marks(explained, [mask], arguments)
    assert method == "guided"
    assert lesions == pytest.approx([0.6]) and false == pytest.approx([0.3])
    # Marks are a pixel apart at least, and none is too weak.
    strength[31, 21], strength[30, 23], strength[2, 28] = 0.75, 0.55, 0.25
    arguments.distance = 0
    (_, (false, _)), = localizing.map_marks(explained, [mask], arguments)
    assert false == pytest.approx([0.45, 0.33])
    # Distances are shares of the height: four of 40 rows.
    strength[30, 25], strength[16, 7] = 0.625, 0.875
    for share, rated in ((0, [0.525, 0.45, 0.375, 0.33]), (0.1, [0.45])):
        arguments.distance = arguments.tolerance = share
        (_, (false, _)), = localizing.map_marks(explained, [mask], arguments)
        assert false == pytest.approx(rated)


def test_images_are_collected_in_order():
    marks = localizing.collected([(0, [0.2], []), (1, [], [0.7, -np.inf])], 2, None)
    assert isinstance(marks, localization.Marks)
    assert marks.false_image.tolist() == [0] and marks.lesion_image.tolist() == [1, 1]
    assert marks.diseased.tolist() == [False, True]


def uneven(tmp_path):
    """Readings of nine images of five women, with one, two or no lesions."""
    lesions = evidence_tables.write(tmp_path / "lesions.csv", dict(
        path=["a", "a", "b", "c", "d", "e", "f", "g", "h", "i"],
        patient=["P1", "P1", "P1", "P2", "P2", "P3", "P3", "P4", "P5", "P5"],
        lesion=["m1", "m2", "", "m1", "", "", "m1", "", "", "m3"]))
    marks = evidence_tables.write(tmp_path / "marks.csv", dict(
        reader=list("AAAAAAABBBBBB"), path=list("aabcdfgaacefi"),
        lesion=["m1", "", "", "m1", "", "m1", "", "m2", "m2", "", "", "m1", "m3"],
        score=[0.9, 0.3, 0.2, 0.7, 0.4, 0.6, 0.5, 0.8, 0.6, 0.35, 0.25, 0.45, 0.7]))
    return marks, lesions


def test_all_that_is_said_of_two_readings_is_as_recorded(tmp_path, monkeypatch):
    said = evidence_tables.findings(monkeypatch, [
        "localize", *uneven(tmp_path), "--runs", 40])
    recorded.check("evidence-localize", said)


def test_all_that_is_said_of_maps_is_as_recorded(tmp_path, monkeypatch):
    (tmp_path / "maps").mkdir()
    masks = {}
    for number, label in enumerate((1, 0, 1, 1)):
        grey = np.full((40, 30), 99, np.uint8)
        strength = np.zeros((40, 30), np.float32)
        strength[10, 7], strength[30, 20 + number] = 1.0, 0.35 + 0.1 * number
        explained = maps.Explained(f"w{number // 2}_L_CC_{number}.png", grey,
                                   0.6 - 0.1 * number, dict(
                                       guided=strength, gradcam=strength[::-1] * 0.9),
                                   label)
        maps.save(tmp_path / "maps" / f"{number}.npz", explained)
        mask = np.zeros((40, 30), bool)
        mask[8:13, 5:10] = True
        masks[explained.path] = [rois.Region(mask, True)] * (number == 0) + [
            rois.Region(mask[::-1], number == 2)]
    monkeypatch.setattr(rois, "read", lambda path: lambda name, shape: masks[name])
    said = evidence_tables.findings(monkeypatch, [
        "localize", tmp_path, "--rois", "r.csv", "--runs", 40, "--tolerance", 0.05])
    recorded.check("evidence-localize-maps", said)


@pytest.mark.parametrize("words, message", (
    (["--cutoff", "1"], "--cutoff is a share; expected a number from 0, below 1."),
    (["--distance", "-0.1"], "--distance is a share; expected a number from 0, below"),
    (["--tolerance", "1"], "--tolerance is a share; expected a number from 0, below")))
def test_numbers_out_of_range_are_refused(tmp_path, words, message):
    with pytest.raises(files.InputError, match=message):
        program.main(["localize", *map(str, uneven(tmp_path)), *words])
    program.main(["localize", *map(str, uneven(tmp_path)), "--runs", "1", "--cutoff",
                  "0", "--distance", "0", "--tolerance", "0"])


def test_tables_without_the_columns_and_folders_without_maps_are_refused(tmp_path):
    marks, lesions = uneven(tmp_path)
    bare = evidence_tables.write(tmp_path / "bare.csv", dict(path=["a"], lesion=[""]))
    with pytest.raises(files.InputError, match="has no column of ratings"):
        program.main(["localize", str(bare), str(lesions)])
    other = evidence_tables.write(tmp_path / "other.csv", dict(path=["a"], x=[1]))
    with pytest.raises(files.InputError, match="path and lesion, found path, x"):
        program.main(["localize", str(marks), str(other)])
    with pytest.raises(files.InputError, match="has no maps .maps/..npz.; make them"):
        program.main(["localize", str(tmp_path), "--rois", "r.csv"])
    for text in ("inf", "x", "0.1_5"):
        wrong = evidence_tables.write(tmp_path / "wrong.csv", dict(
            path=["a", "", "a"], lesion=["", "", ""], score=["0.5", "", text]))
        with pytest.raises(files.InputError, match=f"row 4: the rating is '{text}'; "):
            program.main(["localize", str(wrong), str(lesions)])


def test_marks_without_an_image_of_each_kind_have_a_reason_and_no_figure(monkeypatch):
    def refused(marks):
        raise files.InputError("all images have lesions.")

    monkeypatch.setattr(localization, "jafroc_estimate", refused)
    images = [(0, [0.2, 0.1], []), (1, [], [0.7, -np.inf])]
    result = localizing._results(localizing.collected(images, 2, None), 3)
    assert {name: value for name, value in result.items() if name != "sensitivity"
            } == dict(images=2, lesions=2, marked=1, false_marks=2,
                      reason="all images have lesions.")
    (row,) = localizing.froc_table({"a": result}).rows
    assert row[:4] == ("a", "1 of 2", 2, "all images have lesions.")


@pytest.mark.parametrize(("false", "most"), [(0, 1), (6, 3), (20, 8)])
def test_curves_reach_to_the_last_false_mark_but_no_further_than_eight(
        monkeypatch, false, most):
    drawn = []
    monkeypatch.setattr(localizing, "check", lambda arguments: None)
    monkeypatch.setattr(localizing, "of_tables", lambda arguments: (dict(
        m=localizing.collected([(0, [0.25] * false, []), (1, [], [0.5])], 2, None)),
        "Some."))
    monkeypatch.setattr(localizing.pictures, "froc", lambda curves, most: drawn.append(
        (list(curves), most)))
    monkeypatch.setattr(localizing.inputs, "finish", lambda found, out: found)
    localizing.run(types.SimpleNamespace(marks="none", runs=2, out="o"))
    assert drawn == [(["m"], most)]
