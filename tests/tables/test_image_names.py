"""What names of files and folders say, by the schemes of the public sets."""

import pathlib

import deformed
import pytest
import recorded

from end2end.tables import image_names

# Scheme, a path, then patient, side, view and kind that it says.
TOLD = [
    ("INbreast", "20586908_6c613a14b80a8591_MG_R_ML_ANON.dcm",
     ("6c613a14b80a8591", "R", "MLO", "")),
    ("CBIS-DDSM", "Mass-Training_P_00001_LEFT_CC.png", ("P_00001", "L", "CC", "")),
    ("CBIS-DDSM", "Calc-Test_P_00353_LEFT_MLO_2.png",
     ("P_00353", "L", "MLO", "region")),
    ("CBIS-DDSM", "Mass-Test_P_00016_LEFT_CC/1.3.6/1.3.7/000000.dcm",
     ("P_00016", "L", "CC", "")),
    ("CDD-CESM", "P42_R_DM_MLO.png", ("P42", "R", "MLO", "low energy")),
    ("CDD-CESM", "P42_R_CM_CC.png", ("P42", "R", "CC", "recombined")),
    ("mini-MIAS", "mdb001.pgm", ("mdb001", "R", "MLO", "")),
    ("mini-MIAS", "mdb002.pgm", ("mdb001", "L", "MLO", "")),
    ("CMMD", "CMMD/D1-0001/07-18-2010-NA/1.0-NA/1-1.dcm", ("D1-0001", "", "", "")),
    ("CMMD", "D2-0007_R_MLO.png", ("D2-0007", "R", "MLO", "")),
    ("EMBED", "cohort_1/10000347/7690447150788988/1.2.842.1.png",
     ("10000347", "", "", "")),
    ("RSNA folders", "train_images/10006/1459541791.png", ("10006", "", "", "")),
    ("RSNA", "10006_1459541791_L_CC.png", ("10006", "L", "CC", "")),
    ("CSAW-CC", "00013_20160101_L_CC_1.png", ("00013", "L", "CC", "")),
    ("CSAW-CC", "00013_2016_R_MLO.png", ("00013", "R", "MLO", "")),
    ("plain", "3_L-CC.png", ("3", "L", "CC", "")),
    ("plain", "4 R CC.png", ("4", "R", "CC", "")),
    ("plain", "3_LMLO.png", ("3", "L", "MLO", "")),
    ("plain", "A_0001_1.LEFT_CC.png", ("A_0001_1", "L", "CC", "")),
    ("plain", "7_L_CC_spot.png", ("7", "L", "CC", "spot")),
    ("plain", "7_L_CC_wire.png", ("7", "L", "CC", "needle")),
    ("plain", "7_L_CC_post-biopsy.png", ("7", "L", "CC", "needle")),
    ("plain", "7_L_MLO_implant.png", ("7", "L", "MLO", "implant")),
    ("plain", "7_L_CC specimen.png", ("7", "L", "CC", "specimen")),
    ("plain", "7_L_CC_CESM.png", ("7", "L", "CC", "contrast")),
    ("plain", "7_L_CC_subtracted.png", ("7", "L", "CC", "recombined")),
    ("plain", "implants_7_L_CC.png", ("implants_7", "L", "CC", "")),
    ("plain", "case1_L_CC (1).png", ("case1", "L", "CC", "")),
    ("plain, view first", "12_CC_L.png", ("12", "L", "CC", "")),
]


@pytest.mark.parametrize("scheme, path, meaning", TOLD)
def test_names_of_the_public_sets_are_read(scheme, path, meaning):
    statement = image_names.statement(f"/set/{path}")
    assert statement.where["scheme"] == scheme
    assert tuple(statement.fields.get(name, "") for name in (
        "patient", "laterality", "view", "kind")) == meaning


@pytest.mark.parametrize("name", [
    "HALL_CC", "CELLO_L_CCX", "scan_2021_12_03", "a_LM", "RCCB", "LCC1", "mdb1",
    "mdb_report", "Mass-Test_P_00016_LEFT_CC/a/b/c/0",
    "P_00001", "1-280", "a_CC", "CC_LOW"])
def test_names_that_only_look_like_one_say_nothing(name):
    assert image_names.statement(f"/set/{name}.png") is None


def test_a_study_of_vindr_is_an_exam_of_an_unknown_woman():
    study = "b8d273e8601f348d3664778dae0e7e0b"
    image = "d8125545210c08e1b1793a5af6458ee2"
    fields = image_names.statement(f"/images/{study}/{image}.png").fields
    assert (fields["patient"], fields["exam"]) == ("", study)


@pytest.mark.parametrize("path, folder", [
    ("/a/woman_b/mammo_L_CC.png", "/a/woman_b"),
    ("/a/pos/case7_L_CC.png", "/a"),           # a class is no woman
    ("/pos/left/case7_L_CC.png", "/"),
    ("/a/pos/mammo_L_CC.png", "/a/pos"),       # but all that there is
    ("/a/woman_g/left/L-CC.png", "/a/woman_g"),
    ("/a/1/L_CC.png", "/a/1"), ("/a/siteB/001_L_CC.png", "/a/siteB"),
    ("/a/tables/../case7_L_CC.png", "/a"), ("/a/b/../woman_b/L_CC.png", "/a/woman_b")])
def test_plain_names_count_together_with_their_folder(path, folder):
    statement = image_names.statement(path)
    assert statement.fields["namespace"] == (
        image_names.FOLDER + str(pathlib.Path(folder)))


def test_subjects_of_public_sets_are_read_in_tags():
    assert image_names.subject("Mass-Training_P_00001_LEFT_CC") == (
        "CBIS-DDSM", dict(patient="P_00001", laterality="L", view="CC"))
    assert image_names.subject("woman-1") == ("", {})


MORE = ["a/MASS-TRAINING_P_00001_LEFT_CC.png", "x/Calc-Test_P_1_RIGHT_MLO_12.dcm",
        "53586896_abc_MG_L_CC_ANON.dcm", "P1_L_CM_MLO2.jpg", "mdb320.pgm", "mdb322.pgm",
        "D2-0123/07-18-2010/1-2.dcm", "D1-0001/1-1.dcm", "R12/1-1.png", "9_L_ML.png",
        "w1/L_CC.png", "w1/lcc.png", "patient 4/RIGHT MLO.dcm", "left/cc/7.png",
        "7_R_CC_2.png", "7_R_CC_10.png", "7_R_CC(2).png", "8-l-mlo-mag.png",
        "8_L_LATERAL.png", "8_L_XCCL.png", "8_L_CC_ID.png", "8_L_CC_roll.png",
        "P_00001_LEFT_CC_IMPLANT.dcm", "train/pos/P3_L_CC.png", "A_L_CC_B.png",
        "A__L__CC.png", "L_CC_5.png", "5L_CC.png", "1_R_MLO_tomo.png", "f_left_mlo.tif",
        "ab12cd34_study/1.2.3.dcm", "0a1b2c3d4e5f60718293a4b5c6d7e8f9/abc.dicom",
        "0a1b2c3d4e5f60718293a4b5c6d7e8f9/0a1b2c3d4e5f60718293a4b5c6d7e8f0.dicom",
        "20160101_00013_L_CC_1.png", "00013_20160101_R_MLO_2.png", "1.png", "CC.png"]


def test_what_names_say_is_as_recorded():
    rows = [f"{name}: {deformed.shown(image_names.statement('/set/' + name))}"
            for name in [*(path for _, path, _ in TOLD), *MORE]]
    rows += [f"{text}: {image_names.subject(text)}" for text in (
        "P_00001", "woman", "a/b", "12", "w1_2019", "w1 visit 2", "20190301_w2", "x-1")]
    recorded.check("names", "\n".join(rows))
