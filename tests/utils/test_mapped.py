"""Tests of end2end.utils.mapped."""

import errno
import os
import pathlib

import numpy as np
import pytest

from end2end.utils import files, mapped


def in_file(values):
    column = mapped.Growing(np.asarray(values).dtype.char)
    for value in values:
        column.append(value)
    column.store()
    return column.values()


def test_numbers_keep_their_order_and_kind_through_files():
    column = mapped.Growing("d")
    for value in (1.5, -2.0, 0.1):
        column.append(value)
        if value < 0:
            column.store()
    values = column.values()
    assert values.dtype == np.float64 and values.tolist() == [1.5, -2.0, 0.1]
    assert mapped.file_of(values) is not None


def test_few_numbers_stay_in_memory():
    column = mapped.Growing("q")
    column.append(7)
    values = column.values()
    assert values.tolist() == [7] and mapped.file_of(values) is None


def test_views_know_the_file_that_they_lie_in():
    values = in_file([3.0, 1.0, 2.0])
    for view in (values[1:], values[::-1], np.asarray(values, np.float64)):
        assert mapped.file_of(view) is mapped.file_of(values)
    assert mapped.file_of(values.copy()) is None
    assert mapped.file_of(None) is None


def test_results_lie_in_files_where_what_they_come_from_does():
    values = in_file([3.0, 1.0])
    result = mapped.empty(5, np.int32, values)
    result[:] = range(5)
    mapped.release(result, values, None, np.arange(3))
    assert mapped.file_of(result) is not None and result.tolist() == [0, 1, 2, 3, 4]
    assert values.tolist() == [3, 1]
    assert mapped.file_of(mapped.empty(5, np.int32, np.arange(2))) is None
    assert len(mapped.empty(0, np.int32, values)) == 0


def test_a_file_has_its_length_where_no_room_can_be_set_aside(monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    values = mapped.empty(3, np.int64, in_file([3.0]))
    assert mapped.file_of(values) is not None and values.tolist() == [0, 0, 0]


def test_a_full_disk_is_said_before_anything_is_written(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")
    values = in_file([3.0, 1.0])
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(files.InputError, match=r"No space left.*TMPDIR"):
        mapped.empty(5, np.int32, values)


def test_a_full_disk_is_said_while_numbers_come(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")
    column = mapped.Growing("d")
    column.append(1.0)
    monkeypatch.setattr(mapped.tempfile, "TemporaryFile", full)
    with pytest.raises(files.InputError, match=r"No space left.*TMPDIR"):
        column.store()


@pytest.mark.skipif(not pathlib.Path("/proc/self/statm").exists(),
                    reason="only Linux tells what a process holds")
def test_released_pages_are_no_longer_memory_of_the_process():
    def pages_of_files():
        return int(pathlib.Path("/proc/self/statm").read_text().split()[2])
    before = pages_of_files()
    values = mapped.empty(4_000_000, np.float64, in_file([1.0]))
    values[:] = 3
    held = pages_of_files() - before
    mapped.release(values)
    assert held > 7000 and pages_of_files() - before < 1000
    assert values[-1] == 3


def test_a_column_without_numbers_takes_no_file():
    column = mapped.Growing("d")
    column.store()
    values = column.values()
    assert len(values) == 0 and values.dtype == np.float64
    assert mapped.file_of(values) is None
