"""Masks resized, grey levels spread over 16 bits, jobs that outlive their processes."""

import concurrent.futures
import json
import logging
import os

import bars
import cv2
import dicom_writer
import numpy as np
import pytest

from end2end.data import conversion


def test_a_tiny_region_survives_the_resizing_of_its_mask():
    mask = np.zeros((400, 400), np.uint8)
    mask[100:103, 200:203] = 255
    assert conversion.resized_mask(mask, (40, 40)).max() == 255


@pytest.mark.parametrize(("shape", "kept"), [((17, 30), True), ((7, 73), False)])
def test_of_a_pixel_a_level_of_510_is_the_least_that_survives(shape, kept):
    mask = np.zeros(shape, np.uint8)
    mask[3, 5] = 255
    assert conversion.resized_mask(mask, (1, 1)).tolist() == [[255 * kept]]


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


def test_a_region_of_any_size_covers_what_it_covers():
    shares = conversion.inside_shares(np.full((2950, 2900), 255, np.uint8), (2, 3))
    np.testing.assert_allclose(shares, np.ones((2, 3)), rtol=1e-12)


def test_a_mask_without_a_region_stays_black():
    assert not conversion.resized_mask(np.zeros((50, 60), np.uint8), (20, 30)).any()


def test_8_bit_values_are_spread_over_16_bits():
    levels = conversion.to_16_bit(np.uint8([[0, 128, 255]]))
    assert levels.tolist() == [[0, 32896, 65535]]


def test_numbers_of_a_rescaling_are_rounded_and_cut():
    numbers = np.float32([[-3, 1.6], [65535.4, 65536.2]])
    assert conversion._whole_numbers(numbers).tolist() == [[0, 2], [65535, 65535]]


def test_values_are_multiplied_rounded_and_cut():
    pixels = np.uint16([[0, 1, 3], [26214, 26215, 65535]])
    assert conversion.to_16_bit(pixels).tolist() == pixels.tolist()
    assert conversion.to_16_bit(pixels, 2.5).tolist() == [
        [0, 2, 8], [65535, 65535, 65535]]
    assert conversion.to_16_bit(np.uint8([[3, 255]]), 0.5).tolist() == [[2, 128]]
    assert conversion.to_16_bit(np.uint8([[0, 3]]), -1.0).tolist() == [[0, 0]]


def test_images_are_resized_to_height_and_width():
    pixels = np.zeros((30, 20), np.uint16)
    pixels[:10] = 500
    assert conversion.resized(pixels, [30, 20]) is pixels
    small = conversion.resized(pixels, [60, 10])
    assert small.shape == (60, 10) and small.dtype == np.uint16
    assert small[15, 3] == 500 and small[30, 3] == 0


def test_half_of_a_pixel_is_inside_a_mask():
    mask = np.zeros((40, 60), np.uint16)
    mask[2:4, :5], mask[10:13, 20:25], mask[30:32, 40:45] = 200, 101, 100
    # Blocks of 4 rows and 5 columns: half of two; 100 is no more than half of 200.
    assert np.argwhere(conversion.resized_mask(mask, (10, 12))).tolist() == [
        [0, 0], [2, 4]]
    mask[2:4] = mask[11:13] = mask[30:32] = 0
    assert np.argwhere(conversion.resized_mask(mask, (10, 12))).tolist() == [[2, 4]]


def test_what_is_no_mammogram_is_read_with_its_numbers_or_named(tmp_path):
    pixels = np.arange(600, dtype=np.uint16).reshape(30, 20)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    read, mammogram = conversion.read_mammogram(tmp_path / "a.png")
    assert mammogram is None and (read == pixels).all()
    assert (conversion.read_stored(tmp_path / "a.png") == pixels).all()
    dicom_writer.write(tmp_path / "b.dcm", pixels, RescaleSlope="1.5",
                       RescaleIntercept="-3.25")
    read, mammogram = conversion.read_mammogram(tmp_path / "b.dcm")
    assert mammogram is not None and read.dtype == np.uint16
    assert conversion.read_shape(tmp_path / "b.dcm") == (30, 20)
    assert conversion.read_shape(tmp_path / "a.png") == (30, 20)
    (tmp_path / "c.png").write_text("none")
    for reader in (conversion.read_mammogram, conversion.read_stored,
                   conversion.read_shape):
        with pytest.raises(conversion.Unreadable) as error:
            reader(tmp_path / "c.png")
        assert not str(error.value).startswith(str(tmp_path))


@pytest.mark.parametrize(("error", "reason"), [
    (ValueError("two\n  lines"), "cannot be read: two lines"),
    (ValueError(f"{'x' * 199}yz"), f"cannot be read: {'x' * 199}y"),
    (MemoryError(), "cannot be read: MemoryError")])
def test_the_reason_is_a_short_line(tmp_path, monkeypatch, error, reason):
    def read(path):
        raise error

    (tmp_path / "a.png").write_bytes(b"no DICOM")
    monkeypatch.setattr(conversion.images, "read_image", read)
    with pytest.raises(conversion.Unreadable) as caught:
        conversion.read_mammogram(tmp_path / "a.png")
    assert str(caught.value) == reason


@pytest.mark.parametrize(("pixels", "shown"), [
    (np.zeros((3, 2), np.float32), "(3, 2), float32"),
    (np.zeros((3, 2, 3), np.uint8), "(3, 2, 3), uint8")])
def test_what_is_no_grey_picture_of_whole_numbers_is_no_mask(
        tmp_path, monkeypatch, pixels, shown):
    (tmp_path / "a.png").write_bytes(b"no DICOM")
    monkeypatch.setattr(conversion.images, "read_image", lambda path: pixels)
    with pytest.raises(conversion.Unreadable) as caught:
        conversion.read_stored(tmp_path / "a.png")
    assert str(caught.value) == f"is not a grey image of 8 or 16 bits ({shown})"


def write_key(job):
    """Writes the settings into the file that the job names; fails for `bad`."""
    if job["key"] == "bad":
        raise conversion.Unreadable("is no image")
    (job["folder"] / job["name"]).write_text(str(job["settings"]))
    return dict(outputs=[job["name"]], complete=True, mark=job["settings"])


@pytest.fixture
def call(tmp_path):
    """Runs jobs by key; each reads `source` and writes `KEY.txt`."""
    (tmp_path / "source").write_text("123")

    def call(*keys, settings=5, name="{}.txt"):
        done = []

        def noted(job):
            done.append(job["key"])
            return write_key(job)
        jobs = [dict(key=key, sources=[tmp_path / "source"], settings=settings,
                     folder=tmp_path, name=name.format(key)) for key in keys]
        records = conversion.run_jobs(
            jobs, noted, ledger=conversion.Ledger(tmp_path / "ledger.jsonl"))
        return done, records
    return call


def lines(tmp_path):
    return list(map(json.loads, (tmp_path / "ledger.jsonl").read_text().splitlines()))


def test_a_second_call_does_what_is_missing_changed_or_failed(tmp_path, call, caplog):
    caplog.set_level(logging.INFO)
    done, records = call("b", "bad", "a")
    assert done == ["b", "bad", "a"] and caplog.text == ""
    assert [(record["key"], record["failed"], record["complete"], record["outputs"])
            for record in records] == [
        ("b", None, True, {"b.txt": 1}), ("bad", "is no image", False, {}),
        ("a", None, True, {"a.txt": 1})]
    assert records[0]["mark"] == 5
    done, second = call("b", "bad", "a")
    assert done == ["bad"] and [record["key"] for record in second] == ["b", "bad", "a"]
    assert "2 of 3 were done before" in caplog.text and "done again" not in caplog.text
    (tmp_path / "a.txt").write_text("longer")
    assert call("b", "a")[0] == ["a"] and "1 are done again" in caplog.text
    (tmp_path / "a.txt").unlink()
    assert call("b", "a")[0] == ["a"]
    assert call("b", "a", settings=77)[0] == ["b", "a"]
    (tmp_path / "source").write_text("1234")
    assert call("b", "a", settings=77)[0] == ["b", "a"]
    caplog.clear()
    assert call("b", "a", settings=77)[0] == []


def test_what_a_job_made_before_and_no_longer_makes_is_removed(tmp_path, call):
    call("a", "b", "c")
    (tmp_path / "other.txt").write_text("not ours")
    # A job that is asked no more, and one that writes under another name.
    call("a", "c")
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == [
        "a.txt", "c.txt", "other.txt"]
    assert [record["key"] for record in lines(tmp_path)] == ["a", "c"]
    call("a", "c", name="new-{}.txt", settings=6)
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == [
        "new-a.txt", "new-c.txt", "other.txt"]


def test_damaged_lines_of_a_ledger_are_passed_over_and_no_file_outside_is_removed(
        tmp_path, call):
    call("a", "b")
    outside = tmp_path.parent / f"{tmp_path.name}-outside.txt"
    outside.write_text("kept")
    record = dict(lines(tmp_path)[0], key="gone")
    with open(tmp_path / "ledger.jsonl", "a") as stream:
        for outputs in ({str(outside): 4}, {f"../{outside.name}": 4}):
            stream.write(json.dumps(dict(record, outputs=outputs)) + "\n")
        stream.write('{"key": "a"}\n[1]\n{"key": "b", "sig')
    with open(tmp_path / "ledger.jsonl", "ab") as stream:
        stream.write(b"\xff\n")
    assert call("a", "b")[0] == [] and outside.read_text() == "kept"
    assert [line["key"] for line in lines(tmp_path)] == ["a", "b"]


def test_settings_in_another_order_are_the_same_settings():
    first, same, other = (conversion.signature(dict(sources=[], settings=settings))
                          for settings in (dict(a=1, b=2), dict(b=2, a=1), dict(a=1)))
    assert first == same != other


def test_a_source_that_changes_while_it_is_read_is_read_by_the_next_call(tmp_path):
    source = tmp_path / "source"
    source.write_text("1")
    job = dict(key="a", sources=[source], settings=[])

    def change(job):
        source.write_text("longer")
        return dict(outputs=[], complete=True)
    path = tmp_path / "ledger.jsonl"
    least = dict(key="a", signature="b", complete=True, outputs={})
    path.write_text(json.dumps(least))
    assert conversion.Ledger(path).records == dict(a=least)
    path.unlink()
    conversion.run_jobs([job], change, ledger=conversion.Ledger(path))
    assert not conversion.Ledger(path).done(job)
    conversion.run_jobs([job], lambda job: dict(outputs=[], complete=True),
                        ledger=conversion.Ledger(path))
    assert conversion.Ledger(path).done(job)
    source.unlink()
    assert not conversion.Ledger(path).done(job)


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


def test_jobs_whose_process_died_are_done_alone_and_fail_if_it_dies_again(
        tmp_path, monkeypatch):
    """The process dies while `b` is read, always, and once while `d` is."""
    asked = []

    class Pool(concurrent.futures.ThreadPoolExecutor):
        def submit(self, function, *arguments):
            key = arguments[-1]["key"]
            asked.append((self._max_workers, key))
            if key == "b" or (key == "d" and asked.count((2, "d")) == len(
                    [pair for pair in asked if pair[1] == "d"])):
                future = concurrent.futures.Future()
                future.set_exception(concurrent.futures.process.BrokenProcessPool())
                return future
            return super().submit(function, *arguments)

    monkeypatch.setattr(conversion.processes, "pool", Pool)
    jobs = [dict(key=key, sources=[], settings=[]) for key in "abcd"]
    records = conversion.run_jobs(
        jobs, lambda job: dict(outputs=[], complete=True, mark=job["key"] * 2),
        ledger=conversion.Ledger(tmp_path / "x.jsonl"), workers=2)
    assert asked == [(2, "a"), (2, "b"), (2, "c"), (2, "d"), (1, "b"), (1, "d")]
    assert [(record["failed"], record.get("mark")) for record in records] == [
        (None, "aa"), ("the process that read it died", None), (None, "cc"),
        (None, "dd")]
    assert not records[1]["complete"]
    asked.clear()
    conversion.run_jobs([dict(job, settings=1) for job in jobs[:1]], lambda job: dict(
        outputs=[], complete=True), ledger=conversion.Ledger(tmp_path / "x.jsonl"),
        workers=2)
    assert asked == []
    conversion.run_jobs([dict(job, settings=2) for job in jobs[::2]], lambda job: dict(
        outputs=[], complete=True), ledger=conversion.Ledger(tmp_path / "x.jsonl"),
        workers=2)
    assert asked == [(2, "a"), (2, "c")]


def test_the_ledger_is_the_same_whichever_job_was_done_first(tmp_path, monkeypatch):
    jobs = [dict(key=key, sources=[], settings=[key]) for key in ("b", "c", "a")]

    def convert(job):
        return dict(outputs=[], complete=True)

    shown, made = bars.drawn(monkeypatch), bars.noted(monkeypatch)
    whole, broken = (tmp_path / name for name in ("whole.jsonl", "broken.jsonl"))
    conversion.run_jobs(jobs, convert, ledger=conversion.Ledger(whole))
    conversion.run_jobs(jobs[2:], convert, ledger=conversion.Ledger(broken))
    conversion.run_jobs(jobs, convert, ledger=conversion.Ledger(broken))
    assert made == [(count, "image", None) for count in (3, 1, 2)]
    assert [bar.n for bar in shown] == [3, 1, 2]
    assert broken.read_text() == whole.read_text()
    assert whole.read_text().index('"b"') < whole.read_text().index('"a"')
