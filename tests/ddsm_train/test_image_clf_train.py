"""The programs that train: what is trained and what is said to come next."""

import cv2
import numpy as np
import pytest

from ddsm_train import image_clf_train, patch_clf_train, two_view_train
from end2end import training
from end2end.utils import commands, programs


@pytest.fixture
def runs(monkeypatch):
    """The trainings that were asked for; they give a report unless it is emptied."""
    calls, report = [], dict(epochs=3)

    def keep(name):
        def call(folders, *options, say, verbose):
            assert say is commands.say and verbose == commands.keras_verbosity()
            calls.append((name, folders, options))
            return report
        return call
    for kind in ("image", "patch", "two_view"):
        name = f"run_{kind}_experiment"
        monkeypatch.setattr(training.experiment, name, keep(kind))
    monkeypatch.setattr(programs, "_command", ["end2end"])
    calls.append(report)
    return calls


@pytest.mark.parametrize(("program", "kind"), [
    (image_clf_train, "image"), (two_view_train, "two_view")])
def test_the_model_is_to_be_tested_on_the_images_left_for_it(
        runs, program, kind, capsys):
    program.main(["T", "V", "S", "--best-model", "b.h5", "--batch-size", "3",
                  "--img-size", "30", "20", "--top-repetitions", "4"])
    ((name, folders, (images, model, options)),) = runs[1:]
    assert (name, list(folders)) == (kind, ["T", "V", "S"])
    assert (images.size, model.top_repeats, options.batch_size) == ((30, 20), (4,), 3)
    assert capsys.readouterr().out == "next: end2end ddsm evaluate b.h5 S --flips\n"


def test_of_several_processes_the_first_says_what_comes_next(runs, capsys):
    runs[0].clear()
    image_clf_train.main(["T", "V", "S"])
    patch_clf_train.main(["T", "V", "S"])
    assert [name for name, *_ in runs[1:]] == ["image", "patch"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("place", ["images", "data/images", None])
def test_a_patch_classifier_becomes_one_of_whole_images(runs, tmp_path, capsys, place):
    train = tmp_path / "patches" / "train"
    train.mkdir(parents=True)
    if place:
        for part in ("train/pos", "val", "test"):
            (tmp_path / place / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / place / "train/pos/.hidden.png"), np.ones((2, 2)))
        cv2.imwrite(str(tmp_path / place / "train/pos/a.png"), np.ones((7, 5)))
    patch_clf_train.main([str(train), "V", "S", "--best-model", "a b.h5"])
    printed = capsys.readouterr().out
    if place:
        sets = " ".join(str(tmp_path / place / part) for part in (
            "train", "val", "test"))
        assert printed == (f"next: end2end ddsm image-clf-train {sets} --img-size 7 5 "
                           "--patch-model-state 'a b.h5'\n")
        # A set that is missing is none to train with.
        (tmp_path / place / "val").rmdir()
    assert patch_clf_train.next_step(str(train), "m.h5") == (
        "For whole images, with folders of neg and pos images in place of TRAIN, VAL "
        "and TEST:\n  end2end ddsm image-clf-train TRAIN VAL TEST --patch-model-state "
        "m.h5")


def test_a_patch_classifier_that_is_not_kept_has_nothing_next(runs, capsys):
    patch_clf_train.main(["T", "V", "S", "--best-model", "NOSAVE"])
    assert len(runs) == 2 and capsys.readouterr().out == ""
