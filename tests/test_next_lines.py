"""Printed `next:` lines can be pasted and do the next thing, up to a ROC curve."""

import re
import shlex

import page_blocks
import pytest

# What makes a step small, typed behind the printed line.
SMALL = {
    "sample-patches-combined": "--nb-abn 2 --nb-bkg 2",
    "patch-clf-train": "--nb-epoch 1 --batch-size 16",
    "image-clf-train": "--top-depths 8 8 --top-repetitions 1 1 --nb-epoch 1 "
                       "--all-layer-epochs 2 --batch-size 4",
    "finetune": "--all-layer-epochs 1 --batch-size 4"}
# Lines of TensorFlow, CUDA and other libraries, of which a user can make nothing.
NOISE = re.compile(
    r"TF-TRT|cuInit|cuda|oneDNN|AVX|absl::|computation_placer|GLIB|fontTools|subset",
    re.IGNORECASE)
LAYOUTS = ("classic", "descriptive", "kaggle", "inbreast", "vindr", "rsna", "cmmd",
           "mini-mias")


def next_lines(printed):
    """The command lines behind the last `next:`, on its line or on those below."""
    _, mark, rest = printed.rpartition("next:")
    first, *others = rest.splitlines() if mark else [""]
    lines = [first] if first.strip() else others
    return [line.strip() for line in lines if line.strip().startswith("end2end ")]


def pasted(line, folder):
    """What a line prints; small steps, and no noise of libraries."""
    more = [flags for word, flags in SMALL.items() if word in shlex.split(line)]
    printed = page_blocks.bash(" ".join((line, *more)), folder, timeout=900)
    noise = [text for text in printed.splitlines() if NOISE.search(text)]
    assert noise == [], line
    return printed


def followed(line, folder):
    """Follows printed lines until one prints none; what each line printed."""
    printed, waiting = {}, [line]
    while waiting:
        line = waiting.pop(0)
        printed[line] = pasted(line, folder)
        # A line that is printed with others may print its successor too.
        waiting = next_lines(printed[line])[:1] or waiting
    return printed


def test_lines_are_read_on_the_line_of_the_word_and_below():
    assert next_lines("a\nnext: end2end doctor\n") == ["end2end doctor"]
    assert next_lines("next:\n  end2end a b\n  end2end c\n") == [
        "end2end a b", "end2end c"]
    assert next_lines("nothing more\n") == []


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """The folder of a walk from a download on, and what its lines printed."""
    folder = tmp_path_factory.mktemp("a walk")
    return folder, followed(
        "end2end phantoms 'my download' --patients 24 --seed 3 --size 256 192", folder)


@pytest.mark.slow
def test_printed_lines_alone_lead_from_a_download_to_a_roc_curve(walk):
    folder, printed = walk
    assert [shlex.split(line)[1:3][-1] for line in printed] == [
        "my download", "prepare", "sample-patches-combined", "patch-clf-train",
        "image-clf-train", "evaluate", "modelState/image_clf.test/scores.csv"]
    assert (folder / "modelState" / "image_clf.test" / "roc.svg").is_file()
    assert "Area under the ROC curve" in list(printed.values())[-1]


@pytest.mark.slow
def test_printed_lines_lead_from_inbreast_to_a_tuned_model_and_its_test(walk):
    folder, _ = walk
    printed = followed("end2end phantoms digital --layout inbreast --patients 16 "
                       "--seed 2 --size 256 192", folder)
    prepared = next(text for line, text in printed.items() if " prepare " in line)
    assert list(printed)[-1].startswith("end2end images ")
    line, = re.findall(r"^  (end2end inbreast finetune .*)$", prepared, re.MULTILINE)
    tuned = followed(line.replace("MODEL.h5", "modelState/image_clf.h5"), folder)
    for word, line in zip(("finetune", "evaluate", "metrics"), tuned, strict=True):
        assert word in shlex.split(line)


@pytest.mark.slow
def test_the_line_after_an_archive_evaluates_it(walk):
    folder, _ = walk
    printed = followed(
        "end2end archive predict 'my download-prepared/images.csv' "
        "--models modelState/image_clf.h5 --out archive", folder)
    assert "auc_interval" in list(printed.values())[-1]


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_line_after_phantoms_imports_them(layout, tmp_path):
    printed = pasted(f"end2end phantoms 'a b' --layout {layout} --patients 8 --seed 4 "
                     "--size 256 192", tmp_path)
    line, = next_lines(printed)
    assert next_lines(pasted(line, tmp_path))
