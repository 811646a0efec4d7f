"""Tests of end2end.evidence.inputs."""

import json

import numpy as np
import pytest

from end2end.evidence import inputs
from end2end.metrics.shares import Estimate
from end2end.reports.report import Heading, Table, Text
from end2end.tables import columns
from end2end.utils import files


def test_results_become_json_without_numbers_that_json_lacks():
    value = dict(a=Estimate(0.5, 0.1, np.inf), b=[np.float64(2), np.nan, (1, "x")],
                 c=np.float32("nan"), d=True, e="text", f=np.int64(3))
    assert json.loads(json.dumps(inputs.as_json(value))) == dict(
        a=dict(value=0.5, low=0.1, high=None), b=[2.0, None, [1, "x"]], c=None, d=True,
        e="text", f=3)


def test_estimates_and_p_values_as_text():
    assert inputs.shown(Estimate(0.8123, 0.7, 0.9)) == "0.812 (0.700 to 0.900)"
    assert inputs.shown(None) == ""
    assert [inputs.p_text(p) for p in (0.0466, 2e-9, np.nan, 0.001, 0.00099)] == [
        "0.047", "< 0.001", "", "0.001", "< 0.001"]
    assert inputs.shown(Estimate(0.81236, 0.7, 0.9), 4) == "0.8124 (0.7000 to 0.9000)"


@pytest.mark.parametrize("value", (0.0, 1.0, -3, 2))
def test_a_share_out_of_range_is_refused_by_its_flag(value):
    with pytest.raises(files.InputError, match="--prevalence"):
        inputs.share(value, "--prevalence")
    assert inputs.share(0.25, "--prevalence") == 0.25
    assert inputs.share(None, "--prevalence") is None


def test_a_table_of_one_class_is_refused():
    table = columns.Table("a", np.ones(3, bool), {})
    with pytest.raises(files.InputError, match="a: all 3 rows have the label 1"):
        inputs.judged(table)
    assert inputs.lacking(columns.Table("a", np.zeros(2, bool), {})) == (
        "all 2 rows have the label 0; expected rows with and without cancer.")


def test_a_table_is_described_with_what_was_left_out():
    text = inputs.described(columns.Table(
        "a", np.array([True, False]), {}, left_out={"without a label": 4}))
    assert "2 rows, 1 with cancer" in text and "4 left out without a label" in text


def test_lines_and_a_page_hold_the_same(tmp_path):
    lines = inputs.finish(inputs.Findings("Title", dict(a=1), [
        Heading("H"), Text("A sentence."), Table(("x",), [("cell",)], "Caption")]),
        str(tmp_path / "out"))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for text in ("A sentence.", "cell", "Caption"):
        assert text in "\n".join(lines) and text in page
    assert "Figures" not in page
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == dict(a=1)


def test_a_table_of_one_woman_is_refused_and_few_women_are_named():
    labels = np.array([True, False, True, False])
    with pytest.raises(files.InputError, match="all 4 rows are of one woman"):
        inputs.judged(columns.Table("a", labels, {}, np.zeros(4, np.int32)))
    for women, named in ((labels.astype(np.int32), True),
                         (np.arange(9, dtype=np.int32), True),
                         (np.arange(10, dtype=np.int32), False)):
        table = inputs.judged(columns.Table(
            "a", np.resize(labels, len(women)), {}, women))
        assert ("not to be trusted" in inputs.described(table)) == named


def test_cases_are_counted_by_class():
    table = columns.Table("a", np.array([True, True, False, True]), {})
    assert inputs.cases(table) == dict(positive=3, count=4)


def test_rows_that_repeat_a_path_are_named():
    labels = np.array([True, False])
    assert "the path of an earlier row: 3" in inputs.described(
        columns.Table("a", labels, {}, repeated=3))
    assert "earlier row" not in inputs.described(columns.Table("a", labels, {}))
