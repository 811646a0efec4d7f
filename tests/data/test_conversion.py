"""Masks resized, grey levels spread over 16 bits, jobs that outlive their processes."""

import os

import cv2
import numpy as np
import pytest

from end2end.data import conversion


def test_a_tiny_region_survives_the_resizing_of_its_mask():
    mask = np.zeros((400, 400), np.uint8)
    mask[100:103, 200:203] = 255
    assert conversion.resized_mask(mask, (40, 40)).max() == 255


def test_a_region_keeps_its_area_when_resized():
    mask = np.zeros((400, 400), np.uint8)
    mask[100:200, 200:300] = 255
    small = conversion.resized_mask(mask, (40, 40))
    assert np.unique(small).tolist() == [0, 255] and (small == 255).sum() == 100


@pytest.mark.parametrize("centre", [(200, 300), (0, 0), (420, 517)])
def test_shares_of_a_region_are_those_of_resizing_by_area(centre):
    inside = np.zeros((421, 518), np.uint8)
    cv2.ellipse(inside, centre[::-1], (40, 23), 30, 0, 360, 255, cv2.FILLED)
    expected = cv2.resize(inside, (89, 115), interpolation=cv2.INTER_AREA)
    shares = conversion.inside_shares(inside, (115, 89))
    np.testing.assert_allclose(255 * shares, expected, atol=0.501)


def test_a_mask_without_a_region_stays_black():
    assert not conversion.resized_mask(np.zeros((50, 60), np.uint8), (20, 30)).any()


def test_8_bit_values_are_spread_over_16_bits():
    levels = conversion.to_16_bit(np.uint8([[0, 128, 255]]))
    assert levels.tolist() == [[0, 32896, 65535]]


def die_once(job):
    """A job that kills its process, as a crashing decoder does."""
    if job["key"] == "b":
        os._exit(1)
    return dict(outputs=[], complete=True)


@pytest.mark.slow
def test_a_file_that_kills_its_process_stops_nothing(tmp_path):
    jobs = [dict(key=key, sources=[], settings=[]) for key in "abcd"]
    records = conversion.run_jobs(
        jobs, die_once, ledger=conversion.Ledger(tmp_path / "x.jsonl"), workers=2)
    assert [record["failed"] is None for record in records] == [
        True, False, True, True]


def test_the_ledger_is_the_same_whichever_job_was_done_first(tmp_path):
    jobs = [dict(key=key, sources=[], settings=[key]) for key in ("b", "c", "a")]

    def convert(job):
        return dict(outputs=[], complete=True)

    whole, broken = (tmp_path / name for name in ("whole.jsonl", "broken.jsonl"))
    conversion.run_jobs(jobs, convert, ledger=conversion.Ledger(whole))
    conversion.run_jobs(jobs[2:], convert, ledger=conversion.Ledger(broken))
    conversion.run_jobs(jobs, convert, ledger=conversion.Ledger(broken))
    assert broken.read_text() == whole.read_text()
    assert whole.read_text().index('"b"') < whole.read_text().index('"a"')
