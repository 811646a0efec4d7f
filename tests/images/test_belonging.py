"""Which images are of one woman, exam and breast, and which of them vote."""

import dataclasses
import datetime

import cv2
import dicom_writer
import numpy as np
import pytest

from end2end.data import image_lists
from end2end.images import belonging
from end2end.tables.identity import Identity

TAGGED = dict(patient="tags PatientID", exam="tags StudyInstanceUID")


def image(path, **fields):
    """A standard left CC of woman W in study s, unless said otherwise."""
    return Identity(path, **(dict(
        patient="W", exam="study s 1", laterality="L", view="CC", image=f"uid {path}",
        read_from=TAGGED) | fields))


def settled(*images):
    return belonging.settle(images, doubles=False)


def votes(*images, **how):
    return [one.votes for one in belonging.elected(settled(*images), **how)]


def test_one_number_with_three_years_of_birth_is_nobodys():
    dates = ("1950-01-01", "1961-01-01", "1972-01-01")
    images = [image(f"{date}.dcm", birth_date=date) for date in dates]
    assert all(one.woman is None for one in settled(*images))
    assert all("years of birth" in one.notes[0] for one in settled(*images))
    assert all(one.woman for one in settled(*images[:1]))


@pytest.mark.parametrize("first, other, women", [
    (dict(birth_date="1950-01-01"), dict(birth_date="1971-05-05"), 2),
    (dict(person="roe jane"), dict(person="doe mary"), 2),
    (dict(birth_date="1960-06-06", person="smith anna"),
     dict(birth_date="1960-06-06", person="miller anna"), 1),
    (dict(namespace="HOSPA"), dict(namespace="HOSPB"), 2),
    (dict(namespace="HOSPA"), dict(), 1)])
def test_women_of_one_number_are_told_apart(first, other, women):
    pair = settled(image("a", **first), image("b", **other))
    assert len({one.woman for one in pair}) == women


def test_a_number_of_two_issuers_without_its_own_is_another_womans():
    images = settled(image("a", namespace="HOSPA"), image("b", namespace="HOSPB"),
                     image("c"))
    assert len({one.woman for one in images}) == 3
    assert images[2].notes == (
        "its PatientID has 2 issuers, but none here; she counts as another woman",)


def test_what_lines_of_one_image_say_differently_is_unknown():
    told = dict(namespace="HOSPA", modifier="spot", kind="spot", read_from=dict(
        TAGGED, view="manifest"))
    one, _ = belonging.of_lines([image("a", **told), image("a", view="MLO", **told)])
    assert (one.view, one.modifier, one.namespace, one.kind) == (
        "", "", "HOSPA", "spot")
    assert one.read_from == TAGGED and len(one.notes) == 1
    lines = belonging.of_lines([image("a", **told), image("a", read_from={})])
    assert [line.read_from for line in lines] == [TAGGED | dict(view="manifest")] * 2
    _, one = belonging.of_lines([
        image("a", **told), image("a", **told | dict(patient="V", kind="standard"))])
    assert (one.patient, one.view, one.modifier, one.namespace, one.kind) == (
        "", "CC", "spot", "", "standard")


def test_the_pixels_of_a_file_that_cannot_be_read_are_its_own(tmp_path):
    path = tmp_path / "gone.dcm"
    assert belonging._pixel_hash(image(str(path))) == str(path)
    assert belonging._pixel_hash(image(str(path), content="known")) == "known"


def test_an_image_that_could_be_of_either_woman_is_of_nobody():
    images = settled(image("a", birth_date="1950-01-01"),
                     image("b", birth_date="1971-05-05"), image("c"))
    assert [one.woman is None for one in images] == [False, False, True]
    assert "nothing tells which of them" in images[2].notes[0]
    assert images[2].read_from == dict(exam=TAGGED["exam"])


def test_of_unknown_women_a_date_or_a_visit_joins_nothing():
    images = [image(path, patient="", exam=exam, read_from={}) for path, exam in (
        ("a", "20200101"), ("b", "20200101"), ("c", "visit 2"))]
    assert len({one.study for one in settled(*images)}) == 3
    assert votes(*images) == ["alone"] * 3


def test_studies_of_one_file_each_are_one_exam_unless_dates_differ():
    days = (None, None), (datetime.date(2020, 1, 1), datetime.date(2022, 1, 1))
    for pair, count in zip(days, (1, 2), strict=True):
        images = settled(*(image(f"{i}", exam=f"study {i} x", day=day)
                           for i, day in enumerate(pair)))
        assert len({one.study for one in images}) == count
        assert "a study of its own" in images[0].notes[0]


def test_files_of_cbis_ddsm_with_studies_and_dates_of_their_own_are_one_exam(tmp_path):
    paths = [dicom_writer.write(
        tmp_path / f"{view}.dcm", PatientID=f"Mass-Training_P_00001_LEFT_{view}",
        StudyInstanceUID=f"1.2.{i}", StudyDate=f"2016072{i}", SOPInstanceUID=f"1.3.{i}")
        for i, view in enumerate(("CC", "MLO"))]
    images = belonging.identified((path, None) for path in paths)
    assert len({one.study for one in images}) == 1 and images[0].exam == ""


def test_days_count_from_the_first_exam_of_a_woman():
    images = [image(str(i), exam=f"study {i}", day=day) for i, day in enumerate((
        datetime.date(2020, 1, 1), datetime.date(2018, 1, 1), None))]
    assert belonging.days(images) == [730, 0, None]


def test_numbers_of_inbreast_far_apart_are_another_exam():
    names = [f"{number}_6c613a14b80a8591_MG_R_CC_ANON.png"
             for number in (20586908, 20586960, 50994354)]
    images = settled(*(Identity(name, patient="6c61", scheme="INbreast", laterality="R",
                                view="CC") for name in names))
    assert [one.exam for one in images] == ["1", "1", "2"]


@pytest.mark.parametrize("first, other, expected", [
    (dict(taken="ContentDate  100000"), dict(taken="ContentDate  090000"), "first"),
    (dict(taken="ContentDate  100000"), dict(), "last name"),
    (dict(number=10), dict(number=9), "first"), (dict(), dict(), "last name"),
    (dict(number=10), dict(), "last name"),
    (dict(number=7), dict(number=7), "last name"),
    (dict(taken="ContentDate  1"), dict(taken="ContentDate  1"), "last name"),
    (dict(taken="ContentDate 20200101 11"), dict(taken="AcquisitionDate 20200101 12"),
     "last name"),
    (dict(), dict(partial=True), "first"), (dict(), dict(kind="synthetic"), "first"),
    (dict(kind="synthetic"), dict(kind="low energy"), "last name")])
def test_one_image_of_a_breast_and_view_votes(first, other, expected):
    pair = votes(image("lcc_2", **first), image("lcc_10", **other))
    assert pair == (["yes", "no"] if expected == "first" else ["no", "yes"])


def test_what_is_no_standard_view_does_not_vote_unless_asked_for():
    images = [image("a"), image("b", view="ML", kind="other view"),
              image("c", kind="spot", modifier="spot"), image("d", laterality="")]
    assert votes(*images) == ["yes", "no", "no", "alone"]
    assert votes(*images, all_views=True) == ["yes", "yes", "yes", "alone"]


def test_names_are_in_the_order_of_all_their_numbers():
    names = ["a9_b9.dcm", "a9_b10.dcm", "a10_b2.dcm", "b1.dcm"]
    assert sorted(sorted(names), key=belonging._natural) == names


def test_an_image_that_stands_in_for_a_better_one_says_so():
    only, = belonging.elected(settled(image("a", kind="synthetic")))
    assert only.votes == "yes" and only.notes[-1] == (
        "its CC is a synthetic image made from tomosynthesis, for want of a better "
        "picture")


def test_the_same_dicom_file_counts_once_and_one_number_of_two_pictures_is_said(
        tmp_path):
    tags = dict(SOPInstanceUID="1.2.3", ImageLaterality="L", ViewPosition="CC")
    first = dicom_writer.write(tmp_path / "a.dcm", **tags)
    (tmp_path / "b.IMA").write_bytes(first.read_bytes())
    other = dicom_writer.write(tmp_path / "c.dcm", dicom_writer.RAMP[::-1], **tags)
    images = belonging.identified(
        (path, None) for path in (first, tmp_path / "b.IMA", other))
    assert [belonging.is_double(one) for one in images] == [False, True, False]
    assert "the same image as a.dcm" in images[1].notes
    assert "its SOPInstanceUID is that of other pixels too" in images[2].notes


def test_the_same_bytes_under_another_patient_stay_and_are_said(tmp_path):
    for name in ("case1_L_CC.png", "case1_L_CC (1).png", "case9_L_CC.png"):
        cv2.imwrite(str(tmp_path / name), np.arange(48 * 40, dtype=np.uint16).reshape(
            48, 40))
    names = ("case1_L_CC.png", "case1_L_CC (1).png", "case9_L_CC.png")
    images = belonging.identified((tmp_path / name, None) for name in names)
    assert [one.votes for one in images] == ["yes", "no", "yes"]
    assert images[2].notes == (
        "the same picture as case1_L_CC.png, there under another patient",)


def test_pixels_are_read_of_images_that_may_be_equal_alone(monkeypatch):
    read = []
    monkeypatch.setattr(belonging, "_pixel_hash", lambda image: (
        read.append(image.path) or "x"))
    images = belonging.mark_doubles([
        image("a", image="u"), image("b", image="u"), image("c", image="v")])
    assert read == ["a", "b"]
    assert [one.notes for one in images] == [(), ("the same image as a",), ()]


def test_files_beyond_the_largest_image_are_not_read_for_their_bytes(
        tmp_path, monkeypatch):
    def read(path):
        hashed.append(path[-1])
        return "the same"

    hashed = []
    monkeypatch.setattr(belonging.files, "sha256", read)
    for name, size in (("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", -1)):
        with open(tmp_path / name, "wb") as stream:  # holes, which take no room
            stream.truncate(belonging.files.MAX_DICOM_BYTES + size)
    images = belonging.mark_doubles([
        Identity(str(tmp_path / name)) for name in "abcde"])
    assert [image.votes for image in images] == ["yes", "no", "yes", "yes", "yes"]
    assert hashed == ["a", "b"]


def test_a_woman_in_two_splits_is_found_by_names_and_a_set_given_twice_is_one():
    def split(*names):
        return image_lists.ImageList(tuple(names))
    train = split("t/pos/P_00001_LEFT_CC.png", "t/neg/P_00003_LEFT_CC.png")
    shared, = belonging.shared_women(
        dict(train=train, val=split("v/P_00001_RIGHT_CC.png")))
    assert shared.splits == ("train", "val")
    assert belonging.shared_sentence([shared]).startswith(
        "1 patient is in more than one split (first: ")
    assert not belonging.shared_women(dict(val=train, test=train))
    assert not belonging.shared_women(
        dict(train=train, val=split("v/P_00002_LEFT_CC.png")))


def test_what_is_equal_in_settled_images_stays_equal_without_files():
    alone, = belonging.settle([dataclasses.replace(image("gone.png"), image="")])
    assert alone.votes == "yes"


def test_a_study_with_images_years_apart_is_several_exams():
    days = [datetime.date(2018, 1, 1), datetime.date(2018, 1, 2),
            datetime.date(2020, 1, 1)]
    first, second, third = belonging.settle([Identity(
        f"{k}.dcm", patient="P", exam="1.2.3.4.5", day=day, laterality="L", view=view,
        read_from=dict(patient=belonging.TAG, exam=belonging.STUDIES[0]))
        for k, (day, view) in enumerate(zip(days, ("CC", "MLO", "CC"), strict=True))],
        doubles=False)
    assert first.study == second.study != third.study
    assert "exams of their own" in third.notes[0]


@pytest.mark.parametrize(("years", "known"), [((1950, 1951), True), (
    (1950, 1960), True), ((1950, 1951, 1960, 1970), False), ((None, None), True)])
def test_a_number_with_three_ages_is_nobodys(years, known):
    images = belonging.settle([Identity(
        f"{k}.dcm", patient="P", exam=f"1.2.3.4.{k}", birth_year=year,
        read_from=dict(patient=belonging.TAG)) for k, year in enumerate(years)],
        doubles=False)
    assert all(bool(image.patient) == known for image in images)


@pytest.mark.parametrize(("paths", "splits"), [
    (("train/neg/w1/L_CC", "val/neg/w1/R_CC"), [("train", "val")]),
    (("train/neg/w1/L_CC", "val/neg/w2/R_CC"), []),
    (("train/neg/w1/L_CC", "val/pos/w1/R_CC"), [])])
def test_a_womans_folder_in_two_splits_is_told(tmp_path, paths, splits):
    for path in paths:
        place = tmp_path / f"{path}.png"
        place.parent.mkdir(parents=True)
        cv2.imwrite(str(place), np.full((8, 6), len(path), np.uint8))
    sets = image_lists.find_splits([tmp_path], ("neg", "pos"))
    assert [shared.splits for shared in belonging.shared_women(sets)] == splits


def test_women_of_one_number_have_numbers_of_their_own_in_the_order_of_their_births():
    images = settled(
        image("a", birth_date="1971-05-05"), image("b", birth_date="1950-01-01"),
        image("c", birth_date="1971-05-05", person="roe"), image("d", exam="study d 9"))
    assert [one.patient for one in images] == ["W #2", "W", "W #2", ""]
    assert [one.notes for one in images] == [
        *[("its PatientID is that of 2 women by birth date",)] * 3,
        ("its PatientID is that of 2 women, and nothing tells which of them; the "
         "patient is unknown",)]
    named = settled(image("a", person="roe jane"), image("b", person="doe mary"))
    assert [(one.patient, *one.notes) for one in named] == [
        (name, "its PatientID is that of 2 women by name") for name in ("W #2", "W")]


@pytest.mark.parametrize(("years", "count"), [
    ((1950, 1951, 1952), 1), ((1950, 1952), 2), ((1950, 1951, 1953, 1960), 3),
    ((None, 1950), 1), ((None,), 0)])
def test_ages_next_to_each_other_are_one_year_of_birth(years, count):
    assert belonging._birth_years([
        image("a", birth_year=year) for year in years]) == count
    dates = [image("a", birth_date=f"{year}-07-01") for year in range(1950, 1953)]
    assert belonging._birth_years([*dates, dates[0], image("b")]) == 3


def test_a_study_may_last_so_many_days_and_no_more():
    first = datetime.date(2018, 1, 1)
    for further, exams in ((0, 1), (1, 2)):
        last = first + datetime.timedelta(belonging.LONGEST_STUDY + further)
        images = settled(image("a", day=last), image("b", day=first),
                         image("c", day=first, exam="study s 2"))
        assert len({one.exam for one in images[:2]}) == exams
    assert images[0].notes == (
        f"its study has images of 2 times more than {belonging.LONGEST_STUDY} days "
        "apart; they count as exams of their own",)
    assert images[2].notes == ()


def test_numbers_of_inbreast_may_be_so_far_apart_and_no_more():
    gap = belonging.INBREAST_GAP
    images = settled(*(Identity(
        f"{20_000_000 + number}_6c613a14b80a8591_MG_R_CC_ANON.png", patient="6c61",
        scheme="INbreast", laterality="R", view="CC")
        for number in (2 * gap + 1, 0, gap)))
    assert [one.exam for one in images] == ["2", "1", "1"]


def test_an_exam_of_an_unknown_woman_is_known_by_a_long_number():
    for woman, exam, kept in (("", "e" * belonging.LEAST_EXAM, True),
                              ("", "e" * (belonging.LEAST_EXAM - 1), False),
                              ("W", "e", True), ("", "2020-01-31", False)):
        one = belonging._own_exam(image("a", patient=woman, exam=exam))
        assert one.exam == (exam if kept else "")


def test_a_woman_of_two_names_is_known_by_either():
    women, places = belonging._women([
        belonging.Identity(f"{name}.png", patient="1", birth_date="1950", person=name)
        for name in ("ADAM", "ADAM BERG", "BERG", "CLAY")])
    assert women == [("1950", {"ADAM", "BERG"}), ("1950", {"CLAY"})]
    assert places == [0, 0, 0, 1]


def test_women_are_told_by_birth_dates_before_those_without():
    # Of her whose birth date is unknown nothing tells which of two names is hers.
    images = settled(
        image("a", person="jane roe"),
        image("b", birth_date="1950-01-01", person="roe"),
        image("c", birth_date="1950-01-01", person="jane"))
    assert [one.patient for one in images] == ["", "W #2", "W"]
    images = settled(
        image("a", birth_date="1950-01-01", person="roe anna"),
        image("b", person="smith"),
        image("c", birth_date="1950-01-01", person="doe mary"),
        image("d", birth_date="1950-01-01", person="anna lee"))
    assert [(one.patient, *one.notes) for one in images] == [
        (name, "its PatientID is that of 3 women by name")
        for name in ("W #2", "W", "W #3", "W #2")]


def test_a_number_of_several_issuers_may_have_any_years_of_birth():
    years = [("1950", "A"), ("1961", "B"), ("1972", "A"), ("1983", "B")]
    images = settled(*(image(year, birth_date=f"{year}-01-01", namespace=issuer)
                       for year, issuer in years))
    assert len({one.woman for one in images} - {None}) == 4


def test_exams_that_a_manifest_tells_stay_as_they_are():
    by_manifest = dict(TAGGED, exam="manifest")
    names = [f"{number}_6c613a14b80a8591_MG_R_CC_ANON.png"
             for number in (20586908, 50994354)]
    images = settled(*(Identity(
        name, patient="6c61", scheme="INbreast", exam="e1", read_from=by_manifest)
        for name in names))
    assert [one.exam for one in images] == ["e1", "e1"]
    days = [datetime.date(year, 1, 1) for year in (2018, 2020)]
    images = settled(*(image(str(day), day=day, read_from=by_manifest) for day in days))
    assert [one.exam for one in images] == ["study s 1"] * 2
    assert not images[0].notes + images[1].notes
    nobody, = settled(Identity(names[0], scheme="INbreast", exam="e1 of nobody"))
    assert nobody.exam == ""


def test_files_of_one_picture_are_one_in_studies_of_their_own():
    def exams(*pictures):
        return [one.exam for one in settled(*(
            image(str(k), image=picture, exam=f"study {k}")
            for k, picture in enumerate(pictures)))]
    assert exams("u", "u") == ["study 0", "study 1"]
    assert exams("u", "v") == exams("", "") == ["", ""]


def test_an_exam_of_several_days_counts_from_its_first():
    images = [image(str(k), exam=exam, day=day and datetime.date(2020, *day))
              for k, (exam, day) in enumerate((
                  ("a", (1, 3)), ("a", (1, 1)), ("b", (2, 10)), ("b", None),
                  ("b", (2, 9)), ("c", None)))]
    nobody = image("n", patient="", exam="e" * 9, day=datetime.date(2020, 5, 5))
    assert belonging.days([*images, nobody]) == [0, 0, 39, 39, 39, None, None]


def test_what_is_known_of_a_double_is_known_of_the_first():
    def same(path, **fields):
        return image(path, image="", content="x", **fields)
    images = belonging.mark_doubles([
        same("x/a", view=""), same("y/b", laterality=""),
        same("c", patient="V", laterality="R", view="MLO"), same("d", patient="U"),
        same("z/e", patient="V", laterality="", view=""),
        image("f", image="", content="y")])
    assert [(one.laterality, one.view, one.votes) for one in images] == [
        ("L", "CC", "yes"), ("L", "CC", "no"), ("R", "MLO", "yes"), ("L", "CC", "yes"),
        ("R", "MLO", "no"), ("L", "CC", "yes")]
    assert [one.notes for one in images] == [
        (), ("the same image as a",),
        ("the same picture as a, there under another patient and side and view",),
        ("the same picture as a, there under another patient",),
        ("the same image as c",), ()]
    assert [belonging.is_double(one) for one in images] == [
        False, True, False, False, True, False]
    assert not belonging.is_double(dataclasses.replace(images[1], votes="yes"))
    assert not belonging.is_double(dataclasses.replace(images[0], votes="no"))


def test_women_of_several_splits_are_shown_by_their_first_images(monkeypatch):
    def split(*names):
        return image_lists.ImageList(tuple(f"x/{name}.png" for name in names))
    monkeypatch.setattr(belonging, "mark_doubles", None)  # it would read all files
    shared = belonging.shared_women(dict(
        train=split("P_00001_LEFT_CC", "P_00001_LEFT_MLO", "P_00002_LEFT_CC"),
        val=split("P_00003_LEFT_CC", "P_00001_RIGHT_MLO", "P_00001_RIGHT_CC", "odd"),
        test=split("P_00002_LEFT_MLO", "P_00001_RIGHT_CC", "odd")))
    assert [(one.splits, one.paths) for one in shared] == [
        (("train", "val", "test"), ("x/P_00001_LEFT_CC.png", "x/P_00001_RIGHT_MLO.png",
                                    "x/P_00001_RIGHT_CC.png")),
        (("train", "test"), ("x/P_00002_LEFT_CC.png", "x/P_00002_LEFT_MLO.png"))]
    assert belonging.shared_sentence(shared) == (
        "2 patients are in more than one split (first: x/P_00001_LEFT_CC.png, "
        "x/P_00001_RIGHT_MLO.png, x/P_00001_RIGHT_CC.png); split by patient, or "
        "results are too good.")
