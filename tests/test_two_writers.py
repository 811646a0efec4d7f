"""Two calls on one output, of every program that writes: the second is told in a line,
and a removed folder ends the first. The first is a real process that holds the lock."""

import subprocess
import sys

import cv2
import pytest
import tiny_classifier

import ddsm_train.demo
import ddsm_train.draw_saliency
import ddsm_train.evaluate
import ddsm_train.image_clf_train
import ddsm_train.prepare
import ddsm_train.sample_patches_combined
import ddsm_train.two_step
import end2end.augment.__main__
import end2end.metrics.__main__
import end2end.phantoms.__main__
import inbreast.learning_curve
import inbreast.prepare
from end2end import experiments
from end2end.utils import files

HOLD = """
import sys
from end2end.utils import locks
with getattr(locks, sys.argv[1])(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def held():
    """Holds the lock of an output in another process."""
    processes = []

    def hold(kind, path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, f"output_{kind}", str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
    yield hold
    for process in processes:
        process.communicate("\n")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A model, class folders of two pictures each, and a score file."""
    folder = tmp_path_factory.mktemp("inputs")
    tiny_classifier.save(folder / "best.h5")
    for name in ("neg", "pos"):
        (folder / "set" / name).mkdir(parents=True)
        for i in range(2):
            cv2.imwrite(str(folder / "set" / name / f"{name}{i}.png"),
                        tiny_classifier.picture(i))
    (folder / "scores.csv").write_text(
        "path,label,score\na,0,0.1\nb,1,0.7\nc,0,0.4\nd,1,0.3\n")
    return folder


# Program, its words (IN: the inputs, OUT: a new place), kind and place of the lock.
PROGRAMS = {
    "prepare": (ddsm_train.prepare, "IN OUT", "folder", "OUT"),
    "inbreast prepare": (inbreast.prepare, "IN OUT", "folder", "OUT"),
    "sampling": (ddsm_train.sample_patches_combined,
                 "IN/rois.csv IN IN/patients.txt IN OUT/train OUT/val", "folder",
                 "OUT/train"),
    "sampling, validation": (
        ddsm_train.sample_patches_combined,
        "IN/rois.csv IN IN/patients.txt IN OUT/train OUT/val", "folder", "OUT/val"),
    "training": (ddsm_train.image_clf_train,
                 "IN/set IN/set IN/set --resume-from IN/best.h5 --img-size 48 36 "
                 "--rescale-factor 0.003891 --featurewise-mean 40 "
                 "--best-model OUT/best.h5 --final-model NOSAVE", "file",
                 "OUT/best.h5"),
    "evaluate": (ddsm_train.evaluate, "IN/best.h5 IN/set --out OUT", "folder", "OUT"),
    "evaluate --store": (ddsm_train.evaluate, "IN/best.h5 IN/set --out OUT --store",
                         "file", "IN/best.h5"),
    "draw_saliency": (ddsm_train.draw_saliency, "IN/best.h5 IN/set OUT", "folder",
                      "OUT"),
    "two_step": (ddsm_train.two_step, "IN/a.npz IN/b.npz --out OUT", "folder", "OUT"),
    "demo": (ddsm_train.demo, "--out OUT", "folder", "OUT"),
    "learning_curve": (
        inbreast.learning_curve,
        "IN/set.csv IN/set --model IN/best.h5 --out OUT --patients 4", "folder", "OUT"),
    "phantoms": (end2end.phantoms.__main__, "OUT", "folder", "OUT"),
    "metrics": (end2end.metrics.__main__, "IN/scores.csv --out OUT --runs 10", "folder",
                "OUT"),
    "augment": (end2end.augment.__main__, "--show IN/set --out OUT/a.png", "file",
                "OUT/a.png"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_second_call_on_an_output_is_refused(name, inputs, tmp_path, held):
    program, words, kind, place = PROGRAMS[name]

    def path(text):
        return text.replace("IN/", f"{inputs}/").replace(
            "OUT", str(tmp_path / "out")).replace("IN", str(inputs))
    held(kind, path(place))
    with pytest.raises(files.InputError, match=r"is being written by another call \(p"):
        program.main([path(word) for word in words.split()])


def test_a_second_call_of_experiments_is_refused(tmp_path, held):
    run = type("Run", (), dict(out=tmp_path / "out", beside=None))
    program = type("Program", (), dict(rows={}, check=lambda rows, run: None))
    held("folder", run.out)
    with pytest.raises(files.InputError, match="another call"):
        experiments.perform(program, [], run)
