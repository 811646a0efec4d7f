"""Streamed figures of score tables: exact counts, and an AUC within its bound."""

import numpy as np
import pytest

from end2end import metrics
from end2end.archive import shards, streamed
from end2end.checkpoints import outputs
from end2end.utils import files


def test_streamed_auc_is_within_its_bound_of_the_exact_one(tmp_path):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 3000)
    values = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    shards.write_rows(tmp_path / "scores.csv", ("label", "score"), [
        dict(label=a, score=b) for a, b in zip(labels, values, strict=True)])
    figures = streamed.describe(tmp_path / "scores.csv", runs=300)
    exact = metrics.auc(labels, values)
    assert abs(figures["auc"] - exact) <= figures["auc_error_at_most"] + 1e-12
    assert figures["auc_error_at_most"] < 1e-3
    assert (figures["rows"], figures["positive"]) == (3000, labels.sum())
    np.testing.assert_allclose(
        figures["auc_interval"], metrics.auc_interval(labels, values, runs=300),
        atol=0.005)


def table(path, *rows):
    shards.write_rows(path, ("label", "score"), [
        dict(label=label, score=score) for label, score in rows])
    return path


def test_rows_without_score_or_label_are_counted_and_left_out(tmp_path):
    figures = streamed.describe(table(
        tmp_path / "a.csv", ("1", "0.9"), ("malignant", "0.2"), ("neg", "0.3"),
        ("0", "0"), ("no", "0.1"), ("1", ""), ("", "0.5"), ("maybe", "0.5")), runs=10)
    counts = {name: figures[name] for name in (
        "rows", "failed", "unlabelled", "positive", "negative")}
    assert counts == dict(rows=8, failed=1, unlabelled=2, positive=2, negative=3)
    # Of six pairs the score 0.2 loses one.
    assert figures["auc"] == pytest.approx(5 / 6)


@pytest.mark.parametrize(("score", "words"), [
    ("1.5", "'1.5'"), ("high", "'high'"), ("nan", "'nan'")])
def test_a_score_that_is_not_a_share_is_refused(tmp_path, score, words):
    with pytest.raises(files.InputError, match=words):
        streamed.describe(table(tmp_path / "a.csv", ("1", "0.5"), ("0", score)))


def test_one_class_alone_has_no_auc(tmp_path):
    with pytest.raises(files.InputError, match="0 positive and 1 negative"):
        streamed.describe(table(tmp_path / "a.csv", ("0", "0.5")))


def test_pairs_within_a_bin_count_half_and_bound_the_error():
    counts = np.zeros((2, streamed.BINS), np.int64)
    counts[0, 5], counts[1, 5], counts[1, 9] = 3, 1, 1
    assert streamed.auc(counts) == pytest.approx((3 * 0.5 + 3) / 6)


@pytest.mark.parametrize("flag", [outputs.UNKNOWN_ORDER, outputs.UNKNOWN_CLASS])
def test_rows_of_models_whose_order_of_outputs_nobody_says_are_counted(tmp_path, flag):
    flag = flag.format("m")
    shards.write_rows(tmp_path / "a.csv", ("label", "score", "flags"), [
        dict(label="pos", score="0.5", flags=f"a; {flag}"),
        dict(label="neg", score="0.3", flags="a")])
    assert streamed.describe(tmp_path / "a.csv", runs=9)["order_unknown"] == 1
    assert streamed.describe(table(
        tmp_path / "b.csv", ("1", "0.9"), ("0", "0.2")), runs=9)["order_unknown"] == 0
