"""What `predict` makes of its rows: JSON, tables, pictures, a page, DICOM results."""

import json
import shlex
import shutil
import warnings

import cv2
import dicom_writer
import numpy as np
import pydicom
import pytest
import recorded
import saved_models
import tiny_classifier

from end2end import checkpoints
from end2end import predict as program
from end2end.archive import __main__ as archive
from end2end.archive import shards
from end2end.phantoms import detector, drawing
from end2end.phantoms import unfit as spoiled
from end2end.prediction import grouping
from end2end.serve import browsers, scoring
from end2end.utils import files


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_classifier.save(tmp_path_factory.mktemp("model") / "best.h5")


@pytest.fixture
def pictures(tmp_path):
    """Two breasts of one woman, one image of another, and a broken file."""
    folder = tmp_path / "in"
    folder.mkdir()
    for i, name in enumerate(("P_1_LEFT_CC", "P_1_LEFT_MLO", "P_1_RIGHT_CC",
                              "P_2_LEFT_CC")):
        cv2.imwrite(str(folder / f"{name}.png"), tiny_classifier.picture(i))
    (folder / "P_3_LEFT_CC.png").write_bytes(b"no image")
    return folder


def dicom(path, seed, **tags):
    """A breast as a digital mammogram with all it takes to refer to it."""
    uids = {name: pydicom.uid.generate_uid() for name in (
        "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")}
    image = tiny_classifier.picture(seed) >> 4
    return dicom_writer.write(path, image, **{**uids, **tags})


def test_json_holds_images_breasts_patients_and_failures(tmp_path, model, pictures):
    out = tmp_path / "scores.json"
    assert program.main([str(model), str(pictures), "--out", str(out)]) == 1
    found = json.loads(out.read_text())
    assert [row["view"] for row in found["images"]] == ["CC", "MLO", "CC", "CC"]
    scores = [row["score"] for row in found["images"]]
    breasts = {row["path"]: row["score"] for row in found["breasts"]}
    assert breasts["P_1_L"] == pytest.approx(np.mean(scores[:2]), abs=1e-7)
    patients = {row["path"]: row["score"] for row in found["patients"]}
    assert patients["P_1"] == pytest.approx(max(breasts["P_1_L"], scores[2]), abs=1e-7)
    assert [row["images"] for row in found["patients"]] == [3, 1]
    assert found["models"] == [
        dict(name="best", trained_on="random weights, no data")]
    failed, = found["failed"]
    assert "cannot be read" in failed["reason"]


def test_the_terminal_shows_images_breasts_and_patients(
        tmp_path, model, pictures, capsys):
    program.main([str(model), str(pictures), "--out", str(tmp_path / "s.csv")])
    shown = capsys.readouterr().out.splitlines()
    titles = [line.split()[0] for line in shown
              if line.startswith(("images ", "breasts ", "patients "))]
    assert titles == ["images", "breasts", "patients"]
    assert sum(line.startswith("P_1_LEFT_CC.png") for line in shown) == 1


def next_words(printed):
    return shlex.split(printed.partition("\nnext: ")[2])


def test_the_next_line_adds_a_page_or_measures_known_labels(
        tmp_path, model, pictures, capsys):
    words = [str(model), str(pictures), "--out", str(tmp_path / "s.csv"), "--flips"]
    program.main(words)
    line = next_words(capsys.readouterr().out)
    page = tmp_path / "s.html"
    assert line[-len(words) - 3:] == [
        "end2end.predict", "--report", str(page), *words]
    program.main(line[-len(words) - 2:])
    assert page.is_file() and next_words(capsys.readouterr().out) == []
    table = pictures / "table.csv"
    table.write_text("path,label\nP_1_LEFT_CC.png,1\nP_2_LEFT_CC.png,0\n")
    program.main([str(model), str(table), "--out", str(tmp_path / "t.csv")])
    assert next_words(capsys.readouterr().out)[-2:] == [
        "end2end.metrics", str(tmp_path / "t.csv")]


def test_long_tables_end_on_the_terminal_with_how_many_are_left():
    rows = [dict(path=f"{i}.png", score=str(i / 100)) for i in range(40)]
    shown = grouping.terminal(rows, dict(breasts=[], patients=[])).splitlines()
    assert shown[1].split() == ["39.png", "0.390"]
    assert len(shown) == 32 and shown[-1] == "... and 10 more in the file"


def test_overlays_and_a_page_are_made_once(tmp_path, model, pictures):
    words = [str(model), str(pictures), "--out", str(tmp_path / "s.csv"),
             "--overlay", str(tmp_path / "maps"), "--report", str(tmp_path / "r.html"),
             "--map-scale", "image"]
    assert program.main(words) == 1
    made = sorted((tmp_path / "maps").glob("*.png"))
    assert len(made) == 8 and made[0].name == "P_1_LEFT_CC.heatmap.png"
    saliency = cv2.imread(str(made[1]))
    assert saliency.shape == (*tiny_classifier.picture(1).shape, 3)
    assert (saliency[..., 2] > saliency[..., 0]).any()
    page = (tmp_path / "r.html").read_text()
    assert all(f"P_1_{name}" in page for name in ("LEFT_CC", "LEFT_MLO", "RIGHT_CC"))
    times = [path.stat().st_mtime_ns for path in made]
    made[0].unlink()
    program.main(words)
    assert made[0].exists()
    assert [path.stat().st_mtime_ns for path in made[1:]] == times[1:]


def test_pictures_of_another_model_are_not_mixed(tmp_path, model, pictures):
    other = tiny_classifier.save(tmp_path / "other.h5", seed=4)
    words = [str(pictures), "--overlay", str(tmp_path / "maps"), "--out"]
    program.main([str(model), *words, str(tmp_path / "a.csv")])
    with pytest.raises(files.InputError, match="pictures of other models"):
        program.main([str(other), *words, str(tmp_path / "b.csv")])


def test_a_patch_model_without_pictures_is_refused(tmp_path, model, pictures):
    with pytest.raises(files.InputError, match="no pictures are asked for"):
        program.main([str(model), str(pictures), "--patch-model", str(model),
                      "--out", str(tmp_path / "s.csv")])


def test_dicom_results_refer_to_their_mammogram(tmp_path, model):
    highdicom = pytest.importorskip("highdicom", reason="pip install highdicom")
    folder, results = tmp_path / "in", tmp_path / "results"
    folder.mkdir()
    source = pydicom.dcmread(dicom(
        folder / "a.dcm", 1, PatientID="woman-1", ImageLaterality="L",
        ViewPosition="CC"))
    cv2.imwrite(str(folder / "b.png"), tiny_classifier.picture(2))
    out = tmp_path / "s.csv"
    assert program.main([str(model), str(folder), "--dicom", str(results),
                         "--out", str(out)]) == 0
    assert sorted(path.name for path in results.glob("*.dcm")) == [
        "a.overlay.dcm", "a.report.dcm"]
    picture = pydicom.dcmread(results / "a.overlay.dcm")
    assert picture.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    # The mammogram at its own size, and below it what it is and is not.
    assert picture.Rows > source.Rows and picture.Columns >= source.Columns
    reference, = picture.SourceImageSequence
    assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert (picture.StudyInstanceUID, picture.PatientID) == (
        source.StudyInstanceUID, "woman-1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = highdicom.sr.srread(results / "a.report.dcm")
    group, = (part for part in document.content.get_planar_roi_measurement_groups()
              if part.tracking_identifier == "whole image")
    score, = group.get_measurements()
    row = grouping.read_rows(out)[0]
    assert score.value == pytest.approx(float(row["score"]), abs=1e-8)
    evidence = document.CurrentRequestedProcedureEvidenceSequence[0]
    referred = evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert referred.ReferencedSOPInstanceUID == source.SOPInstanceUID


def test_a_mammogram_without_identifiers_gets_scores_but_no_dicom(
        tmp_path, model, capsys):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    path = dicom(tmp_path / "a.dcm", 1, StudyInstanceUID=None)
    assert program.main([str(model), str(path), "--dicom", str(tmp_path / "results"),
                         "--out", str(tmp_path / "s.csv")]) == 1
    assert "has no StudyInstanceUID" in capsys.readouterr().out
    assert len(grouping.read_rows(tmp_path / "s.csv")) == 1


def test_a_study_folder_is_grouped_by_patient_and_breast_from_its_tags(
        tmp_path, model):
    study = tmp_path / "study" / "series"
    study.mkdir(parents=True)
    views = [("a", "L", "CC"), ("a", "L", "MLO"), ("a", "R", "CC"), ("b", "R", "MLO")]
    for i, (patient, side, view) in enumerate(views):
        dicom(study / f"{i:06d}", i, PatientID=patient, ImageLaterality=side,
              ViewPosition=view, StudyInstanceUID=f"1.2.{patient == 'b':d}")
    out = tmp_path / "s.csv"
    assert program.main([str(model), str(tmp_path / "study"), "--out", str(out)]) == 0
    breasts = grouping.read_rows(tmp_path / "s.breasts.csv")
    assert [(row["laterality"], row["view"], row["images"]) for row in breasts] == [
        ("L", "CC+MLO", "2"), ("R", "CC", "1"), ("R", "MLO", "1")]
    assert breasts[0]["patient"] == breasts[1]["patient"] != breasts[2]["patient"]
    assert len(grouping.read_rows(tmp_path / "s.patients.csv")) == 2


# By kind, what its flag says and what makes it: tags, or a change of the picture.
CT = "1.2.840.10008.5.1.4.1.1.2"
PROJECTION = "1.2.840.10008.5.1.4.1.1.13.1.4"
UNFIT = {
    "tag implant": ("shows an implant", dict(BreastImplantPresent="YES")),
    "spot": ("spot compression", dict(ViewPosition="CC SPOT")),
    "magnified": ("magnified", dict(EstimatedRadiographicMagnificationFactor="1.8")),
    "specimen": ("specimen", dict(BodyPartExamined="SPECIMEN")),
    "biopsy": ("biopsy", dict(SeriesDescription="Stereotactic biopsy")),
    "contrast": ("contrast was given", dict(ContrastBolusAgent="Iohexol")),
    "slice": ("slice or projection", dict(SOPClassUID=CT)),
    "projection": ("slice or projection", dict(SOPClassUID=PROJECTION)),
    "inverted": ("inverted", "inverted"), "turned": ("turned by", "turned left"),
    "cropped": ("cut off", "cut inside the breast"), "mirrored": (
        "mirrored", "mirrored"),
    "noise": ("noise", "even noise"),
    "implant": ("large smooth oval", "implant"),
    "pacemaker": ("pacemaker", "pacemaker")}


def unfit_picture(change):
    woman = drawing.draw_woman(3, seed=5, difficulty=0.3)
    image = detector.render(woman, "LEFT", "CC", (640, 500), maker="masked 12 bits")
    image = image // 2
    image[:30, -60:] = 4000
    rng = np.random.default_rng(2)
    if change in spoiled.NO_BREAST:
        return (spoiled.NO_BREAST[change](rng, (1152, 896)) >> 4).astype(np.uint16)
    return (spoiled.SPOILINGS[change][0](image, rng) if change else image
            ).astype(np.uint16)


@pytest.fixture(scope="module")
def unfit_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unfit")
    for name, (_, change) in UNFIT.items():
        uids = {tag: pydicom.uid.generate_uid() for tag in (
            "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")}
        tags, change = (change, "") if isinstance(change, dict) else ({}, change)
        dicom_writer.write(folder / f"{name}.dcm", unfit_picture(change), **{
            "PatientID": name, "ImageLaterality": "L", "ViewPosition": "CC",
            **uids, **tags})
    return folder


@pytest.mark.slow
def test_what_is_no_basis_for_a_score_is_said_in_table_flags_page_and_dicom_results(
        tmp_path, model, unfit_files, capsys):
    pytest.importorskip("highdicom", reason="needs the extra `results`")
    program.main([str(model), str(unfit_files), "--out", str(tmp_path / "s.csv"),
                  "--report", str(tmp_path / "r.html"), "--dicom",
                  str(tmp_path / "dicom")])
    shown = capsys.readouterr().out.splitlines()
    rows = {row["path"].rsplit("/", 1)[1]: row
            for row in grouping.read_rows(tmp_path / "s.csv")}
    assert len(rows) == len(UNFIT)
    page = (tmp_path / "r.html").read_text()
    for name, (word, _) in UNFIT.items():
        flags = rows[f"{name}.dcm"]["flags"]
        assert flags.startswith("do not use the score: ") and word in flags, name
        line, = (line for line in shown if line.startswith(f"{name}.dcm"))
        assert word in line
        sentence = next(flag for flag in flags.split(" | ") if word in flag)
        assert sentence in page.replace("&#x27;", "'").replace("&quot;", '"'), name
        report, = (tmp_path / "dicom").glob(f"{name}*.report.dcm")
        assert word.encode() in report.read_bytes(), name


@pytest.mark.slow
def test_what_is_no_basis_for_a_score_is_refused_on_the_page_and_in_archives(
        tmp_path, model, unfit_files):
    classifier = checkpoints.load_classifier(model)
    scorers = [scoring.Scorer([classifier], refuse_unfit=refuse, folder=tmp_path / "s")
               for refuse in (False, True)]
    pages = [browsers.Browser(tmp_path / name) for name in ("b", "c")]
    paths = {name: unfit_files / f"{name}.dcm" for name in UNFIT}
    shards.write_rows(tmp_path / "in.csv", ("path",), [
        dict(path=str(path)) for path in paths.values()])
    for out, more in (("all", ()), ("fit", ("--refuse-unfit",))):
        archive.main(["predict", str(tmp_path / "in.csv"), "--models", str(model),
                      "--out", str(tmp_path / out), *more])
    flagged, refused = (list(shards.read_rows(tmp_path / out)) for out in (
        "all", "fit"))
    for (name, (word, _)), row, without in zip(
            UNFIT.items(), flagged, refused, strict=True):
        data = paths[name].read_bytes()
        assert any(word in flag for flag in scorers[0].score(
            f"{name}.dcm", data, "", pages[0])["flags"])
        assert word in row["flags"] and row["score"]
        if name == "mirrored":
            assert without["score"] and scorers[1].score(
                f"{name}.dcm", data, "", pages[1])["score"]
            continue
        assert "--refuse-unfit" in without["error"] and not without["score"], name
        with pytest.raises(files.InputError, match="--refuse-unfit"):
            scorers[1].score(f"{name}.dcm", data, "", pages[1])


def test_a_side_of_the_manifest_is_compared_with_the_picture(tmp_path, model):
    cv2.imwrite(str(tmp_path / "a.png"), unfit_picture("") * 16)
    for side, said in (("L", False), ("R", True)):
        (tmp_path / "in.csv").write_text(f"path,laterality\na.png,{side}\n")
        program.main([str(model), str(tmp_path / "in.csv"), "--out",
                      str(tmp_path / f"{side}.csv")])
        (row,) = grouping.read_rows(tmp_path / f"{side}.csv")
        assert ("mirrored" in row["flags"]) == said


@pytest.mark.slow
def test_a_bare_patch_classifier_draws_by_its_own_settings(tmp_path, model, pictures):
    patch = tmp_path / "bare.h5"
    checkpoints.load_model(saved_models.patch_model(tmp_path / "p.h5")).save(patch)
    words = [str(model), str(pictures), "--overlay", str(tmp_path / "maps"), "--out",
             str(tmp_path / "s.csv"), "--patch-model", str(patch)]
    with pytest.raises(files.InputError, match="how its images were prepared"):
        program.main(words)
    assert program.main([
        *words, "--patch-img-size", "16", "16", "--patch-rescale-factor", "0.004",
        "--patch-featurewise-mean", "0", "--patch-class-list",
        *saved_models.CLASSES]) == 1  # the broken file
    assert len(list((tmp_path / "maps").glob("*.heatmap.png"))) == 4


def test_all_that_is_said_and_written_of_scores_is_as_recorded(tmp_path, capsys):
    folder = tmp_path / "in"
    models = [saved_models.whole_image_model(folder.with_name(f"{name}.h5"), bias=bias)
              for name, bias in (("a", 0.0), ("b", 0.7))]
    saved_models.write_images(folder, women=3)
    for path in (folder / "mask").iterdir():
        path.unlink()
    (folder / "mask" / "notes.txt").write_text("no image")
    (folder / "neg" / "._x.png").write_bytes(b"hidden")
    (folder / "neg" / "P_00007_RIGHT_CC.png").write_bytes(b"no image")
    shutil.copy(folder / "pos" / "P_00001_LEFT_CC.png", folder / "pos" / "copy.png")
    cv2.imwrite(str(folder / "neg" / "P_00009_RIGHT_MLO.png"),
                np.full((40, 32), 7, np.uint8))
    said = []
    for name, words in (("one.csv", [models[0], folder]),
                        ("both.json", [*models, folder, "--flips"]),
                        ("unfit.csv", [models[1], folder, "--refuse-unfit", "--views",
                                       "all"])):
        try:
            status = program.main([*map(str, words), "--out", str(tmp_path / name)])
        except (SystemExit, files.InputError) as error:
            status = str(error)
        said += [f"== {name} {status}", capsys.readouterr().out]
        said += [path.read_text() for path in sorted(tmp_path.glob(f"{name[:-4]}*"))
                 if path.suffix in (".csv", ".json") and ".run" not in path.name]
    recorded.check("predict", "\n".join(said), dict(FOLDER=tmp_path))
