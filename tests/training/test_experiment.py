"""The walk from class folders to a tested model, with a trunk of one convolution."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import recorded
import tiny_networks

from end2end import checkpoints, config, prediction
from end2end.data import image_lists
from end2end.models import backbones
from end2end.training import experiment, run_inputs
from end2end.utils import files

PATCH_CLASSES = ("background", "malignant", "benign")
IMAGES = config.ImageOptions(
    size=(32, 24), intensity_scale=0.003891, pixel_mean=90.0)
MODEL = config.ModelOptions(
    backbone="yaroslav", top_kind="vgg", top_filters=(2,), top_repeats=(1,))


def write_folders(root, classes, *, counts=(4, 2, 2), size=(32, 24)):
    """Noise images, brighter with the number of the class: easy to tell apart."""
    rng = np.random.default_rng(0)
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        for label, name in enumerate(classes):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                image = rng.normal(14000 + 18000 * label, 2000, size)
                cv2.imwrite(str(root / split / name / f"{i}.png"),
                            image.clip(0, 65535).astype(np.uint16))
    return tuple(root / split for split in ("train", "val", "test"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("folders")
    return (write_folders(root / "patches", PATCH_CLASSES),
            write_folders(root / "images", ("neg", "pos")))


@pytest.fixture(autouse=True)
def tiny_trunk(monkeypatch):
    """Yaroslav's network with one convolution, and no graphs to compile."""
    import tensorflow as tf

    tiny_networks.use_tiny_trunk(monkeypatch)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def training(folder, **changes):
    settings = dict(
        batch_size=8, first_until_epoch=1, top_until_epoch=1, all_until_epoch=2,
        optimizer="adam", learning_rate=0.02, workers=2,
        best_model=str(folder / "best.h5"))
    return config.TrainingOptions(**settings | changes)


def train_patches(folders, folder, *, images=IMAGES, **changes):
    messages = []
    report = experiment.run_patch_experiment(
        folders[0], images, MODEL, training(
            folder, class_list=PATCH_CLASSES, **changes), say=messages.append)
    return report, "\n".join(messages)


def train_images(folders, folder, *, model=MODEL, images=IMAGES, **changes):
    messages = []
    report = experiment.run_image_experiment(
        folders[1], images, model, training(folder, **changes), say=messages.append)
    return report, "\n".join(messages)


def check_run(name, folder, report, text, **places):
    """Holds all that a run said and wrote against the record of that name."""
    card = files.read_json(folder / "best.config.json")
    seconds = report["seconds"].values()
    assert len(seconds) > 1 and all(0 <= one < 600 for one in seconds)
    assert [round(one, 1) for one in seconds] == [*seconds]
    assert report["software"] == card["software"] == checkpoints.software()
    text = re.sub(r"took .* left", "took N s; N s left", text)
    # Where lines of flags end follows from the length of paths.
    text = text.replace(" \\\n  ", " ")
    content = [text, *(json.dumps({
        key: value for key, value in part.items()
        if key not in ("seconds", "software", "saved")}, indent=1)
        for part in (report, card)), (folder / "best.history.csv").read_text()]
    recorded.check(name, "\n".join(content), dict(places, OUT=folder))


@pytest.fixture(scope="module")
def patch_file(folders, tmp_path_factory):
    return tmp_path_factory.mktemp("patch") / "best.h5"


@pytest.fixture
def patch_run(folders, patch_file):
    """Folder of a finished run of a patch classifier. Read only."""
    if not patch_file.exists():
        train_patches(folders, patch_file.parent)
    return patch_file.parent


@pytest.fixture
def patch_model(patch_run):
    """The options of a whole-image network made from a trained patch classifier."""
    return dataclasses.replace(MODEL, patch_model_path=str(patch_run / "best.h5"))


@pytest.fixture(scope="module")
def image_runs(tmp_path_factory):
    """Folder, report and text of a whole-image run, once it was made."""
    return [tmp_path_factory.mktemp("image")]


@pytest.fixture
def image_run(folders, patch_model, image_runs):
    """A finished run of a whole-image model: its folder, report and text. Read only."""
    if len(image_runs) == 1:
        image_runs += train_images(folders, image_runs[0], model=patch_model)
    return image_runs


def test_a_tuned_run_is_that_of_its_settings_given_by_hand(
        folders, tmp_path, monkeypatch):
    """To the last bit: the trials leave nothing behind in the run."""
    from end2end.training import tuning, variants

    half = variants.Variant("mixed_bfloat16")
    monkeypatch.setattr(variants, "machine", lambda: variants.Machine(
        0, frozenset({"float32", half.precision})))
    monkeypatch.setattr(tuning.processes, "alone", lambda function, *arguments, seconds:
                        tuning.Trial(arguments[-1].training.precision == "float32",
                                     1, (1.0,)))
    (tmp_path / "hand").mkdir()
    report, text = train_patches(folders, tmp_path, tune=True)
    by_hand, _ = train_patches(folders, tmp_path / "hand", precision=half.precision)
    assert "computed in mixed_bfloat16: 0 s per step in place of 1 s" in text
    assert report["training"]["precision"] == half.precision
    assert report["history"] == by_hand["history"]
    first, second = (checkpoints.load_model(folder / "best.h5").get_weights()
                     for folder in (tmp_path, tmp_path / "hand"))
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))


def test_a_patch_run_leaves_model_settings_history_and_report(folders, tmp_path):
    report, text = train_patches(folders, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.config.json", "best.h5", "best.history.csv", "best.report.json"]
    assert files.read_json(tmp_path / "best.report.json") == report
    assert report["test"]["images"] == 6
    assert report["data"]["train"]["classes"] == dict.fromkeys(PATCH_CLASSES, 4)
    check_run("train-patches", tmp_path, report, text, DATA=folders[0][0].parent)


def test_the_saved_patch_classifier_scores_as_the_report_says(folders, patch_run):
    report = files.read_json(patch_run / "best.report.json")
    classifier = checkpoints.load_classifier(patch_run / "best.h5")
    assert classifier.classes == PATCH_CLASSES
    assert classifier.images.channels == 1
    paths = [path for name in PATCH_CLASSES
             for path in sorted((folders[0][2] / name).iterdir())]
    scores = prediction.predict(classifier, paths)
    right = scores.argmax(1) == np.repeat([0, 1, 2], 2)
    assert right.mean() == pytest.approx(report["test"]["accuracy"])


def test_an_image_run_starts_from_the_patch_model_in_two_stages(
        folders, patch_model, image_run):
    folder, report, text = image_run
    assert [row["stage"] for row in report["history"]] == ["top layers", "all layers"]
    assert set(report["test"]["auc"]) == {"neg", "pos"}
    assert report["best"]["value"] == max(row["val_auc"] for row in report["history"])
    check_run("train-images", folder, report, text, DATA=folders[1][0].parent,
              PATCH=pathlib.Path(patch_model.patch_model_path).parent)
    classifier = checkpoints.load_classifier(folder / "best.h5")
    assert classifier.model.input_shape == (None, 32, 24, 1)


def test_the_trunk_carries_the_weights_of_the_patch_model(
        folders, patch_model, tmp_path):
    train_images(folders, tmp_path, model=patch_model, learning_rate=0.0)
    trunk = checkpoints.load_model(tmp_path / "best.h5").layers[1]
    patch = checkpoints.load_model(patch_model.patch_model_path)
    np.testing.assert_array_equal(
        trunk.get_layer("block1_conv1").get_weights()[0],
        patch.get_layer("block1_conv1").get_weights()[0])


def test_the_same_seed_gives_the_same_history_with_any_number_of_threads(
        folders, patch_run, tmp_path):
    # That of the file had two threads.
    reports = [files.read_json(patch_run / "best.report.json"),
               train_patches(folders, tmp_path / "3", workers=3)[0]]
    other = train_patches(folders, tmp_path / "other", seed=7)[0]
    assert reports[0]["history"] == reports[1]["history"] != other["history"]


def test_a_finished_run_is_not_trained_again(folders, patch_run):
    stamp = (patch_run / "best.h5").stat().st_mtime_ns
    report, text = train_patches(folders, patch_run, workers=1)
    assert report == files.read_json(patch_run / "best.report.json")
    assert "finished before" in text
    assert (patch_run / "best.h5").stat().st_mtime_ns == stamp


def test_other_settings_train_again(folders, patch_run, tmp_path):
    shutil.copytree(patch_run, tmp_path, dirs_exist_ok=True)
    report, _ = train_patches(folders, tmp_path, all_until_epoch=3)
    assert report["epochs"] == 3


def test_without_a_place_for_the_best_model_the_final_one_is_tested(
        folders, patch_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report, _ = train_images(folders, tmp_path, model=patch_model, best_model="NOSAVE")
    assert report["test"]["mean_auc"] is not None
    assert list(tmp_path.iterdir()) == []


def test_a_whole_image_model_is_trained_further(folders, image_run, tmp_path):
    first = image_run[0]
    report, text = train_images(
        folders, tmp_path, resume_from=str(first / "best.h5"),
        first_until_epoch=0, all_until_epoch=1)
    check_run("train-further", tmp_path, report, text, DATA=folders[1][0].parent,
              FIRST=first)


def test_a_model_that_is_trained_further_in_place_names_the_file_that_it_was(
        folders, image_run, tmp_path):
    """The model of the last epoch, which is kept where asked, does too."""
    shutil.copytree(image_run[0], tmp_path, dirs_exist_ok=True)
    best = tmp_path / "best.h5"
    before = files.sha256(best)
    _, text = train_images(
        folders, tmp_path, resume_from=str(best),
        final_model=str(tmp_path / "final.h5"),
        first_until_epoch=0, all_until_epoch=2)
    assert files.sha256(best) != before
    for path in (best, tmp_path / "final.h5"):
        classifier = checkpoints.load_classifier(path)
        assert classifier.card["parent"]["sha256"] == before
        assert classifier.classes == ("neg", "pos")
    assert "stage" not in classifier.card["metrics"]
    assert classifier.card["metrics"]["epoch"] == 2
    assert f"\nmodel of the last epoch: {tmp_path / 'final.h5'}\n" in text


def test_an_interrupted_run_in_place_takes_the_parent_from_its_own_model(
        patch_model, image_run, tmp_path):
    shutil.copytree(image_run[0], tmp_path, dirs_exist_ok=True)
    best = tmp_path / "best.h5"
    options = dataclasses.replace(
        config.TrainingOptions(), best_model=str(best), resume_from=str(best))
    settings = experiment.Settings(config.ImageOptions(), patch_model, options)
    parent = experiment.start_of(settings)
    assert parent["sha256"] == files.sha256(best)
    (tmp_path / "best.state.npz").touch()
    assert experiment.start_of(settings) == parent["parent"]


def test_random_weights_without_a_patch_stage_train_in_one_stage(folders, tmp_path):
    model = dataclasses.replace(MODEL, pretrained=False)
    report, _ = train_images(folders, tmp_path, model=model)
    assert [row["stage"] for row in report["history"]] == ["all layers"] * 2
    assert [row["learning_rate"] for row in report["history"]] == [
        pytest.approx(0.02)] * 2


def test_patches_that_are_not_centred_get_the_preprocessing_of_their_backbone(
        folders, tmp_path):
    settings = dataclasses.replace(IMAGES, center=False)
    data = {"train": image_lists.list_classes(folders[0][0], PATCH_CLASSES)}
    plain, ready = (
        run_inputs.batches(kind, data, "train", run_inputs.Settings(
            settings, config.ModelOptions(), training(tmp_path))).batch(0)[0]
        for kind in ("whole_image", "patch"))
    np.testing.assert_allclose(
        ready, plain[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32))


def test_a_run_on_breasts_joins_their_views_and_is_known_by_its_card(
        patch_model, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        for patient in range(count):
            for side, label in (("LEFT", "neg"), ("RIGHT", "pos")):
                for view in ("CC", "MLO")[:2 if patient else 1]:
                    path = (tmp_path / split / label
                            / f"P_{split}{patient}_{side}_{view}.png")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    grey = 14000 + 18000 * (label == "pos")
                    cv2.imwrite(str(path), rng.normal(
                        grey, 2000, (32, 24)).clip(0, 65535).astype(np.uint16))
    said = []
    model = dataclasses.replace(patch_model, top_kind="mbconv", expansion=2)
    report = experiment.run_two_view_experiment(
        [tmp_path / split for split in run_inputs.SPLITS], IMAGES, model,
        training(tmp_path), say=said.append)
    check_run("train-two-views", tmp_path, report, "\n".join(said),
              PATCH=pathlib.Path(model.patch_model_path).parent)
    classifier = checkpoints.load_classifier(tmp_path / "best.h5", breasts=True)
    assert prediction.predict(classifier, tmp_path / "test").shape == (4, 2)
    monkeypatch.setenv("NUM_GPU_DEVICES", "2")
    with pytest.raises(files.InputError, match="is trained on one device; leave out"):
        experiment.run_two_view_experiment(
            ["train", "val", "test"], IMAGES, model, training(tmp_path))


@pytest.mark.parametrize(("changes", "message"), [
    (dict(class_list=("neg", "poz")), "no images of the class 'poz'.*--class-list"),
    (dict(class_list=("neg", "neg")), "two or more different class names"),
    (dict(batch_size=1), "gives no training batch"),
    (dict(resume_from="nowhere.h5"), "nowhere.h5 does not exist"),
    (dict(best_model="/proc/none/best.h5"), "/proc/none cannot be written"),
    (dict(best_model="best.txt"), "should end in .h5"),
])
def test_a_wrong_setting_stops_the_run_before_any_work(
        folders, patch_model, tmp_path, changes, message):
    with pytest.raises(files.InputError, match=message):
        train_images(folders, tmp_path, model=patch_model, **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_anything_to_start_from_is_refused(folders, tmp_path):
    with pytest.raises(files.InputError, match="no model to start from"):
        train_images(folders, tmp_path)


def test_an_unreadable_image_is_named_before_any_work(folders, patch_model, tmp_path):
    splits = write_folders(tmp_path / "data", ("neg", "pos"))
    (splits[2] / "pos" / "1.png").write_bytes(b"no image")
    with pytest.raises(files.InputError, match=r"pos/1\.png cannot be read"):
        train_images((None, splits), tmp_path / "out", model=patch_model)


def test_images_too_small_for_the_blocks_are_refused_before_they_are_read(
        folders, patch_model, tmp_path):
    splits = write_folders(tmp_path / "data", ("neg", "pos"))
    (splits[2] / "pos" / "1.png").write_bytes(b"no image")
    blocks = dataclasses.replace(
        patch_model, top_kind="vgg", top_filters=(4,) * 4, top_repeats=(1,) * 4)
    with pytest.raises(files.InputError, match=r"32x24 are too small.*64 64 works"):
        train_images((None, splits), tmp_path / "out", model=blocks)
    assert list((tmp_path / "out").rglob("*")) == []


def test_patches_too_small_for_the_backbone_are_refused(folders, tmp_path):
    with pytest.raises(files.InputError, match=r"32x24 are too small for resnet50"):
        experiment.run_patch_experiment(
            folders[0], IMAGES, dataclasses.replace(MODEL, backbone="resnet50"),
            training(tmp_path, class_list=PATCH_CLASSES))


def test_validation_images_of_one_class_are_refused(folders, patch_model, tmp_path):
    splits = write_folders(tmp_path / "data", ("neg", "pos"))
    for path in (splits[1] / "pos").iterdir():
        path.unlink()
    with pytest.raises(files.InputError, match="validation set has images of the"):
        train_images((None, splits), tmp_path / "out", model=patch_model)


def test_a_model_with_other_outputs_than_classes_is_refused(
        folders, patch_model, tmp_path):
    with pytest.raises(files.InputError, match="3 outputs, but --class-list names 2"):
        train_images(folders, tmp_path, resume_from=patch_model.patch_model_path)


def test_without_a_rescale_factor_that_of_the_patch_model_is_taken_and_said(
        folders, patch_model, tmp_path):
    images = dataclasses.replace(IMAGES, intensity_scale=None)
    _, text = train_images(folders, tmp_path, model=patch_model, images=images)
    start = patch_model.patch_model_path
    assert f"--rescale-factor 0.003891 of {start} is used" in text
    classifier = checkpoints.load_classifier(tmp_path / "best.h5")
    assert classifier.images.intensity_scale == 0.003891


def test_unscaled_16_bit_images_are_not_equalised(folders, tmp_path):
    images = dataclasses.replace(
        IMAGES, intensity_scale=None, equalize_histogram=True)
    with pytest.raises(files.InputError, match="--rescale-factor 0.003891"):
        train_patches(folders, tmp_path, images=images)


def test_the_rescale_factor_auto_is_found_and_kept_with_the_model(
        folders, patch_model, tmp_path):
    images = dataclasses.replace(IMAGES, intensity_scale="auto")
    _, text = train_images(folders, tmp_path, model=patch_model, images=images)
    classifier = checkpoints.load_classifier(tmp_path / "best.h5")
    assert ("\nrescale factor found from the images: "
            f"{classifier.images.intensity_scale}\n") in text
    assert classifier.images.intensity_scale == 0.003891


@pytest.mark.slow
def test_a_killed_command_started_again_ends_with_the_history_of_an_unbroken_one(
        tmp_path):
    splits = write_folders(tmp_path / "data", ("neg", "pos"), size=(64, 64))

    def command(out):
        return [sys.executable, "-m", "ddsm_train.image_clf_train", *map(str, splits),
                "--no-patch-model-state", "--no-use-pretrained", "--patch-net",
                "yaroslav", "--img-size", "64", "64", "--rescale-factor", "0.003891",
                "--nb-epoch", "4", "--all-layer-epochs", "4", "--batch-size", "8",
                "--top-depths", "4", "4", "--top-repetitions", "1", "1",
                "--hidden-dropout", "0.3", "--optimizer", "adam",
                "--best-model", str(tmp_path / out / "best.h5")]

    subprocess.run(command("whole"), check=True, stdout=subprocess.DEVNULL)
    history = tmp_path / "broken" / "best.history.csv"
    process = subprocess.Popen(command("broken"), stdout=subprocess.DEVNULL)
    while not history.exists() or len(history.read_text().splitlines()) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process = subprocess.run(
        command("broken"), check=True, capture_output=True, text=True)
    assert "going on after epoch" in process.stdout
    assert history.read_text() == (tmp_path / "whole/best.history.csv").read_text()
    ours, other = (checkpoints.load_model(tmp_path / out / "best.h5").get_weights()
                  for out in ("whole", "broken"))
    for weights, others in zip(ours, other, strict=True):
        np.testing.assert_array_equal(weights, others)


@pytest.mark.slow
def test_ctrl_c_ends_cleanly_with_the_best_model_kept(tmp_path):
    splits = write_folders(tmp_path / "data", ("neg", "pos"), size=(64, 64))
    best = tmp_path / "out" / "best.h5"
    process = subprocess.Popen(
        [sys.executable, "-m", "ddsm_train.image_clf_train", *map(str, splits),
         "--no-use-pretrained", "--patch-net", "yaroslav", "--img-size", "64", "64",
         "--nb-epoch", "900", "--rescale-factor", "0.003891", "--batch-size", "8",
         "--top-depths", "4", "--top-repetitions", "1", "--best-model", str(best)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Started in the background, the tests would pass on that it is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    while not pathlib.Path(best).exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert checkpoints.load_classifier(best).classes == ("neg", "pos")


def test_a_trunk_that_prepares_images_takes_grey_values_in_every_stage(
        folders, tmp_path, monkeypatch, caplog):
    row = dataclasses.replace(backbones.BACKBONES["yaroslav"], prepares=True)
    monkeypatch.setitem(backbones.BACKBONES, "yaroslav", row)
    (tmp_path / "image").mkdir()
    _, text = train_patches(folders, tmp_path)
    assert "no mean is subtracted" in text
    options = dataclasses.replace(
        MODEL, patch_model_path=str(tmp_path / "best.h5"))
    _, text = train_images(folders, tmp_path / "image", model=options)
    assert "no mean is subtracted" in text
    assert "no ImageNet preprocessing" not in caplog.text
    for path in (tmp_path, tmp_path / "image"):
        assert not checkpoints.load_classifier(path / "best.h5").images.center


@pytest.mark.parametrize(("count", "step"), [(7, 1), (8, 2), (14, 2), (15, 3)])
def test_statistics_are_of_images_spread_over_the_training_set(
        monkeypatch, count, step):
    monkeypatch.setattr(experiment, "MEASURED_IMAGES", 7)
    monkeypatch.setattr(experiment.fits, "input_statistics", lambda *what: what)
    settings = run_inputs.Settings(IMAGES, MODEL, config.TrainingOptions())
    paths = tuple(f"{number}.png" for number in range(count))
    listed = image_lists.ImageList(paths)
    assert experiment.training_statistics(dict(train=listed), settings) == (
        paths[::step], IMAGES)
    arrays = tuple(range(count))
    images, _ = experiment.training_statistics(dict(train=dataclasses.replace(
        listed, arrays=arrays)), settings)
    assert images == arrays[::step]


def test_a_run_without_epochs_and_one_of_a_fixed_epoch_say_so():
    history = experiment.end2end.training.loop.History([], "val_auc")
    assert experiment.summary(history) == (
        "no epoch was run: every stage's end point had been reached")
    history.rows = [dict(epoch=1, val_loss=0.5, val_accuracy=0.25),
                    dict(epoch=2, val_loss=0.75, val_accuracy=0.5)]
    history.best, history.best_epoch, history.only_epoch = 0.625, 2, 2
    assert experiment.summary(history) == (
        "\n2 epochs. Lowest validation loss 0.5000 in epoch 1, with a validation "
        "accuracy of 0.2500 in that epoch.\nThe model of epoch 2, the last, is kept; "
        "its val_auc is 0.6250.")


@pytest.mark.parametrize(("labels", "auc", "mean", "warned"), [
    ([0, 0, 0], dict(neg=None, pos=None), None, True),
    ([0, 0, 1], dict(neg=0.5, pos=0.5), 0.5, False)])
def test_a_test_set_of_one_class_has_no_auroc(
        monkeypatch, caplog, labels, auc, mean, warned):
    scores = np.array([[0.5, 0.5], [0.25, 0.75], [0.375, 0.625]], np.float32)
    asked, said = [], []
    monkeypatch.setattr(run_inputs, "batches", lambda *what: asked.append(what))
    monkeypatch.setattr(
        experiment.end2end.training.callbacks, "predict_batches",
        lambda model, batches, *, workers: (
            asked.append(workers), (np.eye(2)[labels], scores))[1])
    settings = run_inputs.Settings(
        IMAGES, MODEL, config.TrainingOptions(workers=3), said.append)
    data = dict(test=image_lists.ImageList(("a", "b", "c"), classes=("neg", "pos")))
    result = experiment.test("whole_image", None, data, settings)
    assert asked == [("whole_image", data, "test", settings), 3]
    assert (result["auc"], result["mean_auc"], result["images"]) == (auc, mean, 3)
    assert ("one class only, so it has no AUROC" in caplog.text) == warned
    assert said[0] == "testing on 3 images"
    assert said[1] == "test AUROC by class: " + (
        "[nan nan]" if warned else "[0.5000 0.5000]")


def test_processes_agree_before_a_run_and_only_the_first_has_its_report(
        folders, patch_model, patch_run, image_run, monkeypatch):
    asked = []
    monkeypatch.setattr(experiment.devices, "agree", lambda settings, signature:
                        asked.append(signature))
    reports = [train_patches(folders, patch_run)[0],
               train_images(folders, image_run[0], model=patch_model)[0]]
    assert asked == [report["signature"] for report in reports]
    monkeypatch.setattr(experiment.devices, "layout", lambda training:
                        experiment.devices.Layout(index=1))
    assert train_patches(folders, patch_run)[0] == {}
    assert train_images(folders, image_run[0], model=patch_model)[0] == {}


def test_a_run_is_given_the_flags_that_its_program_lacks(monkeypatch):
    monkeypatch.setattr(experiment, "_run_on_mammograms", lambda *what: what)
    kind, folders, given = experiment.run_image_experiment(
        "folders", IMAGES, MODEL, config.TrainingOptions(), say=print, verbose=2,
        not_asked=("height",))
    assert (kind, folders) == ("whole_image", "folders")
    assert given == run_inputs.Settings(
        IMAGES, MODEL, config.TrainingOptions(), print, 2, experiment.devices.Layout(),
        not_asked=("height",))


def test_a_run_whose_stages_were_all_at_their_end_has_a_report(tmp_path, monkeypatch):
    """No epoch was run, so no state was written."""
    said, clock = [], iter([10.0, 12.06])
    monkeypatch.setattr(experiment, "test", lambda *what: what[:2])
    monkeypatch.setattr(experiment.time, "monotonic", lambda: next(clock))
    settings = run_inputs.Settings(IMAGES, MODEL, training(tmp_path), said.append)
    history = experiment.end2end.training.loop.History([], "val_auc", seconds=dict(
        one=0.5))
    report = experiment.report("patch", "net", history, {}, settings, "signed", {})
    assert (report["epochs"], report["test"]) == (0, ["patch", "net"])
    assert report["seconds"] == dict(one=0.5, test=2.1)
    assert files.read_json(tmp_path / "best.report.json") == report
    assert [path.name for path in tmp_path.iterdir()] == ["best.report.json"]


@pytest.mark.parametrize(("index", "best", "kind", "saves", "writes"), [
    (0, "best.h5", "patch", True, True), (1, "best.h5", "two_view", False, False),
    (0, "NOSAVE", "whole_image", False, False)])
def test_what_training_is_given(monkeypatch, index, best, kind, saves, writes):
    calls = []
    monkeypatch.setattr(experiment.end2end.training.loop, "train", lambda *what, **how:
                        calls.append((what, how)))
    monkeypatch.setattr(run_inputs, "batches", lambda *what: what[::2])
    settings = run_inputs.Settings(
        IMAGES, MODEL, config.TrainingOptions(best_model=best), print, 2,
        experiment.devices.Layout(index=index))
    experiment.fit(kind, "network", "stages", {}, settings, "signature", {})
    [(what, how)] = calls
    assert what == ("network", "stages", (kind, "train"), (kind, "val"))
    assert how["options"] is settings.training
    assert how["watch"] == ("val_accuracy" if kind == "patch" else "val_auc")
    output = how["output"]
    assert (output.save is not None) == saves
    assert output.history == (pathlib.Path("best.history.csv") if writes else None)
    assert output.state == (None if best == "NOSAVE" else pathlib.Path(
        "best.state.npz"))
    assert (output.signature, output.say, output.verbose) == ("signature", print, 2)
    if index:
        assert experiment.report(kind, None, None, {}, settings, "", {}) == {}
