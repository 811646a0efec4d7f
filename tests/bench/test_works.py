"""Where and what `end2end bench` measures."""

import pytest

from end2end.bench import works
from end2end.training import tuning


def test_every_work_is_measured_by_a_row_that_exists():
    assert {work.measure for work in works.WORKS} <= set(tuning.WORKS)
    assert all(scale.sizes.keys() == {work.kind for work in works.WORKS}
               for scale in works.SCALES.values())


@pytest.mark.parametrize("gpus, count, names", [
    (2, 0, ["GPU 0", "GPU 1", "2 GPUs"]), (3, 2, ["GPU 0", "GPU 1", "GPU 2", "2 GPUs"]),
    (1, 0, ["GPU 0"]), (1, 4, ["GPU 0"]), (0, 0, ["processor"]),
    (0, 2, ["processor", "processor as 2 devices"])])
def test_each_gpu_is_measured_and_all_together(gpus, count, names):
    places, _ = works.places(gpus, count, on_gpus=True)
    assert [place.name for place in places] == names


@pytest.mark.parametrize("gpus, count, on_gpus, parts", [
    (0, 2, True, ["TensorFlow sees none"]), (0, 0, False, ["several devices"]),
    (2, 0, True, []), (1, 0, True, ["there is one"]), (2, 1, True, ["is 1"]),
    (2, 2, False, ["--gpu measures them"])])
def test_what_is_not_measured_is_said(gpus, count, on_gpus, parts):
    _, missing = works.places(gpus, count, on_gpus=on_gpus)
    assert len(missing) == len(parts)
    assert all(part in text for part, text in zip(parts, missing, strict=True))


def test_a_machine_with_gpus_measures_its_processor_unless_asked_for_them():
    places, _ = works.places(2, 0, on_gpus=False)
    assert [place.kind for place in places] == ["CPU"]
