"""`end2end images`: all that is said of uneven sets."""

import bars
import cv2
import numpy as np
import recorded
import tiny_classifier

from end2end.images import __main__ as program


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def test_all_that_is_said_of_sets_is_as_recorded(tmp_path, capsys, monkeypatch):
    shown, made = bars.drawn(monkeypatch), bars.noted(monkeypatch)
    for number in range(7):
        part = "train" if number < 4 else "val"
        write(tmp_path / part / ("neg", "pos")[number % 3 == 0]
              / f"P_{number}_LEFT_CC.png", tiny_classifier.picture(number))
    write(tmp_path / "val" / "pos" / "dark.png", np.full((50, 30), 3, np.uint16))
    write(tmp_path / "val" / "neg" / "wide.png",
          tiny_classifier.picture(9, np.uint8).repeat(3, axis=1))
    (tmp_path / "train" / "pos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for words in (
            [tmp_path, "--img-size", "30", "20", "--workers", "0"],
            [tmp_path / "train", tmp_path / "val", "--img-height", "26",
             "--rescale-factor", "0.004", "--equalize-hist", "--class-list", "pos",
             "neg"],
            [tmp_path / "val" / "neg", "--img-size", "30", "20"]):
        program.main(list(map(str, words)))
    recorded.check("images-command", capsys.readouterr().out, dict(FOLDER=tmp_path))
    assert made == [(total, "image", None) for total in (10, 10, 3)]
    assert [bar.n for bar in shown] == [10, 10, 3]
