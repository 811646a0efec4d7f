"""`end2end metrics validate`."""

import argparse
import dataclasses
import json
import tracemalloc

import evidence_tables
import numpy as np
import pytest
import recorded

from end2end import metrics
from end2end.evidence import validation
from end2end.metrics import __main__ as program
from end2end.tables import columns
from end2end.utils import chunks, files, mapped


@pytest.fixture
def sites(tmp_path):
    """Two sites, and a second model at the first, in another order."""
    first = evidence_tables.scored(seed=1)
    evidence_tables.write(tmp_path / "a.csv", first)
    evidence_tables.write(tmp_path / "b.csv", evidence_tables.scored(
        200, seed=2, distance=0.5))
    other = first | dict(score=evidence_tables.scored(seed=3)["score"])
    evidence_tables.write(tmp_path / "other.csv", {
        name: list(values)[::-1] for name, values in other.items()})
    return tmp_path


def run(capsys, *words):
    program.main(["validate", *map(str, words)])
    return capsys.readouterr().out


@pytest.mark.usefixtures("light_figures")
def test_two_sites_and_their_difference(sites, capsys):
    printed = run(capsys, sites / "a.csv", sites / "b.csv", "--prevalence", "0.006",
                  "--threshold", "0.5", "--out", sites / "out")
    results = json.loads((sites / "out" / "results.json").read_text())
    row = results["sites"]["a"]["score"]
    table = columns.read(sites / "a.csv")
    assert row["auc"]["value"] == metrics.auc(table.labels, table.scores["score"])
    difference, = results["between_sites"]
    assert difference["parts"] == ["score", "a", "b"]
    assert difference["difference"]["low"] > 0 and difference["p_value"] < 0.05
    assert results["models"] == []
    assert row["thresholds"][0]["threshold"] == 0.5
    assert "6 cancers in 1000" in printed and "rows of 150 women" in printed
    assert (sites / "out" / "calibration_2.png").exists()


def test_tables_of_the_same_images_are_models_of_one_site(sites, capsys):
    printed = run(capsys, sites / "a.csv", sites / "other.csv")
    assert "taken for models of one site" in printed
    assert "Differences of AUC between models" in printed
    assert "between sites" not in printed


@pytest.mark.usefixtures("light_figures")
def test_rows_are_matched_by_path(sites, capsys):
    run(capsys, "--site", "A", sites / "a.csv", sites / "other.csv", "--site", "B",
        sites / "b.csv", "--out", sites / "out")
    results = json.loads((sites / "out" / "results.json").read_text())
    assert set(results["sites"]) == {"A", "B"}
    table = columns.read(sites / "other.csv")
    assert results["sites"]["A"]["other"]["auc"]["value"] == pytest.approx(
        metrics.auc(table.labels, table.scores["score"]))


def test_a_column_divides_a_table_into_sites_and_women_of_both_are_told(sites, capsys):
    printed = run(capsys, sites / "a.csv", "--by", "laterality")
    assert "laterality L" in printed
    assert "150 women have rows under several values of laterality" in printed


@pytest.mark.parametrize(("most", "refused"), [(20, False), (19, True)])
def test_a_column_of_sites_has_a_tenth_of_the_values_of_any_other(
        sites, monkeypatch, most, refused):
    table = columns.read(sites / "a.csv", columns.Wanted(texts=("laterality",)))
    monkeypatch.setattr(columns, "MOST_VALUES", most)
    if not refused:
        parts = validation.divided(table, "laterality")
        assert [part.name for part in parts] == ["laterality L", "laterality R"]
        return
    with pytest.raises(files.InputError, match=(
            "^--by laterality has 2 values; expected a column of sites.$")):
        validation.divided(table, "laterality")


def test_a_site_of_one_class_is_left_out_and_told(tmp_path, capsys):
    columns = evidence_tables.scored(80)
    labels = columns["label"]
    path = evidence_tables.write(tmp_path / "a.csv", columns | dict(
        site=["A" if label or i % 2 else "B" for i, label in enumerate(labels)]))
    printed = run(capsys, path, "--by", "site")
    assert "Left out, of one class or one woman only: site B" in printed
    assert "site A: " in printed and "site B: " not in printed


@pytest.mark.parametrize("words, message", (
    ([], "no table of scores"), (["a.csv", "--prevalence", "2"], "--prevalence 2"),
    (["a.csv", "--at", "1.5"], "--at 1.5"), (["--site", "A"], "has no table"),
    (["--site", "A", "a.csv", "b.csv"], "cannot be laid beside"),
    (["a.csv", "--by", "path"], "300 values"), (["missing.csv"], "does not exist")))
def test_wrong_words_are_refused(sites, words, message, monkeypatch):
    monkeypatch.chdir(sites)
    with pytest.raises(files.InputError, match=message):
        program.main(["validate", *words])


def test_other_labels_for_the_same_images_are_refused(sites):
    table = evidence_tables.scored(seed=1)
    table["label"] = table["label"].copy()
    table["label"][[0, 1]] = 1 - table["label"][[0, 1]]
    evidence_tables.write(sites / "wrong.csv", table)
    with pytest.raises(files.InputError, match="other labels than a"):
        program.main(["validate", "--site", "A", str(sites / "a.csv"),
                      str(sites / "wrong.csv")])


def test_sites_of_one_name_are_numbered_from_the_second_on(sites):
    arguments = argparse.Namespace(
        scores=[str(sites / "a.csv")], by="", score=[], label="", patient="", site=[
            ["a", str(sites / "b.csv")], ["a", str(sites / "other.csv")]])
    found, _ = validation.read_sites(arguments)
    assert [site.name for site in found] == ["a", "a (2)", "a (3)"]
    assert all(len(site.keys) == len(site) for site in found)
    # Paths are read where tables are laid beside each other, and not of one alone.
    (alone,), _ = validation.read_sites(argparse.Namespace(**vars(arguments) | dict(
        site=[])))
    assert alone.name == "a" and alone.keys is None
    (stated,), _ = validation.read_sites(argparse.Namespace(**vars(arguments) | dict(
        scores=[], site=[["s", str(sites / "a.csv")]])))
    assert stated.name == "s" and stated.keys is not None


def test_scores_that_divide_the_classes_have_no_slope_and_say_so(tmp_path, capsys):
    evidence_tables.write(tmp_path / "a.csv", dict(
        label=[0] * 20 + [1] * 20, score=[0.1] * 20 + [0.9] * 20))
    assert "no recalibration can be found" in run(capsys, tmp_path / "a.csv")


def test_large_tables_are_validated_without_drawing(sites, capsys, monkeypatch):
    from end2end.evidence import validation

    monkeypatch.setattr(validation, "LARGE", 5000)
    program.main([str(sites / "a.csv"), "--at", "0.9"])
    printed = capsys.readouterr().out
    assert "computed and not drawn" in printed and "sensitivity 90.0%" in printed
    with pytest.raises(files.InputError, match="--mean holds all rows"):
        program.main([str(sites / "a.csv"), "--mean", str(sites / "mean.csv")])
    given = []
    monkeypatch.setattr(validation, "run", lambda arguments: given.append(
        vars(arguments)) or ["the lines"])
    program.main([str(sites / "a.csv"), "--at", "0.9", "--threshold", "0.25", "--out",
                  str(sites / "out")])
    assert capsys.readouterr().out.splitlines() == [
        "More than 0 MB of tables: intervals are computed and not drawn, as by the "
        "command validate.", "", "the lines"]
    assert given == [dict(
        scores=[str(sites / "a.csv")], site=[], by="", score=[], label="", patient="",
        at=[0.9], threshold=[0.25], prevalence=None, out=str(sites / "out"))]
    monkeypatch.setattr(validation, "LARGE", 10**6)
    program.main([str(sites / "a.csv"), "--runs", "50"])
    assert "computed and not drawn" not in capsys.readouterr().out


@pytest.mark.parametrize("women", (True, False))
def test_a_long_table_has_the_results_of_a_short_one_and_stays_out_of_memory(
        tmp_path, monkeypatch, women):
    count = 20_000
    table = evidence_tables.scored(count, seed=4)
    if not women:
        del table["patient"]
    evidence_tables.write(tmp_path / "a.csv", table)
    arguments = argparse.Namespace(at=[0.9], threshold=[0.3], prevalence=0.01)
    expected = columns.read(tmp_path / "a.csv", columns.Wanted(keys=False))
    monkeypatch.setattr(chunks, "LENGTH", 500)
    long = columns.read(tmp_path / "a.csv", columns.Wanted(keys=False))
    assert mapped.file_of(long.scores["score"]) and not mapped.file_of(
        expected.scores["score"])
    tracemalloc.start()
    results = validation.validated(long, arguments)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Some bytes of bool for each row, and what pieces and imports take.
    assert peak < 10 * count + 300_000
    assert numbers(results) == pytest.approx(
        numbers(validation.validated(expected, arguments)), rel=1e-9)


def numbers(results):
    """All numbers of some results, in order."""
    if isinstance(results, dict):
        results = list(results.values())
    if isinstance(results, (list, tuple)):
        return [number for part in results for number in numbers(part)]
    return numbers(dataclasses.astuple(results)) if dataclasses.is_dataclass(
        results) else [float(results)]


def test_scores_that_are_all_equal_are_named(sites, capsys):
    table = evidence_tables.scored(seed=1)
    evidence_tables.write(sites / "equal.csv", table | dict(score=[0.5] * 300))
    assert "all scores of score are equal" in run(capsys, sites / "equal.csv")
    assert "are equal" not in run(capsys, sites / "a.csv")


def test_all_that_is_said_of_two_sites_is_as_recorded(sites, monkeypatch):
    said = evidence_tables.findings(monkeypatch, [
        "validate", "--site", "A", sites / "a.csv", sites / "other.csv", "--site", "B",
        sites / "b.csv", "--threshold", 0.25, 0.6, "--at", 0.8, "--prevalence", 0.02])
    recorded.check("evidence-validate", said, dict(FOLDER=sites))


def test_all_that_is_said_of_a_divided_table_is_as_recorded(sites, monkeypatch):
    said = evidence_tables.findings(monkeypatch, [
        "validate", sites / "a.csv", "--by", "laterality"])
    recorded.check("evidence-validate-by", said, dict(FOLDER=sites))


def test_models_of_one_name_are_numbered(sites):
    for folder in "xyz":
        (sites / folder).mkdir()
        (sites / folder / "m.csv").write_bytes((sites / "a.csv").read_bytes())
    found = validation.read_all([sites / folder / "m.csv" for folder in "xyz"],
                                columns.Wanted())
    assert [table.name for table in found] == ["x/m", "y/m", "z/m"]
    members = [columns.read(sites / folder / "m.csv") for folder in "xyz"]
    assert list(validation.joined(members, "S").scores) == ["m", "m (2)", "m (3)"]


def test_differences_are_of_all_sites_with_two_models_and_of_pairs_of_sites(sites):
    one, two = (columns.read(sites / name, name=name[0]) for name in (
        "a.csv", "b.csv"))
    scores = one.scores["score"]
    both = dataclasses.replace(one, name="c", scores=dict(x=scores, y=1 - scores))
    rows = validation.between_models([one, both, two, both])
    assert [row["parts"] for row in rows] == [("c", "x", "y")] * 2
    area = validation.auc(one, "score").value
    assert rows[0]["difference"].value == pytest.approx(area - (1 - area))
    other = dataclasses.replace(two, scores=dict(z=two.scores["score"]))
    parts = [row["parts"] for row in validation.between_sites([one, two, other, both])]
    # Models of one name, or the only ones of both sites.
    assert parts == [("score", "a", "b"), ("score", "a", "b"), ("score", "b", "b")]


def test_tables_without_paths_or_of_other_images_are_not_laid_beside(sites):
    table = columns.read(sites / "a.csv")
    for change, words in (
            (dict(keys=None), "expected a column path"),
            (dict(keys=table.keys[:-1], labels=table.labels[:-1]), "cannot be laid"),
            (dict(keys=table.keys + (table.keys == table.keys.max())),
             "has other images than")):
        with pytest.raises(files.InputError, match=words):
            validation._same_order(table, dataclasses.replace(table, **change))


@pytest.mark.parametrize("flag", ["mean", "table"])
def test_flags_that_need_all_rows_in_memory_are_refused_of_large_tables(flag):
    arguments = argparse.Namespace(**dict(mean=None, table=None) | {flag: "a.csv"})
    with pytest.raises(files.InputError) as caught:
        validation.of_large_tables(arguments)
    assert str(caught.value) == (
        f"--{flag} holds all rows in memory, and the tables have more than 20 MB; "
        "divide them.")


def test_women_of_several_sites_are_counted_once_each():
    table = columns.Table(
        "t", np.zeros(7, bool), {}, np.array([0, 0, 0, 1, 1, 2, 3]), texts=dict(
            site=np.array(["A", "B", "C", "A", "A", "", "B"], object)))
    assert validation._shared([table], "site") == [
        "1 woman has rows under several values of site; differences between sites "
        "take them for those of other women."]
    assert validation._shared([table.subset(table.women > 0, "u")], "site") == []


@pytest.mark.parametrize(("low", "high", "judged"), [
    (0, 1, True), (-0.1, 1, False), (0, 1.1, False)])
def test_scores_from_0_to_1_have_a_calibration(low, high, judged):
    labels = np.arange(40) % 4 == 1
    scores = (np.arange(40) % 7 + 3 * labels) / 9
    table = columns.Table("t", labels, dict(m=low + (high - low) * scores))
    assert table.scores["m"].min() == low and table.scores["m"].max() == high
    result = validation.validated(table, argparse.Namespace(
        at=[], threshold=[], prevalence=None))["m"]
    assert ("calibration" in result) == judged


def test_tables_are_large_beyond_so_many_bytes_together(sites, monkeypatch):
    paths = [sites / "a.csv", sites / "none.csv", sites / "b.csv"]
    size = sum(path.stat().st_size for path in paths[::2])
    for limit, large in ((size, False), (size - 1, True)):
        monkeypatch.setattr(validation, "LARGE", limit)
        assert validation.are_large(paths) == large
