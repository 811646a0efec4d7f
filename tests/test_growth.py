"""Curves of growth: exponents by hand, noise, the table and the picture."""

import pytest

from benchmarks import growth


def points(power, *, sizes=(10, 100, 1000, 10_000), second=1.0, memory=0):
    return [dict(size=size, seconds=1e-3 + size**power,
                 megabytes=700 + 0.5 * size**memory,
                 rounds=[second * size**power, 9 * size**power, size**power])
            for size in sizes]


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_the_exponent_is_that_of_the_upper_half(power):
    assert growth.exponent(points(power)) == pytest.approx(power, abs=0.01)


def test_noise_is_what_two_rounds_differ_by_over_the_range():
    assert growth.noise(points(1)) == 0
    assert growth.noise(points(1, second=2.0)) == pytest.approx(0.15, abs=0.01)


def test_what_was_done_once_tells_nothing_of_noise():
    measured = points(1, second=2.0)
    measured[-1]["rounds"] = [10_000]
    measured[-2]["rounds"] = [1000, 1100]
    measured[-3]["rounds"] = [100, 100]
    assert growth.noise(measured) == pytest.approx(0.0414 / 2, abs=1e-3)


@pytest.mark.parametrize("power, second, within", [
    (1, 1, "yes"), (1.3, 1, "no"), (1.3, 2.1, "yes"), (2, 2, "no")])
def test_a_curve_is_within_its_limit_or_the_noise(power, second, within):
    curve = growth.CURVES[0]
    cells = growth.line(curve, points(power, second=second)).split(" | ")
    assert cells[8] == f"{within} |" and cells[2] == "10 to 10,000 images"


@pytest.mark.parametrize("power, least, most, within", [
    (0.3, 0, 0, "yes"), (1, 0.99, 1.01, "yes"), (1.2, 1.15, 1.2, "no")])
def test_memory_counts_beyond_the_smallest_size(power, least, most, within):
    grown = points(1, memory=power)
    assert least <= growth.memory_exponent(grown) <= most
    assert growth.line(growth.CURVES[0], grown).endswith(f"| {within} |")


def test_conversions_of_a_curve_write_a_picture_for_each_file(tmp_path):
    growth.conversions(tmp_path, 3, (32, 24))()
    assert [path.name for path in sorted(tmp_path.glob("out0/*.png"))] == [
        "000000.png", "000001.png", "000002.png"]


def test_a_short_work_is_repeated_until_the_clock_can_tell():
    calls = []
    assert growth.seconds(lambda: calls.append(sum(range(1000)))) < 0.02
    assert len(calls) > 10


def test_an_unknown_curve_is_refused(capsys):
    with pytest.raises(SystemExit):
        growth.main(["none"])
    assert "no curve 'none'; expected listing" in capsys.readouterr().err
