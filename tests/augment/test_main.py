"""The picture that `end2end augment` draws."""

import cv2
import numpy as np
import pytest

from end2end.augment import __main__ as program
from end2end.utils import files


def noise(*shape, seed=0):
    return (np.random.default_rng(seed).random(shape) * 255).astype(np.float32)


def test_the_command_draws_each_image_beside_its_samples(tmp_path, capsys):
    for name in "abc":
        cv2.imwrite(str(tmp_path / f"{name}.png"),
                    noise(40, 30, seed=ord(name)).astype(np.uint8))
    out = tmp_path / "samples" / "sheet.png"
    program.main(["--show", str(tmp_path), "--out", str(out), "--samples", "2",
                  "--images", "2", "--img-size", "32", "24"])
    assert cv2.imread(str(out)).std() > 10
    assert "2 of 3 images" in capsys.readouterr().out


@pytest.mark.parametrize("words, reason", [
    (["--show", "none", "--out", "a.png"], "does not exist"),
    (["--show", ".", "--out", "a.xyz"], "not a picture"),
    (["--show", ".", "--out", "a.png", "--samples", "0"], "--samples must be at least"),
    (["--show", ".", "--out", "a.png", "--images", "0"], "--images must be at least")])
def test_the_command_refuses_wrong_input_in_one_line(words, reason):
    with pytest.raises(files.InputError, match=reason):
        program.main(words)


@pytest.mark.parametrize(("words", "shown", "many"), [
    ([], "abce", dict(samples=5, seed=12345)), (["--images", "9"], "abcde", {}),
    (["--images", "1", "--samples", "1", "--seed", "3"], "a", dict(samples=1, seed=3))])
def test_images_are_spread_evenly_over_those_that_are_listed(
        tmp_path, monkeypatch, capsys, words, shown, many):
    for name in "abcde":
        cv2.imwrite(str(tmp_path / f"{name}.png"), noise(4, 3).astype(np.uint8))
    drawn = []
    monkeypatch.setattr(program.augment.samples, "save_samples", lambda *words, **how: (
        drawn.append((*words, how))))
    out = str(tmp_path / "sheet.png")
    program.main(["--show", str(tmp_path), "--out", out, *words])
    ((paths, written, options, how),) = drawn
    assert "".join(path.stem for path in paths) == shown and written == out
    assert options.stretch_max_to == 255 and how.items() >= many.items()
    assert capsys.readouterr().out == (
        f"Augmenting {len(shown)} of 5 images, {how['samples']} samples each, seeds "
        f"from {how['seed']}.\nWritten: {out}\n")
