"""The import of CBIS-DDSM: what it prints and the commands that come next."""

import argparse
import csv
import pathlib
import types

from ddsm_train import prepare
from ddsm_train.dataset import importing

REAL_TABLES = pathlib.Path(__file__).parents[2] / "fixtures" / "cbis-ddsm"


def test_the_census_of_the_real_tables_is_printed_beside_the_known_totals(capsys):
    prepare.main(["--census", str(REAL_TABLES)])
    printed = capsys.readouterr().out
    for line in ("3568 abnormalities  as published", "3103 mammogram files  as",
                 "1566 women  as", "31 women in an official train and an official",
                 "3032 distinct", "6775 series", "10239 files"):
        assert line in printed
    assert "DIFFERS" not in printed


def test_what_is_left_out_and_noted_is_told_of_the_first_file_of_a_film(tmp_path):
    def film(name, *images):
        return types.SimpleNamespace(
            name=name, patient_id=name, side="LEFT", view="CC", images=images,
            findings=[(1, types.SimpleNamespace(abnormality=1, mask="one")),
                      (2, types.SimpleNamespace(abnormality=4, mask="two"))])
    films = [film("P_1", "a", "b"), film("P_2", "c", "d")]
    record = dict(failed="", left_out=[(1, "one", "a crop")], notes=[])
    importing.write_logs(
        tmp_path, films, dict(P_1=record | dict(failed="broken"), P_2=record), films)
    told = {name: [(row["patient_id"], row["abn_num"], row["file"], row["reason"])
                   for row in csv.DictReader(
                       (tmp_path / f"{name}.csv").read_text().splitlines())]
            for name in ("left_out", "notes")}
    assert told == dict(
        left_out=[("P_1", "", "a", "broken"), ("P_2", "1", "one", "a crop"),
                  ("P_1", "", "a", "in no part of the split"),
                  ("P_2", "", "c", "in no part of the split")],
        notes=[("P_2", "", "d", "stored twice, as a mass and as a calcification case: "
                "taken once"),
               ("P_2", "2", "two", "abnormality 4 of the table has the number 2")])


def arguments(**changes):
    return argparse.Namespace(**(dict(size=(1152, 896), split_file=None) | changes))


def test_the_next_commands_sample_the_papers_patches_and_train(tmp_path):
    summary = dict(women_in_two_parts=[], pixel_mean=52.1)
    sample, learn = importing.next_commands(tmp_path, summary, arguments())
    assert "--patch-size 224" in sample and "--val-size 0.1" in sample
    assert f"--test-patients {tmp_path}/splits/test.txt" in sample
    assert "--featurewise-mean 52.1" in learn and "--img-size 224 224" in learn


def test_women_in_two_parts_have_a_table_of_each_part(tmp_path):
    summary = dict(women_in_two_parts=["P_00001"], pixel_mean=52.1)
    sample, _ = importing.next_commands(tmp_path, summary, arguments())
    assert "roi_train.csv" in sample and f"--test-table {tmp_path}/roi_test.csv" in (
        sample)


def test_a_split_of_ones_choice_is_sampled_part_by_part(tmp_path):
    summary = dict(women_in_two_parts=[], pixel_mean=52.1)
    sample, _ = importing.next_commands(
        tmp_path, summary, arguments(split_file="split.csv", size=(192, 144)))
    assert all(f"splits/{part}.txt" in sample for part in ("train", "val", "test"))
    assert "--val-size" not in sample and "--patch-size 64" in sample
    for height, side in ((600, 64), (601, 224)):
        sample, learn = importing.next_commands(
            tmp_path, summary, arguments(size=(height, 144)))
        assert f"--patch-size {side} " in sample and f"--img-size {side} " in learn
