"""The program that cuts patches where a patch classifier errs."""

import bars
import cv2
import numpy as np
import pytest
import saved_models

from ddsm_train import mine_patches, sample_patches_combined
from end2end.utils import files, locks

FLAGS = ["--target-height", "64", "--target-width", "48", "--no-segment-breast",
         "--patch-size", str(saved_models.PATCH), "--nb-hns", "0", "--nb-abn", "4",
         "--nb-bkg", "4", "--no-verbose", "--pos-cutoff", "0.5"]


@pytest.fixture
def women(tmp_path):
    """A has a bright mass and bright tissue beside it; the mass of B is too dark for a
    classifier by brightness. C is not in the list."""
    for name in ("full", "mask"):
        (tmp_path / name).mkdir()
    lines = ["patient_id,side,view,abn_num,pathology,type"]
    for woman, grey in (("A", 250), ("B", 30), ("C", 250)):
        image = np.full((64, 48), 20, np.uint8)
        mask = np.zeros((64, 48), np.uint8)
        mask[30:46, 6:22] = 255
        image[mask > 0] = grey
        if woman != "B":
            image[2:18, 28:44] = 250
        cv2.imwrite(str(tmp_path / "full" / f"{woman}_LEFT_CC.png"), image)
        cv2.imwrite(str(tmp_path / "mask" / f"Mass-Training_{woman}_LEFT_CC_1.png"),
                    mask)
        lines.append(f"{woman},LEFT,CC,1,MALIGNANT,mass")
    (tmp_path / "rois.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "women.txt").write_text("A\nB\n")
    saved_models.patch_model(tmp_path / "patch.h5")
    return tmp_path


def words(women, *more):
    return [*map(str, (women / "rois.csv", women / "mask", women / "women.txt",
                       women / "full", women / "mined", "--patch-model",
                       women / "patch.h5")), *FLAGS, *more]


def test_errors_of_the_women_in_the_list_replace_patches_and_are_counted(
        women, capsys, monkeypatch):
    made = bars.noted(monkeypatch)
    assert mine_patches.main(words(women)) == 0
    assert made == [(2, "image", None)]
    assert (women / "mined", True) in locks.written()
    text = capsys.readouterr().out
    # Two of the four of A's background; half of B's mass; nothing of what is right.
    assert "16 patches: 2 false positives, 2 false negatives, 12 as drawn." in text
    assert "--resume-from" in text
    names = {path.name[0] for path in (women / "mined").rglob("*.png")}
    assert names == {"A", "B"}
    patch = cv2.imread(str(women / "mined/background/A_LEFT_CC_1_0003.png"), -1)
    assert patch.mean() > 100
    assert mine_patches.main(words(women)) == 0
    assert "2 of them done before" in capsys.readouterr().out


def test_there_are_as_many_patches_as_the_sampler_cuts(women):
    mine_patches.main(words(women))
    sample_patches_combined.main([
        *map(str, (women / "rois.csv", women / "mask", women / "women.txt",
                   women / "full", women / "drawn", women / "val")),
        "--val-size", "0", *FLAGS])
    listed = [sorted(path.relative_to(women / name).as_posix() for path in
                     (women / name).rglob("*") if path.is_file())
              for name in ("mined", "drawn")]
    assert listed[0] == listed[1]


def test_a_model_of_other_patches_is_refused_before_anything_is_written(women):
    with pytest.raises(files.InputError, match="--patch-size is 24"):
        mine_patches.main(words(women, "--patch-size", "24"))
    with pytest.raises(files.InputError, match=r"patch classifier.*missing\.h5"):
        mine_patches.main(words(women, "--patch-model", str(women / "missing.h5")))
    assert not (women / "mined").exists()


def test_without_a_patch_the_program_ends_with_status_1(women, capsys):
    for path in (women / "mask").iterdir():
        path.unlink()
    assert mine_patches.main(words(women)) == 1
    text = capsys.readouterr().out
    assert "No patches were cut from 2 mammograms." in text and "next" not in text
