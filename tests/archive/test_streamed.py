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
    ("1.5", "'1.5'"), ("0.1_5", "'0.1_5'"), ("high", "'high'"), ("nan", "'nan'")])
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


def test_the_interval_follows_the_draws_of_the_bins():
    # Of 3 and 5 images in three bins of unequal counts.
    counts = np.zeros((2, streamed.BINS), np.int64)
    counts[0, [3, 70]] = 2, 1
    counts[1, [70, 900]] = 4, 1
    low, high = streamed.auc_interval(counts, runs=400, seed=5)
    rng = np.random.default_rng(5)
    cells = np.array([2, 1, 0, 0, 4, 1])
    areas = []
    for drawn in rng.multinomial(8, cells / 8, size=400):
        negative, positive = drawn[:3], drawn[3:]
        pairs = negative.sum() * positive.sum()
        won = sum(positive[i] * (negative[:i].sum() + negative[i] / 2)
                  for i in range(3))
        areas.append(won / pairs if pairs else np.nan)
    assert (low, high) == pytest.approx(tuple(np.nanquantile(areas, [0.025, 0.975])))


def test_bins_are_joined_to_so_many_that_the_interval_stays_near(monkeypatch):
    rng = np.random.default_rng(3)
    counts = np.zeros((2, streamed.BINS), np.int64)
    counts[0, 1000:1400] = rng.integers(1, 9, 400)
    counts[1, 1100:1600] = rng.integers(1, 5, 500)
    drawn = []
    statistic = streamed._statistic
    monkeypatch.setattr(streamed, "_statistic",
                        lambda bins: drawn.append(bins) or statistic(bins))
    fine = streamed.auc_interval(counts, runs=200)
    monkeypatch.setattr(streamed, "GROUPS", 50)
    coarse = streamed.auc_interval(counts, runs=200)
    # The empty bins before the first count may be one more.
    assert 600 <= drawn[0] <= 601 and 45 <= drawn[1] <= 51
    assert coarse == pytest.approx(fine, abs=0.01)


def test_the_bound_is_the_share_of_the_tied_pairs(tmp_path):
    figures = streamed.describe(table(
        tmp_path / "a.csv", ("1", "0.5"), ("0", "0.5"), ("0", "0.5"), ("1", "1"),
        ("0", "-0.0")), runs=20)
    assert figures["auc_error_at_most"] == pytest.approx(2 / 2 / 6)
    assert figures["auc"] == pytest.approx((0.5 * 2 + 1 + 3) / 6)
    assert figures["auc_interval"][0] <= figures["auc"] <= figures["auc_interval"][1]


@pytest.mark.parametrize("rows", [2, 3, 5])
def test_rows_beyond_those_held_at_once_are_counted_once(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(streamed, "ROWS", rows)
    held, count = [], streamed._count
    monkeypatch.setattr(streamed, "_count", lambda counts, labels, values: (
        held.append(len(values)), count(counts, labels, values)))
    counts, left_out, unknown = streamed.histogram(table(
        tmp_path / "a.csv", *[("01"[k % 3 == 0], str(k / 7)) for k in range(7)]))
    assert counts.sum(axis=1).tolist() == [4, 3] and unknown == 0
    assert left_out == dict(failed=0, unlabelled=0)
    assert held == [rows] * (7 // rows) + [7 % rows]
    assert np.flatnonzero(counts[1]).tolist() == [
        int(np.float32(k / 7).view(np.int32)) >> 10 for k in (0, 3, 6)]


def test_an_image_whose_score_is_0_is_drawn_too():
    counts = np.zeros((2, streamed.BINS), np.int64)
    counts[0, 0], counts[1, 5] = 1, 5000   # more than there are groups
    assert streamed.auc_interval(counts, runs=9, seed=1) == (1, 1)
