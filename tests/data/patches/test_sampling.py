"""The patch samplers against what the original wrote; differences by intent."""

import gzip
import hashlib
import json
import pathlib
import shutil
import time
import types
import zlib

import cv2
import numpy as np
import pytest

from ddsm_train import sample_patches_combined, sample_patches_main
from end2end.data.patches import sampling
from end2end.utils import files

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "sampling"
RUNS = json.loads(gzip.decompress((GOLDEN / "expected.json.gz").read_bytes()))


def command(folder, out, *flags):
    """Arguments for the data set in `folder`, with outputs below `out`."""
    return [str(word) for word in (
        folder / "roi_mask_path.csv", folder / "mask", folder / "pat_train.txt",
        folder / "full", out / "train", out / "val", *flags)]


def as_flags(options):
    """The original's argument names as flags."""
    flags = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            flags += [f"--{flag}", value]
    return flags


def written(out):
    """Digest of the pixels (or the text) of every file."""
    digests = {}
    for path in sorted(out.rglob("*")):
        if path.suffix == ".png":
            pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            assert pixels.dtype == np.uint16
            digests[path.relative_to(out).as_posix()] = hashlib.sha256(
                pixels.astype("<u2").tobytes()).hexdigest()
        elif path.is_file():
            digests[path.relative_to(out).as_posix()] = path.read_text()
    return digests


def expected(run):
    return {record["file"]: record.get("sha256", record.get("text"))
            for record in run["files"]}


def without_paths(lines):
    return [line.split("error:")[0] for line in lines]


@pytest.mark.parametrize("run", RUNS, ids=["S10", "S1", "blobs"])
def test_every_patch_and_message_equals_the_original(run, tmp_path, capsys):
    sample_patches_combined.main(command(GOLDEN, tmp_path, *as_flags(run["options"])))
    assert written(tmp_path) == expected(run)
    lines = capsys.readouterr().out.splitlines()
    assert without_paths(lines[:len(run["log"])]) == without_paths(run["log"])


HEADER = "patient_id,side,view,abn_num,pathology,type\n"
TINY = ("--target-height", 64, "--no-segment-breast", "--patch-size", 16, "--nb-hns", 0,
        "--val-size", 0)


@pytest.fixture
def tiny(tmp_path):
    """Two women, one image each; A has a malignant mass, B a benign calcification."""
    for name in ("full", "mask"):
        (tmp_path / name).mkdir()
    (tmp_path / "roi_mask_path.csv").write_text(
        HEADER + "B,LEFT,CC,1,BENIGN,calc\nA,LEFT,CC,1,MALIGNANT,mass\n")
    (tmp_path / "pat_train.txt").write_text("B\nA\n")
    for patient, mask in (("A", "Mass"), ("B", "Calc")):
        write(tmp_path / "full" / f"{patient}_LEFT_CC.png", picture())
        write(tmp_path / "mask" / f"{mask}-Training_{patient}_LEFT_CC_1.png",
              lesion(20, 30, 8, 8))
    return tmp_path


def picture():
    """Tissue on the left half only."""
    grey = np.zeros((64, 64), np.uint16)
    grey[:, :40] = np.random.default_rng(1).integers(20000, 40000, (64, 40))
    return grey


def lesion(x, y, width, height):
    mask = np.zeros((64, 64), np.uint8)
    mask[y:y + height, x:x + width] = 255
    return mask


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def run(tiny, *flags, out="out", module=sample_patches_combined):
    """The files that a run writes."""
    module.main(command(tiny, tiny / out, *TINY[:2 if module is sample_patches_main
                                                 else None], *flags))
    return written(tiny / out)


def test_work_that_waits_is_left_where_nobody_asks_for_it_any_more(monkeypatch):
    asked = []
    monkeypatch.setattr(sampling, "sample_image", lambda job, **words: (
        asked.append((job, words)), time.sleep(0.002), job)[2])
    outcomes = sampling.sample(range(200), "options", seed=3, existing="index")
    assert next(outcomes) == 0
    outcomes.close()
    assert len(asked) < 150
    assert asked[0] == (0, dict(options="options", existing="index", seed=3,
                                replacement=None))


def test_images_are_sampled_in_the_order_of_their_names(tiny, capsys):
    run(tiny)
    names = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()
             if line.startswith("ID:")]
    assert names == ["ID:A_LEFT_CC", "ID:B_LEFT_CC"]
    assert (tiny / "out/train/pat_lst.txt").read_text() == "B\nA\n"
    assert not (tiny / "out/val").exists()


def test_a_single_lesion_patch_is_cut_around_the_centroid(tiny):
    run(tiny, "--nb-abn", 1, "--nb-bkg", 0)
    patch = cv2.imread(str(tiny / "out/train/mass_mal/A_LEFT_CC_1_0000.png"), -1)
    np.testing.assert_array_equal(patch, picture()[25:41, 15:31])


def test_an_odd_patch_size_gives_patches_one_pixel_smaller(tiny):
    run(tiny, "--nb-abn", 1, "--nb-bkg", 1, "--patch-size", 17)
    patch = cv2.imread(str(tiny / "out/train/mass_mal/A_LEFT_CC_1_0000.png"), -1)
    assert patch.shape == (16, 16)


def test_a_constant_patch_keeps_its_value(tiny):
    # The original wrote it black.
    write(tiny / "full/A_LEFT_CC.png", np.full((64, 64), 700, np.uint16))
    run(tiny, "--nb-abn", 1, "--nb-bkg", 0)
    patch = cv2.imread(str(tiny / "out/train/mass_mal/A_LEFT_CC_1_0000.png"), -1)
    assert (patch == 700).all()


def test_workers_and_verbosity_do_not_change_a_byte(tiny):
    runs = [("--workers", 1), ("--workers", 3, "--no-verbose")]
    for number, flags in enumerate(runs):
        run(tiny, *flags, out=f"out{number}")
    first, second = (
        {path.relative_to(tiny / out): path.read_bytes()
         for path in (tiny / out).rglob("*") if path.is_file()}
        for out in ("out0", "out1"))
    assert first == second


def test_a_missing_mask_is_named_and_the_next_image_goes_on(tiny, capsys):
    (tiny / "mask/Mass-Training_A_LEFT_CC_1.png").unlink()
    assert not any("/A_" in name for name in run(tiny))
    assert any("/B_" in name for name in written(tiny / "out"))
    text = capsys.readouterr().out
    assert f"Read image error: {tiny}/mask/Mass-Training_A_LEFT_CC_1.png" in text
    assert "A_LEFT_CC.png" not in text


def test_patches_found_before_a_missing_mask_are_kept(tiny):
    with open(tiny / "roi_mask_path.csv", "a") as table:
        table.write("A,LEFT,CC,2,MALIGNANT,mass\n")
    names = run(tiny, "--nb-abn", 2, "--nb-bkg", 1)
    assert sum("/A_" in name for name in names) == 3


def test_an_empty_mask_and_a_black_image_are_reported(tiny, capsys):
    write(tiny / "mask/Mass-Training_A_LEFT_CC_1.png", np.zeros((64, 64), np.uint8))
    write(tiny / "full/B_LEFT_CC.png", np.zeros((64, 64), np.uint16))
    assert set(run(tiny, "--segment-breast")) == {"train/pat_lst.txt"}
    text = capsys.readouterr().out
    assert "Mass-Training_A_LEFT_CC_1.png: the mask is empty" in text
    assert "B_LEFT_CC.png: the image is black" in text


def test_no_place_for_a_background_patch_is_skipped_with_a_message(tiny, capsys):
    names = run(tiny, "--patch-size", 128, "--nb-abn", 1)
    assert sum(name.endswith(".png") for name in names) == 2
    assert "no background patch of 128 pixels fits" in capsys.readouterr().out


def test_an_exhausted_overlap_skips_the_lesion_and_keeps_the_background(tiny, capsys):
    # A frame so large and thin that no patch of 40 pixels holds a twentieth of it.
    frame = np.zeros((400, 400), np.uint8)
    cv2.rectangle(frame, (0, 0), (399, 399), 255)
    write(tiny / "mask/Mass-Training_A_LEFT_CC_1.png", frame)
    names = run(tiny, "--target-height", 400, "--patch-size", 40, "--nb-abn", 3,
                "--nb-bkg", 1, "--pos-cutoff", 0.1)
    text = capsys.readouterr().out
    assert "lowered the overlap cutoff to 0.05" in text
    assert "A_LEFT_CC: lesion 1: no patch of 40 pixels overlaps the lesion" in text
    assert "train/background/A_LEFT_CC_1_0000.png" in names
    assert not any("mass_mal" in name for name in names)
    assert sum("calc_ben" in name for name in names) == 3


def test_a_second_call_leaves_complete_images_and_mends_the_others(tiny, capsys):
    first = run(tiny)
    (tiny / "out/train/mass_mal/A_LEFT_CC_1_0003.png").unlink()
    patch = tiny / "out/train/calc_ben/B_LEFT_CC_1_0003.png"
    before = patch.stat().st_mtime_ns
    assert run(tiny) == first
    assert patch.stat().st_mtime_ns == before
    assert "1 of them done before" in capsys.readouterr().out


def test_other_settings_or_pixels_make_new_patches_and_old_ones_are_named(tiny, capsys):
    run(tiny)
    capsys.readouterr()
    run(tiny, "--nb-abn", 3)
    assert "patches of other runs lie beside them" in capsys.readouterr().out
    write(tiny / "full/A_LEFT_CC.png", picture() + 1)
    run(tiny, "--nb-abn", 3)
    assert "1 of them done before" in capsys.readouterr().out


def test_patients_are_split_as_in_the_original(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "data")
    flags = as_flags(RUNS[0]["options"] | dict(nb_abn=1, nb_bkg=0, val_size=0.35))
    sample_patches_combined.main(command(tmp_path / "data", tmp_path, *flags))
    val = (tmp_path / "val/pat_lst.txt").read_text().split()
    assert len(val) == 4 and len(set(val)) == 4


def test_true_draws_differ_by_image_and_seed_and_repeat_themselves(tiny):
    runs = [run(tiny, "--seeding", "image", "--seed", seed, "--nb-abn", 2, out=out)
            for out, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert runs[0] == runs[1] != runs[2]
    background = "train/background/{}_LEFT_CC_1_0000.png"
    assert runs[0][background.format("A")] != runs[0][background.format("B")]


def test_patches_are_of_the_bytes_of_their_files_and_of_those_that_are_missing(
        tmp_path, monkeypatch):
    job = sampling.roi_table.Job(
        ("A",), (), tmp_path / "a.png", (tmp_path / "b", tmp_path / "c"), tmp_path,
        sampling.roi_table.COMBINED)

    def mark(*contents):
        for path, content in zip((job.image, *job.masks), contents, strict=True):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)
        return sampling.fingerprint(job, sampling.config.SamplingOptions(), 1)
    contents = [(b"x", b"yz", b""), (b"xy", b"z", b""), (b"x", b"yz", None),
                (b"x", None, b"yz"), (None, b"x", b"yz")]
    assert len({mark(*part) for part in contents}) == 5
    assert mark(*contents[0]) == mark(*contents[0])
    assert len(mark(*contents[0])) == 16
    # What is printed and which women are set apart change no patch.
    options = sampling.config.SamplingOptions(verbose=False, validation_share=0.5)
    assert mark(*contents[0]) == sampling.fingerprint(job, options, 1)
    # What is larger than any image is not read.
    monkeypatch.setattr(files, "MAX_IMAGE_BYTES", 2)
    assert mark(*contents[1]) != mark(b"xz", b"z", b"")
    assert mark(b"xyz", b"yz", b"") == mark(None, b"yz", b"")


def test_what_was_skipped_is_in_the_log_and_among_the_problems():
    task = types.SimpleNamespace(outcome=sampling.Outcome(), job=types.SimpleNamespace(
        name="A_LEFT_CC"))
    sampling.skip(task, "no place")
    assert task.outcome == sampling.Outcome(
        ["A_LEFT_CC: no place; skipped"], ["A_LEFT_CC: no place; skipped"])


def test_true_draws_have_hard_negatives_first_and_refuse_a_black_image(
        tiny, monkeypatch):
    places = [(20, 30), (50, 12)]
    monkeypatch.setattr(
        sampling.geometry, "blob_centers", lambda *_, **__: iter(places))
    with open(tiny / "roi_mask_path.csv", "a") as table:
        table.write("A,LEFT,CC,2,MALIGNANT,other\n")
    write(tiny / "mask/Mass-Training_A_LEFT_CC_2.png", lesion(0, 0, 4, 4))
    write(tiny / "mask/Other-Training_A_LEFT_CC_2.png", lesion(0, 0, 4, 4))
    flags = ("--seeding", "image", "--nb-abn", 1, "--nb-bkg", 3, "--nb-hns", 2)
    names = run(tiny, *flags)
    assert sorted(name for name in names if "/A_" in name) == [
        *(f"train/background/A_LEFT_CC_1_000{k}.png" for k in range(3)),
        "train/mass_mal/A_LEFT_CC_1_0000.png"]
    for number, (x, y) in enumerate(places):
        patch = cv2.imread(str(
            tiny / f"out/train/background/A_LEFT_CC_1_000{number}.png"), -1)
        np.testing.assert_array_equal(patch, np.pad(picture(), 8)[y - 8:y + 8,
                                                                  x - 8:x + 8])
    write(tiny / "full/A_LEFT_CC.png", np.zeros((64, 64), np.uint16))
    job = types.SimpleNamespace(masks=(), name="A", image="A.png")
    task = sampling.Task(job, None, None, np.zeros((9, 7), np.uint16), ())
    with pytest.raises(sampling.Unusable, match=(
            "^Error processing image: A.png: the image is black")):
        next(sampling.true_draws(task, 1))


def test_true_background_lies_on_tissue_and_beside_every_lesion(tiny):
    with open(tiny / "roi_mask_path.csv", "a") as table:
        table.write("A,LEFT,CC,2,MALIGNANT,mass\n")
    grey = picture()
    grey[40:] //= 100  # the second lesion is the lower half, marked by dark tissue
    grey[40:, :40] += 2000
    write(tiny / "full/A_LEFT_CC.png", grey)
    write(tiny / "mask/Mass-Training_A_LEFT_CC_2.png", lesion(0, 40, 64, 24))
    run(tiny, "--seeding", "image", "--nb-abn", 1, "--nb-bkg", 30)
    for path in (tiny / "out/train/background").glob("A_*"):
        patch = cv2.imread(str(path), -1)
        assert (patch > 0).mean() >= 0.5
        assert (patch > 15000).mean() >= 0.1


def test_the_older_sampler_crops_and_uses_three_classes(tiny):
    for patient in ("A", "B"):
        (tiny / f"full/{patient}_LEFT_CC.png").rename(
            tiny / f"full/Mass-Training_{patient}_LEFT_CC.png")
    (tiny / "mask/Calc-Training_B_LEFT_CC_1.png").rename(
        tiny / "mask/Mass-Training_B_LEFT_CC_1.png")
    (tiny / "roi_mask_path.csv").write_text(
        "patient_id,side,view,abn_num,pathology\n"
        "B,LEFT,CC,1,BENIGN\nA,LEFT,CC,1,MALIGNANT\n")
    names = run(tiny, "--patch-size", 16, "--nb-abn", 1, "--nb-bkg", 1, "--nb-hns", 0,
                "--val-size", 0, module=sample_patches_main)
    assert sorted(names) == [
        "train/background/A_LEFT_CC_1_0000.png",
        "train/background/B_LEFT_CC_1_0000.png",
        "train/benign/B_LEFT_CC_1_0000.png", "train/malignant/A_LEFT_CC_1_0000.png"]


def test_one_call_cuts_all_three_sets_and_says_how_to_train_on_them(tiny, capsys):
    (tiny / "pat_train.txt").write_text("B\n")
    for name in ("val", "test"):
        (tiny / f"{name}.txt").write_text("A\n")
    (tiny / "census.json").write_text('{"pixel_mean": 41.5}')
    test = "--test-patients", tiny / "test.txt", "--test-out", tiny / "out/a test"
    names = run(tiny, *test, "--nb-abn", 1, "--nb-bkg", 1)
    assert {name.split("/")[0] for name in names} == {"train", "a test"}
    printed = capsys.readouterr().out
    assert "three sets are needed" in printed and "next:" not in printed
    # With a table of the test patients one of them may train, too.
    (tiny / "test_rois.csv").write_text(
        HEADER + "C,LEFT,CC,1,MALIGNANT,mass\nB,LEFT,CC,1,BENIGN,calc\n")
    (tiny / "test.txt").write_text("C\nB\n")
    shutil.copy(tiny / "full/A_LEFT_CC.png", tiny / "full/C_LEFT_CC.png")
    shutil.copy(tiny / "mask/Mass-Training_A_LEFT_CC_1.png",
                tiny / "mask/Mass-Training_C_LEFT_CC_1.png")
    names = run(tiny, *test, "--test-table", tiny / "test_rois.csv", "--val-patients",
                tiny / "val.txt", "--nb-abn", 1, "--nb-bkg", 1, out="three")
    assert {"train/background/B_LEFT_CC_1_0000.png",
            "val/mass_mal/A_LEFT_CC_1_0000.png"} <= set(names)
    assert (tiny / "out/a test/mass_mal/C_LEFT_CC_1_0000.png").exists()
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("next: ") and line.endswith(
        f"-m ddsm_train.patch_clf_train {tiny}/three/train {tiny}/three/val "
        f"'{tiny}/out/a test' --img-size 16 16 --rescale-factor 0.003891 "
        "--featurewise-mean 41.5 --no-equalize-hist --class-list background calc_ben")


def test_a_patient_of_two_sets_and_half_a_flag_are_refused(tiny):
    (tiny / "test.txt").write_text("A\n")
    with pytest.raises(files.InputError, match="patient A is in .*pat_train.txt and"):
        run(tiny, "--test-patients", tiny / "test.txt", "--test-out", tiny / "test")
    with pytest.raises(files.InputError) as caught:
        run(tiny, "--test-patients", tiny / "test.txt", "--test-out", tiny / "test",
            "--test-table", tiny / "roi_mask_path.csv", "--val-patients",
            tiny / "test.txt")
    assert str(caught.value) == (
        f"patient A is in {tiny / 'pat_train.txt'} and in {tiny / 'test.txt'}; take it "
        "out of one of them.")
    with pytest.raises(files.InputError, match="belong together"):
        run(tiny, "--test-out", tiny / "test")
    with pytest.raises(files.InputError, match="^--workers 0: expected at least 1.$"):
        run(tiny, "--workers", "0")


def test_swapped_folders_end_with_status_1_and_without_a_next_command(tiny, capsys):
    words = command(tiny, tiny / "out", *TINY)
    words[1], words[3] = words[3], words[1]
    assert sample_patches_combined.main(words) == 1
    printed = capsys.readouterr().out
    assert "Are MASK_DIR and FULL_DIR given in this order?" in printed
    assert "next" not in printed


def test_patches_of_another_size_are_not_mixed_into_a_folder(tiny):
    run(tiny, "--patch-size", 17)
    run(tiny, "--patch-size", 16)
    with pytest.raises(files.InputError, match="holds patches of 16x16 pixels, such"):
        run(tiny, "--patch-size", 24)


def test_a_class_without_patches_is_named(tiny, capsys):
    run(tiny)
    printed = capsys.readouterr().out
    assert f"warning: no patches in {tiny}/out/train/calc_mal;" in printed
    assert f"no patches in {tiny}/out/train/mass_mal" not in printed


def test_patches_that_a_killed_call_left_half_written_go_with_the_next_call(tiny):
    first = run(tiny)
    dead = 2**22 + 1  # no process has so high a number
    for place in ("train/mass_mal", "train/background", "train"):
        (tiny / "out" / place / f".A_LEFT_CC_1_0003.{dead}.part.png").write_text("half")
    assert run(tiny) == first
    assert not list((tiny / "out").rglob("*.part*"))


@pytest.mark.parametrize(("seed", "of"), [(7, 7), (-3, 2**32 - 3), (2**32 + 5, 5)])
def test_true_draws_have_a_stream_of_their_seed_and_name(monkeypatch, seed, of):
    asked, picture = [], np.ones((9, 7), np.uint16)
    picture[:, :3] = 0
    monkeypatch.setattr(sampling, "background_draws", lambda task, rng, *_, **how: (
        asked.append((rng.random_sample(), how["first"], how["tissue"].shape))
        or iter(())))
    monkeypatch.setattr(sampling, "lesion_draws", lambda *_: iter(()))
    monkeypatch.setattr(sampling, "read_region", lambda *_: None)
    task = sampling.Task(
        types.SimpleNamespace(masks=("m",), rows=({},), name="A_LEFT_CC"),
        sampling.config.SamplingOptions(hard_negative_count=0, patch_size=8), None,
        picture, ())
    assert list(sampling.true_draws(task, seed)) == []
    stream = np.random.RandomState([of, zlib.crc32(b"A_LEFT_CC")])
    # The tissue lies where it is in the whole picture.
    assert asked == [(stream.random_sample(), 0, (9 + 8, 7 + 8))]


@pytest.mark.parametrize("others", [[], ["old.png", "older.png"]])
def test_patches_are_counted_by_folder_and_what_is_odd_is_said(
        tmp_path, capsys, others):
    for name in ("b/mass", "a/calc", "a/background"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a" / "pat_lst.txt").touch()
    jobs = [types.SimpleNamespace(out=tmp_path / name) for name in "aba"]
    outcomes = [types.SimpleNamespace(
        paths=[tmp_path / name for name in names], problems=problems,
        unchanged=unchanged) for names, problems, unchanged in (
            (["a/background/1.png", "a/background/2.png"], ["no place; skipped"], True),
            (["b/mass/1.png"], [], False), ([], ["it is black"], True))]
    asked = []
    sample_patches_combined.report(jobs, outcomes, types.SimpleNamespace(
        others=lambda paths: asked.extend(paths) or others))
    assert [path.name for path in asked] == ["1.png", "2.png", "1.png"]
    assert capsys.readouterr().out.splitlines() == [
        f"      2 patches in {tmp_path / 'a' / 'background'}",
        f"      0 patches in {tmp_path / 'a' / 'calc'}",
        f"      1 patches in {tmp_path / 'b' / 'mass'}",
        "left out: no place; skipped", "left out: it is black",
        "3 mammograms, 2 of them done before, 2 problems.",
        f"warning: no patches in {tmp_path / 'a' / 'calc'}; a network learns or is "
        "tested without this class.",
        *["warning: 2 patches of other runs lie beside them, such as old.png; remove "
          "the folders and run again for a clean set."] * bool(others)]


def test_a_mask_in_colour_or_of_16_bits_is_read_as_8_bit_grey(tmp_path):
    for name, pixels in (("a", np.full((6, 4, 3), 255, np.uint8)),
                         ("b", np.full((6, 4), 65535, np.uint16))):
        write(tmp_path / f"{name}.png", pixels)
        mask = sampling.read_grey(tmp_path / f"{name}.png")
        assert mask.shape == (6, 4) and mask.dtype == np.uint8 and (mask == 255).all()


def test_only_patients_without_a_list_for_validation_are_divided(tmp_path):
    options = sampling.config.SamplingOptions(validation_share=0.25)
    lists = []
    for name in ("train", "val", "test"):
        lists.append(tmp_path / name)
        lists[-1].write_text(f"P_{name}\n")
    shares = []
    for words in ((), ("--val-patients", lists[1]),
                  ("--test-patients", lists[2], "--test-out", "c")):
        arguments = sample_patches_combined.parser().parse_args(list(map(str, (
            "table.csv", "masks", lists[0], "images", "a", "b", *words))))
        shares.append([(part.out, part.options.validation_share) for part in
                       sample_patches_combined.plan_parts(arguments, options)])
    assert shares == [[("a", 0.25)], [("a", 0.0), ("b", 0.0)],
                      [("a", 0.25), ("c", 0.0)]]
