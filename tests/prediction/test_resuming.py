"""Going on with earlier predictions: same settings, same pseudonyms."""

import cv2
import dicom_writer
import pytest
import tiny_classifier

from end2end import predict as program
from end2end.prediction import grouping, resuming
from end2end.utils import files
from tests.prediction import test_outputs


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_classifier.save(tmp_path_factory.mktemp("model") / "best.h5")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), tiny_classifier.picture(1))
    return path


@pytest.mark.parametrize("flags, words", [
    (("--rescale-factor", "0.01"), "with another --rescale-factor"),
    (("--frame", "1"), "with another --frame"),
    (("--keep-ids",), "with the other choice of --keep-ids")])
def test_rows_of_other_settings_are_not_mixed(tmp_path, model, picture, flags, words):
    call = [str(model), str(picture), "--out", str(tmp_path / "s.csv")]
    assert program.main(call) == 0
    with pytest.raises(files.InputError, match=words):
        program.main([*call, *flags])


def test_a_model_trained_anew_does_not_go_on_with_the_rows_of_the_old(
        tmp_path, picture):
    path = tiny_classifier.save(tmp_path / "best.h5")
    call = [str(path), str(picture), "--out", str(tmp_path / "s.csv")]
    assert program.main(call) == 0
    tiny_classifier.save(path, seed=4)
    with pytest.raises(files.InputError, match="with another model"):
        program.main(call)


def test_rows_that_nobody_knows_the_settings_of_are_not_continued(
        tmp_path, model, picture):
    call = [str(model), str(picture), "--out", str(tmp_path / "s.csv")]
    program.main(call)
    (tmp_path / "s.run.json").unlink()
    with pytest.raises(files.InputError, match="s.run.json"):
        program.main(call)


def test_a_patient_of_two_calls_keeps_one_pseudonym_and_no_number_is_written(
        tmp_path, model):
    out, folder = tmp_path / "s.csv", tmp_path / "in"
    folder.mkdir()
    for i, patient in enumerate(("woman-77", "woman-88")):
        test_outputs.dicom(folder / f"{i}.dcm", i, PatientID=patient)
    assert program.main([str(model), str(folder), "--out", str(out)]) == 0
    for i, patient in enumerate(("woman-88", "woman-99"), 2):
        test_outputs.dicom(folder / f"{i}.dcm", i, PatientID=patient)
    assert program.main([str(model), str(folder), "--out", str(out)]) == 0
    assert [row["patient"] for row in grouping.read_rows(out)] == [
        "patient 001", "patient 002", "patient 002", "patient 003"]
    record = tmp_path / "s.run.json"
    assert record.stat().st_mode & 0o077 == 0
    for path in tmp_path.glob("s.*"):
        assert "woman" not in path.read_text()


def test_a_record_that_is_damaged_is_refused(tmp_path):
    (tmp_path / "s.run.json").write_text("[]")
    with pytest.raises(files.InputError, match="no record of predictions"):
        resuming.Record(tmp_path / "s.csv", {}, rows=True)


def test_an_even_image_is_scored_with_a_flag_on_the_terminal(tmp_path, model, capsys):
    path = dicom_writer.write(tmp_path / "even.dcm", tiny_classifier.picture(1) * 0 + 9)
    assert program.main([str(model), str(path), "--out", str(tmp_path / "s.csv")]) == 0
    row, = grouping.read_rows(tmp_path / "s.csv")
    assert "image" in row["flags"]
    assert "1 of 1 images may not fit the model" in capsys.readouterr().out


def test_an_image_beyond_the_training_images_is_flagged_with_the_remedy(tmp_path):
    from end2end import checkpoints
    from end2end.images import fit
    plain = tiny_classifier.save(tmp_path / "plain.h5")
    options = checkpoints.load_classifier(plain).images
    statistics = fit.input_statistics(
        [tiny_classifier.picture(i) for i in range(10)], options)
    model = tiny_classifier.save(tmp_path / "best.h5", input_statistics=statistics)
    cv2.imwrite(str(tmp_path / "usual.png"), tiny_classifier.picture(3))
    cv2.imwrite(str(tmp_path / "dark.png"), tiny_classifier.picture(3) // 16)
    out = tmp_path / "s.csv"
    words = [str(model), str(tmp_path / "usual.png"), str(tmp_path / "dark.png")]
    assert program.main([*words, "--out", str(out)]) == 0
    usual, dark = grouping.read_rows(out)
    assert usual["flags"] == "" and "--rescale-factor auto" in dark["flags"]
    again = tmp_path / "auto.csv"
    program.main([*words, "--rescale-factor", "auto", "--out", str(again)])
    assert grouping.read_rows(again)[1]["flags"] == ""
