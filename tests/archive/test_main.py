"""The program of archives: prepared images, manifests, and scores as elsewhere."""


import numpy as np
import pytest

from end2end.archive import __main__ as program
from end2end.archive import shards
from end2end.archive import work as archive_work
from end2end.utils import files


def test_preparing_writes_16_bit_images_and_names_the_unreadable(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((80, 60), 255, np.uint8))
    shards.write_rows(tmp_path / "in.csv", ("path",), [
        dict(path="a.png"), dict(path=tmp_path / "none.png")])
    program.main(["prepare", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out"),
                  "--size", "64", "48"])
    good, bad = shards.read_rows(tmp_path / "out")
    made = cv2.imread(good["path"], cv2.IMREAD_UNCHANGED)
    assert made.shape == (64, 48)
    assert made.dtype == np.uint16
    assert made.min() == 65535
    assert "does not exist" in bad["error"]


@pytest.mark.parametrize("content, reason", [
    ("path,label\n", "has no rows"), ("", "has no rows"),
    ("picture,label\na.png,1\n", "has no path")])
def test_what_is_no_manifest_is_refused_before_anything_is_written(
        tmp_path, content, reason):
    (tmp_path / "in.csv").write_text(content)
    with pytest.raises(files.InputError, match=reason):
        program.main(["prepare", str(tmp_path / "in.csv"),
                      "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flips", [True, False])
def test_archive_scores_equal_those_of_the_ordinary_path(tmp_path, flips):
    import cv2
    import tiny_classifier

    from end2end import checkpoints, prediction

    model, rows = tiny_classifier.save(tmp_path / "m.h5"), []
    for k in range(7):
        path = tmp_path / f"P_{k}_LEFT_CC.png"
        cv2.imwrite(str(path), tiny_classifier.picture(k))
        rows.append(dict(path=path.name))
    scored = archive_work.score_rows(
        rows, table=str(tmp_path / "in.csv"), models=(str(model),),
        flips=flips, batch_size=3)
    scores = [float(row["score"]) for row in scored]
    loaded = checkpoints.load_classifier(model)
    paths = [tmp_path / row["path"] for row in rows]
    same, other = (prediction.predict(loaded, paths, flips=way)[:, 1]
                   for way in (flips, not flips))
    np.testing.assert_allclose(scores, same, rtol=1e-5)
    # The picture and its flips do not score alike, or this would say nothing.
    assert abs(same - other).max() > 100 * abs(scores - same).max()
    assert scored[3]["patient"].endswith("/P_3") and scored[3]["laterality"] == "L"
