"""The table of lesions: what is read, what is refused, what is planned."""

import dataclasses
import pathlib

import deformed
import pytest
import recorded

from end2end import config
from end2end.data.patches import roi_table
from end2end.utils import files

HEADER = "patient_id,side,view,abn_num,pathology,type\n"
ROWS = ("B,LEFT,MLO,1,BENIGN,calc\nA,RIGHT,CC,1,MALIGNANT,mass\n"
        "B,LEFT,MLO,2,BENIGN_WITHOUT_CALLBACK,mass\n")


@pytest.fixture
def sources(tmp_path):
    """Two women: A with one lesion, B with two on one image."""
    (tmp_path / "full").mkdir()
    (tmp_path / "mask").mkdir()
    (tmp_path / "rois.csv").write_text(HEADER + ROWS)
    (tmp_path / "patients.txt").write_text("B\nA\nB\n")
    return roi_table.Sources(tmp_path / "rois.csv", tmp_path / "mask",
                             tmp_path / "patients.txt", tmp_path / "full")


def plan(sources, convention=roi_table.COMBINED, **options):
    out = sources.roi_table.parent / "out"
    return roi_table.plan(
        sources, out / "train", out / "val", convention=convention,
        options=config.SamplingOptions(**dict(validation_share=0.0) | options))


def test_each_mammogram_is_a_job_with_one_mask_for_each_lesion(sources):
    jobs = plan(sources)
    assert [job.name for job in jobs] == ["A_RIGHT_CC", "B_LEFT_MLO"]
    assert jobs[1].image == sources.images / "B_LEFT_MLO.png"
    assert jobs[1].masks == (sources.masks / "Calc-Training_B_LEFT_MLO_1.png",
                             sources.masks / "Mass-Training_B_LEFT_MLO_2.png")


def test_the_older_convention_keeps_the_order_of_the_table(sources):
    older = roi_table.Convention(prefix="Mass", sort=False, patient_lists=False)
    jobs = plan(sources, older)
    assert [job.name for job in jobs] == ["B_LEFT_MLO", "A_RIGHT_CC"]
    assert jobs[0].image.name == "Mass-Training_B_LEFT_MLO.png"
    assert not list(jobs[0].out.glob("*.txt"))


def test_the_plan_makes_class_folders_and_lists_the_patients(sources):
    out = plan(sources)[0].out
    assert {path.name for path in out.iterdir() if path.is_dir()} == {
        "background", "calc_mal", "calc_ben", "mass_mal", "mass_ben"}
    assert sorted((out / roi_table.PATIENT_LIST).read_text().split()) == ["A", "B"]


def test_a_listed_patient_missing_from_the_table_is_an_error_before_work(sources):
    sources.patients.write_text("A\nZ\n")
    with pytest.raises(files.InputError, match="Z is not in the ROI table"):
        plan(sources)
    assert not (sources.roi_table.parent / "out").exists()


@pytest.mark.parametrize("options", [
    dict(patch_size=1), dict(validation_share=1), dict(target_height=0),
    dict(lesion_count=-1)])
def test_impossible_options_are_errors(sources, options):
    with pytest.raises(files.InputError):
        plan(sources, **options)


def test_a_table_without_a_column_is_an_error(sources):
    sources.roi_table.write_text("patient_id,side\nA,LEFT\n")
    with pytest.raises(files.InputError, match="no column view"):
        plan(sources)


@pytest.mark.parametrize("value", ["../A", "", "A\tB", "x" * 81])
def test_a_value_that_cannot_be_part_of_a_file_name_is_refused(sources, value):
    sources.roi_table.write_text(HEADER + f'\n"{value}",LEFT,CC,1,BENIGN,mass\n')
    with pytest.raises(files.InputError, match="row 3: patient_id"):
        plan(sources)


def test_a_table_may_begin_with_a_mark_of_its_encoding(sources):
    sources.roi_table.write_text("\ufeff" + HEADER + ROWS, "utf-8")
    assert len(plan(sources)) == 2


def test_an_empty_list_of_patients_is_refused(sources):
    sources.patients.write_text("\n \n")
    with pytest.raises(files.InputError, match="is empty"):
        plan(sources)


@pytest.mark.parametrize(("row", "folder"), [
    (dict(type="calc", pathology="MALIGNANT"), "calc_mal"),
    (dict(type="calc", pathology="BENIGN"), "calc_ben"),
    (dict(type="mass", pathology="MALIGNANT"), "mass_mal"),
    (dict(pathology="BENIGN_WITHOUT_CALLBACK"), "mass_ben")])
def test_the_class_of_a_lesion_follows_from_kind_and_pathology(row, folder):
    assert roi_table.lesion_folder(row, config.SamplingOptions()) == folder


def test_paths_of_other_kinds_are_taken(sources):
    jobs = roi_table.plan(
        sources, str(sources.images.parent / "out"), pathlib.Path("unused"),
        config.SamplingOptions(validation_share=0.0))
    assert jobs[0].out == sources.images.parent / "out"


LEAST = dict(target_height=1, target_width=1, patch_size=2, background_count=0,
             lesion_count=0, hard_negative_count=0)


@pytest.mark.parametrize("name", LEAST)
def test_the_least_value_of_an_option_is_taken_and_one_less_is_not(name):
    roi_table.check(config.SamplingOptions(**{name: LEAST[name]}))
    with pytest.raises(files.InputError, match=f"expected at least {LEAST[name]}"):
        roi_table.check(config.SamplingOptions(**{name: LEAST[name] - 1}))


@pytest.mark.parametrize("share, fits", [(0, True), (0.99, True), (1, False),
                                         (-0.01, False)])
def test_a_share_for_validation_is_below_one(share, fits):
    if fits:
        roi_table.check(config.SamplingOptions(validation_share=share))
    else:
        with pytest.raises(files.InputError):
            roi_table.check(config.SamplingOptions(validation_share=share))


PATIENT_LISTS = ("P_1\nP_2\n", "P_2\n\n P_1 \nP_2\n", "", "\n", "P_3\nP_1\nP_4",
                 "id\nP_1")
LESIONS = """patient_id,side,view,abn_num,pathology,type
P_1,LEFT,CC,1,MALIGNANT,calc
P_1,LEFT,CC,2,BENIGN,mass
P_2,RIGHT,MLO,1,BENIGN_WITHOUT_CALLBACK,calc
"""


def test_tables_of_lesions_deformed_in_any_cell_are_read_or_refused_as_recorded(
        tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, options = pathlib.Path("rois.csv"), config.SamplingOptions()

    def read(text):
        path.write_text(text, encoding="utf-8")
        return [(row, roi_table.is_malignant(row), roi_table.lesion_folder(
            row, options)) for row in roi_table.read_table(path)]

    def patients(text):
        path.write_text(text, encoding="utf-8")
        ids = roi_table.patient_ids(path)
        roi_table.check_patients(path, ids, {"P_1", "P_2"})
        return ids

    recorded.check("rois", "\n".join([
        deformed.table(read, LESIONS), deformed.grouped(patients, [
            (text, text) for text in PATIENT_LISTS]),
        *roi_table.class_folders(options)]))


def test_options_of_sampling_have_the_limits_that_are_recorded():
    rows = []
    for field in dataclasses.fields(config.SamplingOptions):
        default = field.default
        if isinstance(default, (int, float)) and not isinstance(default, bool) or (
                default is None):
            rows += [f"== {field.name}", deformed.grouped(
                lambda value, name=field.name: roi_table.check(
                    config.SamplingOptions(**{name: value})),
                [(repr(value), value) for value in (-1, 0, 0.5, 0.999, 1, 2, 3)])]
    recorded.check("sampling-limits", "\n".join(rows))


def test_the_lists_of_patients_are_text_in_utf_8(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffP1\n\n P2 \nP1\n".encode())
    assert roi_table.patient_ids(path) == ["P1", "P2"]
    path.write_bytes(b"P1\n\xff\n")
    with pytest.raises(files.InputError, match="is not UTF-8 text; expected one id"):
        roi_table.patient_ids(path)


def test_a_repeated_picture_of_a_view_is_told_by_its_number():
    row = dict(zip(roi_table.COLUMNS, "abcdefgh", strict=False))
    assert roi_table.REPEAT not in roi_table.clean_row(row, roi_table.COLUMNS, "t")
    again = roi_table.clean_row(row | {roi_table.REPEAT: " 2 "}, roi_table.COLUMNS, "t")
    assert again[roi_table.REPEAT] == "2"


def test_a_class_folder_may_lie_in_another(tmp_path):
    options = config.SamplingOptions(background_folder="rest/all")
    assert (roi_table.make_folders(tmp_path / "out", options) / "rest/all").is_dir()
