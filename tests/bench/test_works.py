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


def test_places_and_what_is_left_out_are_said_in_full():
    one, two = works.Place("CPU"), works.Place("CPU", count=2)
    gpus = [works.Place("GPU", number) for number in range(2)]
    none = "several devices together: there is one"
    assert works.places(0, 1, on_gpus=True) == ([one], [
        "GPUs: TensorFlow sees none; the processor is measured in their place", none])
    assert works.places(2, 2, on_gpus=False) == (
        [one, two], ["2 GPU(s): --gpu measures them"])
    assert works.places(0, 2, on_gpus=False) == ([one, two], [])
    assert works.places(2, 5, on_gpus=True) == (
        [*gpus, works.Place("GPU", count=2)], [])
    assert works.places(2, 1, on_gpus=True) == (
        gpus, ["several GPUs together: NUM_GPU_DEVICES is 1"])
    assert works.places(1, 4, on_gpus=True) == (
        gpus[:1], ["several GPUs together: there is one"])
