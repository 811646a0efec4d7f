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
    (["--show", ".", "--out", "a.png", "--samples", "0"], "at least 1")])
def test_the_command_refuses_wrong_input_in_one_line(words, reason):
    with pytest.raises(files.InputError, match=reason):
        program.main(words)
