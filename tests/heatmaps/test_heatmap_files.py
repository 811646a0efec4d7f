"""Tests of end2end.heatmap_files against files of other kinds."""

import pickle
import tracemalloc

import numpy as np
import pytest

from end2end.heatmaps import heatmap_files
from end2end.utils import files
from tests.fuzz import seeds


def test_a_pickle_of_the_original_is_read(tmp_path):
    path = tmp_path / "h.pkl"
    path.write_bytes(seeds.of("heatmaps")[1])
    case, = heatmap_files.read_cases(path)
    assert (case.patient_id, case.side, case.cancer) == ("a", "L", 1)
    np.testing.assert_array_equal(case.cc, np.zeros((2, 2, 2), np.float32))


@pytest.mark.parametrize("data", [
    seeds.of("heatmaps")[2],                                  # a call of os.system
    b"(lr\xff\xff\xff\x0fI1\n.",                              # 268 million memories
    pickle.BYTEARRAY8 + (1 << 33).to_bytes(8, "little") + b".",
    b"", b".", b"\x80\x04\x95", b"I" + b"9" * 5000 + b"\n."])
def test_what_is_no_heatmap_is_refused_without_taking_memory(data, tmp_path):
    path = tmp_path / "h.pkl"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(files.InputError, match="cannot be read"):
            heatmap_files.read_cases(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
