"""One test for each row of docs/differences.md, by number."""

import dataclasses
import gzip
import json
import logging
import pathlib
import pickle
import re

import cv2
import keras
import numpy as np
import pytest
import tiny_networks

from ddsm_train import patch_clf_train, sample_patches_combined
from end2end import (
    augment,
    backbones,
    callbacks,
    checkpoints,
    config,
    datasets,
    experiment,
    files,
    freezing,
    heatmap_files,
    heatmaps,
    images,
    models,
    optimizers,
    patches,
    regions,
    resnets,
    run_inputs,
    starting,
    top_layers,
    training,
    warps,
)
from inbreast import finetune, subsets

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE / "golden"
TRAINING = config.TrainingOptions(optimizer="adam", learning_rate=0.001, workers=1)


@pytest.fixture(autouse=True)
def eager():
    """No graphs: compiling them takes longer than the few steps of a test."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def resnet50():
    return models.patch_classifier("resnet50", 5, dropout=0.5)


@pytest.fixture(scope="module")
def vgg16():
    """A patch classifier whose head has no dropout: the hazard of row 7."""
    return models.patch_classifier("vgg16", 5)


def quick(**changes):
    return dataclasses.replace(TRAINING, **changes)


def train(stages, *, model=None, batches=None, options=TRAINING, watch="val_auc"):
    return training.train(
        model or tiny_networks.flat_network(), stages,
        batches or tiny_networks.ArrayBatches(), tiny_networks.ArrayBatches(6),
        options=options, watch=watch)


def test_every_row_has_a_test_and_every_test_a_row():
    page = (HERE.parent / "docs" / "differences.md").read_text(encoding="utf-8")
    rows = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    tests = [int(name[5:7]) for name in globals() if re.match(r"test_\d\d_", name)]
    assert rows == sorted(tests) == list(range(1, 47))


def test_01_every_image_comes_once_per_sweep_whatever_the_number_of_workers():
    arrays = [np.full((4, 4), value, np.uint8) for value in range(10)]
    found = datasets.from_arrays(arrays, np.arange(10) % 2, ("neg", "pos"))
    options = config.ImageOptions(size=(4, 4), center=False, channels=1)
    seen = {}
    for workers in (1, 3):
        made = datasets.ImageBatches(found, options, batch_size=4, seed=1, shuffle=True)
        seen[workers] = np.concatenate(
            [batch[0][:, 0, 0, 0] for batch in made.batches(0, 6, workers=workers)])
    np.testing.assert_array_equal(seen[1], seen[3])
    for sweep in (seen[1][:10], seen[1][10:]):
        assert sorted(sweep) == list(range(10))


def test_02_epoch_flags_are_end_points():
    options = quick(first_until_epoch=3, top_until_epoch=13, all_until_epoch=50)
    ends = [row.until_epoch for row in training.patch_stages(
        options, config.ModelOptions())]
    assert ends == [3, 13, 50]
    assert "Epoch flags are end points" in patch_clf_train.parser().format_help()


@pytest.mark.parametrize(("semantics", "penalty", "rate"), [
    ("corrected", 0.5, 0.9), ("original", 0.01, 0.0)])
def test_03_late_penalties_act_or_only_enter_the_file(semantics, penalty, rate):
    model = tiny_networks.flat_network(weight_decay=0.01)
    stages = [training.Stage("one", None, 1, 0.0, 0.01, 0.0),
              training.Stage("two", None, 2, 0.0, 0.5, 0.9)]
    train(stages, model=model, options=quick(semantics=semantics))
    kernel = model.get_layer("output").kernel.numpy()
    assert float(sum(model.losses)) == pytest.approx(
        penalty * (kernel**2).sum(), rel=1e-5)
    assert model.get_layer("drop").rate == rate
    with freezing.written_penalties(model, stages[1], semantics):
        written = model.get_layer("output").get_config()["kernel_regularizer"]
    assert written["config"]["l2"] == 0.5


@pytest.mark.parametrize(("semantics", "word"), [
    ("corrected", "replaced"), ("original", "kept")])
def test_04_a_resumed_run_says_where_its_penalties_differ_from_the_file(
        tmp_path, caplog, semantics, word):
    checkpoints.save_model(
        tiny_networks.flat_network(weight_decay=0.01), tmp_path / "m.h5", {})
    settings = run_inputs.Settings(
        config.ImageOptions(size=(8, 8)), config.ModelOptions(weight_decay=0.5),
        quick(resume_from=str(tmp_path / "m.h5"), late_weight_decay=0.7,
              semantics=semantics))
    model = starting.loaded_network(settings)
    assert f"the stored values are {word}" in caplog.text
    train([training.Stage("one", None, 1, 0.0, 0.5, 0.0)], model=model,
          options=settings.training)
    acting = model.get_layer("output").kernel.regularizer.l2
    assert acting == pytest.approx(0.5 if semantics == "corrected" else 0.01)


def test_05_frozen_normalisation_moves_its_averages_unless_asked_not_to():
    for moving in (True, False):
        model = tiny_networks.nested_network()
        layer = model.get_layer("trunk").get_layer("trunk_bn")
        freezing.train_from(model, "top_conv", moving_statistics=moving)
        before = layer.moving_mean.numpy(), layer.gamma.numpy()
        model(tiny_networks.ArrayBatches().images, training=True)
        assert (not np.array_equal(before[0], layer.moving_mean.numpy())) == moving
        assert not layer.trainable_weights


def test_06_layers_frozen_inside_a_patch_model_are_unfrozen():
    model = tiny_networks.nested_network()
    model.get_layer("trunk").get_layer("trunk_conv").trainable = False
    assert "trunk_conv" in freezing.train_from(model, None)


def test_07_the_trunk_ends_at_the_last_feature_map_without_dropout_too(vgg16):
    assert models.patch_features(vgg16)._keras_history.operation.name == "block5_pool"
    original = models.original_features(vgg16, "vgg16")
    assert original._keras_history.operation.name == "block5_conv3"


def test_08_the_first_top_convolution_is_trained_in_stage_one(vgg16):
    options = config.ModelOptions(
        backbone="vgg16", top_kind="vgg", top_filters=(2,), top_repeats=(1,),
        heatmap=True, heatmap_max_pool=(1, 1))
    model = models.whole_image_classifier(vgg16, options, size=(288, 288))
    assert models.first_top_layer(model) == "vgg1_1_conv"
    later = models.first_top_layer(model, semantics="original")
    names = [layer.name for layer in model.layers]
    assert names.index(later) == 8
    assert {"vgg1_1_conv", "vgg1_1_bn"} <= set(names[6:8])


def test_09_index_46_of_resnet50_is_a_normalisation_in_block_3a(resnet50):
    name = models.layer_at_original_index(resnet50, 46)
    assert name == "bn3a_branch1"
    trained = freezing.train_from(resnet50, name)
    assert {"bn3a_branch1", "res3b_branch2a", "dense_1"} <= set(trained)
    assert not {"res3a_branch2c", "res3a_branch1", "bn3a_branch2c"} & set(trained)


@pytest.fixture(scope="module")
def small_patch_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, strides=8, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))


def test_10_heatmaps_in_one_pass_are_probabilities(small_patch_model):
    noise = np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32)
    found = heatmaps.convolutional_heatmap(small_patch_model, noise, pool_size=(2, 2))
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("header", ["", "patient_id\n"])
def test_11_the_first_patient_of_a_list_is_kept(tmp_path, header):
    (tmp_path / "t.csv").write_text("patient_id,side,cancer\nA,LEFT,1\nB,LEFT,0\n")
    (tmp_path / "l.txt").write_text(f"{header}A\nB\n")
    found = heatmap_files.read_breasts(tmp_path / "t.csv", tmp_path / "l.txt")
    assert [one[0] for one in found] == ["A", "B"]


def test_12_windows_follow_the_rescale_factor_and_the_channels_of_the_model():
    options = config.ImageOptions(
        size=(8, 8), intensity_scale=0.5, center=False, channels=1)
    made = heatmaps.window_preparation(options)(np.full((2, 8, 8), 100, np.uint16))
    assert made.shape == (2, 8, 8, 1)
    assert (made == 50).all()


def test_13_yaroslav_with_default_flags_is_trained_in_one_stage():
    rows = training.patch_stages(TRAINING, config.ModelOptions(backbone="yaroslav"))
    assert [(row.first_trainable, row.until_epoch) for row in rows] == [(None, 20)]


HEADER = "patient_id,side,view,abn_num,pathology,type\n"


def sampled(folder, *flags, lesions=((20, 30, 8, 8),), names=("A", "B")):
    """Patches of two images of noise on the left half; boxes of lesions: x, y, w, h."""
    table = HEADER
    for name in names:
        grey = np.zeros((64, 64), np.uint16)
        grey[:, :40] = np.random.default_rng(ord(name)).integers(
            20000, 40000, (64, 40))
        write(folder / "full" / f"{name}_LEFT_CC.png", grey)
        for number, (x, y, width, height) in enumerate(lesions, start=1):
            table += f"{name},LEFT,CC,{number},MALIGNANT,mass\n"
            mask = np.zeros((64, 64), np.uint8)
            mask[y:y + height, x:x + width] = 255
            write(folder / "mask" / f"Mass-Training_{name}_LEFT_CC_{number}.png", mask)
    (folder / "rois.csv").write_text(table)
    (folder / "patients.txt").write_text("\n".join(names))
    return sample(folder, *flags)


def sample(folder, *flags):
    """Runs the sampler; returns patches by class folder and file name."""
    words = [folder / "rois.csv", folder / "mask", folder / "patients.txt",
             folder / "full", folder / "out", folder / "none", "--target-height", 64,
             "--no-segment-breast", "--patch-size", 16, "--nb-hns", 0, "--val-size", 0,
             *flags]
    sample_patches_combined.main([str(word) for word in words])
    return {f"{path.parent.name}/{path.name}": cv2.imread(str(path), -1)
            for path in sorted((folder / "out").rglob("*.png"))}


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def background_places(text):
    return re.findall(r"bkg patch at \(x,y\) center= (\(\d+, \d+\))", text)


def test_14_s1_backgrounds_lie_at_one_place_unless_drawn_by_image(tmp_path, capsys):
    sampled(tmp_path / "a", "--nb-abn", 1, "--nb-bkg", 1)
    first, second = background_places(capsys.readouterr().out)
    assert first == second
    sampled(tmp_path / "b", "--nb-abn", 1, "--nb-bkg", 1, "--seeding", "image")
    first, second = background_places(capsys.readouterr().out)
    assert first != second


def test_15_backgrounds_avoid_other_lesions_and_black_when_drawn_by_image(tmp_path):
    # The second lesion fills the upper half of the tissue; the right is black.
    lesions = ((4, 52, 8, 8), (0, 0, 40, 32))
    flags = ("--nb-abn", 0, "--nb-bkg", 20, "--neg-cutoff", 0, "--pos-cutoff", 0.5)
    found = {}
    for seeding in ("original", "image"):
        made = sampled(tmp_path / seeding, *flags, "--seeding", seeding,
                       lesions=lesions, names=("A",))
        found[seeding] = [(patch > 0).mean() for patch in made.values()]
    assert min(found["original"]) < 0.5 <= min(found["image"])


def test_16_without_a_background_place_the_work_goes_on(tmp_path, capsys):
    made = sampled(tmp_path, "--nb-abn", 1, "--nb-bkg", 1, "--neg-cutoff", 0,
                   lesions=((0, 0, 64, 64),))
    assert sorted(made) == [f"mass_mal/{name}_LEFT_CC_1_0000.png" for name in "AB"]
    assert "no background patch" in capsys.readouterr().out


def test_17_a_constant_patch_keeps_its_value(tmp_path):
    sampled(tmp_path, "--nb-abn", 1, "--nb-bkg", 0)
    write(tmp_path / "full" / "A_LEFT_CC.png", np.full((64, 64), 700, np.uint16))
    made = sample(tmp_path, "--nb-abn", 1, "--nb-bkg", 0)
    assert (made["mass_mal/A_LEFT_CC_1_0000.png"] == 700).all()


def test_18_a_missing_mask_is_named_and_the_next_image_is_sampled(tmp_path, capsys):
    sampled(tmp_path, "--nb-abn", 1, "--nb-bkg", 1)
    mask = tmp_path / "mask" / "Mass-Training_A_LEFT_CC_1.png"
    mask.unlink()
    for path in (tmp_path / "out").rglob("*.png"):
        path.unlink()
    capsys.readouterr()
    made = sample(tmp_path, "--nb-abn", 1, "--nb-bkg", 1, "--no-verbose")
    assert f"Read image error: {mask}" in capsys.readouterr().out
    assert len(made) == 2
    assert all("B_LEFT_CC" in name for name in made)


def test_19_class_folders_are_made(tmp_path):
    sampled(tmp_path)
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {
        "background", "calc_mal", "calc_ben", "mass_mal", "mass_ben"}


def test_20_files_come_in_the_order_of_their_names(tmp_path):
    for name in ("c", "a", "b"):
        write(tmp_path / "neg" / f"{name}.png", np.zeros((2, 2), np.uint8))
    found = datasets.list_classes(tmp_path, ("neg",))
    assert [path.stem for path in found.paths] == ["a", "b", "c"]


def test_21_equalisation_clips_and_refuses_unscaled_values():
    options = config.ImageOptions(equalize_histogram=True)
    grey = np.array([[0, 100], [255, 300]], np.uint16)
    found = images.intensities(grey, options)
    assert found[1, 0] == found[1, 1] == 255
    with pytest.raises(files.InputError, match="0-255"):
        images.intensities(grey * 200, options)
    assert patch_clf_train.parser().get_default("equalize_histogram") is True


@pytest.mark.parametrize("shared", [False, True])
def test_22_the_intensity_shift_differs_by_channel_unless_shared(shared):
    generator = run_inputs.augmentation(config.ImageOptions(shared_shift=shared))
    shifts = generator.draw(np.random.RandomState(1)).intensity_shifts
    assert len(shifts) == 3
    assert (len(set(shifts)) == 1) == shared


@pytest.mark.parametrize("shear", [True, False])
def test_23_augmentation_shears_unless_told_not_to(shear):
    generator = run_inputs.augmentation(config.ImageOptions(shear=shear))
    assert generator.shear_range == (0.2 if shear else 0)
    drawn = generator.draw(np.random.RandomState(1)).shear_radians
    assert (0 < abs(drawn) <= 0.2) == shear


def test_24_the_warp_turns_about_a_point_off_the_centre_and_takes_nearest_pixels():
    image = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    turned = warps.apply_warp(image, warps.Warp(rotation_degrees=180.0))[..., 0]
    # About (2.5, 2.5): the output (i, j) is the input (5 - i, 5 - j), edges repeated.
    order = [3, 3, 3, 2]
    np.testing.assert_array_equal(turned, image[..., 0][np.ix_(order, order)])
    spot = np.zeros((9, 9, 1), np.float32)
    spot[2:7, 2:7] = 1
    zoomed = warps.apply_warp(spot, warps.Warp(row_zoom=1.5, column_zoom=1.5))
    assert zoomed.sum() < spot.sum()


def test_25_the_weights_of_a_batch_sum_to_its_size_times_its_classes():
    for labels in ([0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 2, 3]):
        weights = datasets.balance_weights(np.array(labels))
        assert weights.sum() == pytest.approx(len(labels) * len(set(labels)))


@pytest.mark.parametrize(("count", "steps"), [(10, 3), (8, 3)])
def test_26_training_steps_are_kept_and_the_whole_validation_set_is_used(count, steps):
    batches = tiny_networks.ArrayBatches(count)
    train([training.Stage("one", None, 1, 0.0, 0.0, 0.0)], batches=batches)
    assert len(batches.asked) == steps
    labels, scores = callbacks.predict_batches(
        tiny_networks.flat_network(), tiny_networks.ArrayBatches(6, batch_size=4))
    assert len(labels) == len(scores) == 6
    labels, _ = callbacks.predict_batches(
        tiny_networks.flat_network(), tiny_networks.ArrayBatches(3, batch_size=64))
    assert len(labels) == 3


def test_27_every_validation_begins_at_the_first_image():
    validation = tiny_networks.ArrayBatches(6)
    training.train(
        tiny_networks.flat_network(), [training.Stage("one", None, 2, 0.0, 0.0, 0.0)],
        tiny_networks.ArrayBatches(), validation, options=TRAINING)
    assert validation.asked == [0, 1, 0, 1]


def test_28_early_stopping_counts_as_keras_2_0_8():
    stopper = callbacks.EarlyStopping(2)
    stopper.set_model(keras.Model())
    stopper.on_train_begin()
    stops = []
    for loss in (1.0, 1.0, 1.0, 1.0):
        stopper.model.stop_training = False
        stopper.on_epoch_end(0, {"val_loss": loss})
        stops.append(stopper.model.stop_training)
    assert stops == [False, False, False, True]
    stopper.on_train_begin()
    assert stopper.wait == 0


def test_29_the_summary_labels_the_accuracy_of_the_epoch_of_lowest_loss():
    rows = [dict(epoch=1, val_loss=0.5, val_accuracy=0.6),
            dict(epoch=2, val_loss=0.9, val_accuracy=0.8)]
    text = experiment.summary(training.History(rows, "val_accuracy", 0.8, 2))
    assert "0.5000 in epoch 1" in text
    assert "accuracy of 0.6000 in that epoch" in text
    assert "0.8000 in epoch 2" in text


def test_30_nosave_writes_nothing_and_tests_the_final_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = [np.full((8, 8), value, np.uint8) for value in (10, 200)]
    found = datasets.from_arrays(arrays, np.array([0, 1]), ("neg", "pos"))
    settings = run_inputs.Settings(
        config.ImageOptions(size=(8, 8), channels=1), config.ModelOptions(),
        quick(best_model="NOSAVE"))
    result = experiment.report(
        "whole_image", tiny_networks.flat_network(), training.History([], "val_auc"),
        dict.fromkeys(run_inputs.SPLITS, found), settings, "")
    assert result["test"]["mean_auc"] in (0.0, 0.5, 1.0)
    assert list(tmp_path.iterdir()) == []


def test_31_class_weights_are_for_few_classes_and_warn_otherwise(caplog):
    options = quick(balance_batches=False, positive_weight=3.0)
    assert training.class_weights(options, 3).tolist() == [1, 3, 1]
    assert training.class_weights(options, 5) is None
    assert training.class_weights(options, 3, most=2) is None
    assert caplog.text.count("no effect") == 2


def test_32_whole_images_get_no_imagenet_preprocessing_and_a_warning(caplog):
    arrays = [np.full((4, 4), 100, np.uint8)] * 2
    data = {"val": datasets.from_arrays(arrays, np.array([0, 1]), ("neg", "pos"))}
    settings = run_inputs.Settings(
        config.ImageOptions(size=(4, 4), center=False), config.ModelOptions(), TRAINING)
    made = run_inputs.batches("whole_image", data, "val", settings).batch(0)[0]
    assert (made == 100).all()
    assert "no ImageNet preprocessing" in caplog.text


def test_33_several_gpus_are_left_aside_with_a_warning(monkeypatch, caplog):
    monkeypatch.setenv("NUM_GPU_DEVICES", "2")
    starting.start_repeatably(quick(deterministic=False))
    assert "NUM_GPU_DEVICES has no effect" in caplog.text


def test_34_loading_returns_the_model_and_augmented_images_are_saved(tmp_path):
    checkpoints.save_model(tiny_networks.flat_network(), tmp_path / "m.h5", {})
    assert isinstance(checkpoints.load_model(tmp_path / "m.h5"), keras.Model)
    generator = augment.MammogramDataGenerator()
    flow = generator.flow(np.zeros((2, 4, 4, 1)), np.array([0, 1]), batch_size=2,
                          save_to_dir=tmp_path / "saved")
    next(flow)
    assert len(list((tmp_path / "saved").iterdir())) == 2


@pytest.mark.parametrize("flag", ["--bias-multiplier", "--kept-layer-idx"])
def test_35_flags_of_the_examples_that_never_existed_are_errors(flag, capsys):
    with pytest.raises(SystemExit):
        patch_clf_train.parser().parse_args(["a", "b", "c", flag, "1"])
    assert flag in capsys.readouterr().err


def test_36_alpha_and_l1_ratio_act_on_the_output_of_residual_networks():
    model = resnets.resnet("dm_resnet_14", (64, 64, 1), 2, resnets.ResnetOptions(
        filters=4, alpha=0.3, l1_ratio=0.0))
    penalty = model.layers[-1].kernel_regularizer
    ones = np.ones((3, 1), np.float32)
    assert float(penalty(keras.ops.convert_to_tensor(ones))) == pytest.approx(0.9)


def test_37_the_heatmap_is_average_dense_and_max_pooling(vgg16):
    options = config.ModelOptions(
        backbone="vgg16", top_kind="vgg", top_filters=(2,), top_repeats=(1,),
        heatmap=True)
    shapes = {}
    for pool in ((5, 5), (1, 1)):
        model = models.whole_image_classifier(
            vgg16, dataclasses.replace(options, heatmap_max_pool=pool), size=(512, 512))
        assert model.get_layer("heatmap").activation is keras.activations.relu
        shapes[pool] = [model.layers[i].output.shape[1:] for i in (2, 4, 5)]
    # 16x16 features, averaged 7x7 with a stride of 1.
    assert shapes[(5, 5)] == [(10, 10, 512), (10, 10, 5), (2, 2, 5)]
    assert shapes[(1, 1)] == [(10, 10, 512), (10, 10, 5), (10, 10, 5)]


def test_38_fine_tuning_has_the_recipes_of_the_paper_and_of_the_readme(tmp_path):
    (tmp_path / "m.h5").write_bytes(b"")
    found = {}
    for recipe in ("paper", "readme"):
        _, _, model, options = finetune.parse(
            ["T", "V", "S", "--resume-from", str(tmp_path / "m.h5"), "--recipe",
             recipe])
        [_, row] = training.image_stages(options, model, first_top="x")
        found[recipe] = (row.learning_rate, row.until_epoch, row.weight_decay)
    assert found["paper"] == pytest.approx((1e-5, 200, 0.01))
    assert found["readme"] == pytest.approx((1e-6, 50, 0.01))


def test_39_fine_tuning_chooses_its_epoch_on_training_patients():
    patients = tuple(f"p{i // 2}" for i in range(20))
    found = datasets.ImageList(
        tuple(pathlib.Path(f"{i}.png") for i in range(20)),
        np.arange(20) // 2 % 2, ("neg", "pos"), patients=patients)
    train_set, validation = subsets.set_apart(found, 0.3, seed=1)
    assert not set(train_set.patients) & set(validation.patients)
    assert len(train_set) + len(validation) == 20
    assert set(validation.labels) == {0, 1}


def test_40_heatmaps_are_npz_and_old_pickles_are_read(tmp_path):
    heatmap = np.full((2, 2, 3), 1 / 3, np.float32)
    case = heatmap_files.Case("A", "LEFT", 1, heatmap, None)
    heatmap_files.write_cases(tmp_path / "new.npz", [case])
    with np.load(tmp_path / "new.npz", allow_pickle=False) as stored:
        assert stored.files
    (tmp_path / "old.pkl").write_bytes(pickle.dumps([dict(
        patient_id="A", side="LEFT", cancer=1, cc=heatmap, mlo=None)], protocol=0))
    for name in ("new.npz", "old.pkl"):
        [found] = heatmap_files.read_cases(tmp_path / name)
        np.testing.assert_array_equal(found.cc, heatmap)


def test_41_region_features_keep_the_originals_surprises():
    empty = regions.class_features(np.zeros((4, 4)), 0.5)
    assert empty["top1_euler_number"] == 2
    two = np.zeros((5, 5))
    two[0, :2], two[4, :2] = 0.6, 0.9
    found = regions.class_features(two, 0.5)
    assert found["top1_max_intensity"] == 0.9
    assert found["top1_solidity"] == found["top1_area_ratio"]


def test_42_constants_of_keras_2_0_8_are_set_explicitly(resnet50):
    drawn = np.array(top_layers.he_normal()((200, 200)))
    assert drawn.std() == pytest.approx(0.88 * np.sqrt(2 / 200), rel=0.02)
    for name in ("rmsprop", "adagrad", "adadelta", "adamax", "adam", "nadam"):
        assert optimizers.optimizer(name, 0.1).epsilon == 1e-8
    assert optimizers.Nadam.schedule_decay == 0.004
    assert resnet50.get_layer("bn_conv1").epsilon == 1e-3


def test_43_resnet50_pads_its_first_convolution_and_not_its_pooling(resnet50):
    assert resnet50.get_layer("conv1").padding == "same"
    assert resnet50.layers[4].padding == "valid"
    assert [layer.name for layer in resnet50.layers if "pad" in layer.name] == []


def test_44_files_of_a_nested_trunk_are_read_by_tensor_name(tmp_path):
    path = tmp_path / "initial.h5"
    path.write_bytes(gzip.decompress((GOLDEN / "training/initial.h5.gz").read_bytes()))
    inputs = np.load(GOLDEN / "training/inputs.npz")["x"][:2].astype(np.float32)
    expected = json.loads((GOLDEN / "training/curves.json").read_text())
    found = checkpoints.load_model(path).predict_on_batch(inputs)
    np.testing.assert_allclose(
        found, expected["sgd"]["initial_predictions"][:2], atol=1e-5)


@pytest.mark.parametrize(("side", "features", "pooled"), [
    (224, 7, 1), (256, 8, 1), (448, 14, 2)])
def test_45_larger_patches_are_pooled_as_in_the_original(
        resnet50, side, features, pooled):
    both = keras.Model(resnet50.inputs, [
        resnet50.get_layer(backbones.BACKBONES["resnet50"].features).output,
        resnet50.get_layer("avg_pool").output])
    shapes = both.compute_output_shape((None, side, side, 3))
    assert [shape[1] for shape in shapes] == [features, pooled]


def test_46_a_lesion_that_no_patch_overlaps_is_left_out(tmp_path, capsys, monkeypatch):
    def refuse(*arguments, **keywords):
        raise patches.NoPlace("no patch of 16 pixels overlaps the lesion")
        yield

    monkeypatch.setattr(patches, "lesion_centers", refuse)
    made = sampled(tmp_path, "--nb-abn", 2, "--nb-bkg", 1)
    assert sorted(made) == [f"background/{name}_LEFT_CC_1_0000.png" for name in "AB"]
    assert capsys.readouterr().out.count("overlaps the lesion") >= 2


def test_logging_is_not_configured_by_the_library():
    assert logging.getLogger("end2end").handlers == []
