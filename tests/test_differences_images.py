"""Rows of docs/differences.md about images, augmentation and heatmaps, by number."""

import pathlib
import pickle

import cv2
import keras
import numpy as np
import pytest

from ddsm_train import patch_clf_train
from end2end import augment, config, heatmaps, images
from end2end.data import image_lists
from end2end.heatmaps import heatmap_files, regions
from end2end.images import warps
from end2end.training import run_inputs
from end2end.utils import files

TRAINING = config.TrainingOptions(optimizer="adam", learning_rate=0.001, workers=1)


@pytest.fixture(scope="module")
def small_patch_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, strides=8, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))


def test_10_heatmaps_in_one_pass_are_probabilities(small_patch_model):
    noise = np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32)
    heatmap = heatmaps.convolutional_heatmap(small_patch_model, noise, pool_size=(2, 2))
    np.testing.assert_allclose(heatmap.sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("header", ["", "patient_id\n"])
def test_11_the_first_patient_of_a_list_is_kept(tmp_path, header):
    (tmp_path / "t.csv").write_text("patient_id,side,cancer\nA,LEFT,1\nB,LEFT,0\n")
    (tmp_path / "l.txt").write_text(f"{header}A\nB\n")
    breasts = heatmap_files.read_breasts(tmp_path / "t.csv", tmp_path / "l.txt")
    assert [breast[0] for breast in breasts] == ["A", "B"]


def test_12_windows_follow_the_rescale_factor_and_the_channels_of_the_model():
    options = config.ImageOptions(
        size=(8, 8), intensity_scale=0.5, center=False, channels=1)
    windows = heatmaps.window_preparation(options)(np.full((2, 8, 8), 100, np.uint16))
    assert windows.shape == (2, 8, 8, 1)
    assert (windows == 50).all()


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def test_20_files_come_in_the_order_of_their_names(tmp_path):
    for name in ("c", "a", "b"):
        write(tmp_path / "neg" / f"{name}.png", np.zeros((2, 2), np.uint8))
    listed = image_lists.list_classes(tmp_path, ("neg",))
    assert [path.stem for path in listed.paths] == ["a", "b", "c"]


def test_21_equalisation_clips_and_refuses_unscaled_values():
    options = config.ImageOptions(equalize_histogram=True)
    grey = np.array([[0, 100], [255, 300]], np.uint16)
    levels = images.intensities(grey, options)
    assert levels[1, 0] == levels[1, 1] == 255
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
    radians = generator.draw(np.random.RandomState(1)).shear_radians
    assert (0 < abs(radians) <= 0.2) == shear


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


def test_32_whole_images_get_no_imagenet_preprocessing_and_a_warning(caplog):
    arrays = [np.full((4, 4), 100, np.uint8)] * 2
    data = {"val": image_lists.from_arrays(arrays, np.array([0, 1]), ("neg", "pos"))}
    settings = run_inputs.Settings(
        config.ImageOptions(size=(4, 4), center=False), config.ModelOptions(), TRAINING)
    inputs = run_inputs.batches("whole_image", data, "val", settings).batch(0)[0]
    assert (inputs == 100).all()
    assert "no ImageNet preprocessing" in caplog.text


def test_40_heatmaps_are_npz_and_old_pickles_are_read(tmp_path):
    heatmap = np.full((2, 2, 3), 1 / 3, np.float32)
    case = heatmap_files.Case("A", "LEFT", 1, heatmap, None)
    heatmap_files.write_cases(tmp_path / "new.npz", [case])
    with np.load(tmp_path / "new.npz", allow_pickle=False) as stored:
        assert stored.files
    (tmp_path / "old.pkl").write_bytes(pickle.dumps([dict(
        patient_id="A", side="LEFT", cancer=1, cc=heatmap, mlo=None)], protocol=0))
    for name in ("new.npz", "old.pkl"):
        [case] = heatmap_files.read_cases(tmp_path / name)
        np.testing.assert_array_equal(case.cc, heatmap)


def test_41_region_features_keep_the_originals_surprises():
    empty = regions.class_features(np.zeros((4, 4)), 0.5)
    assert empty["top1_euler_number"] == 2
    two = np.zeros((5, 5))
    two[0, :2], two[4, :2] = 0.6, 0.9
    features = regions.class_features(two, 0.5)
    assert features["top1_max_intensity"] == 0.9
    assert features["top1_solidity"] == features["top1_area_ratio"]


def test_47_samplewise_settings_go_over_the_whole_image_and_grey_stays_a_picture():
    image = np.arange(24, dtype=np.float32).reshape(4, 6, 1).repeat(3, axis=2)
    centred = augment.MammogramDataGenerator(samplewise_center=True).standardize(image)
    np.testing.assert_allclose(centred, image - 11.5)


def test_48_reflected_edges_repeat_the_pixel_at_the_edge():
    image = np.tile(np.arange(1.0, 5.0, dtype=np.float32), (3, 1))[..., None]
    moved = warps.apply_warp(image, warps.Warp(column_pixels=-3.0), fill_mode="reflect")
    assert moved[0, :, 0].tolist() == [3, 2, 1, 1]


def test_50_resizing_rounds_as_todays_opencv_within_two_grey_levels_of_16_bit():
    golden = pathlib.Path(__file__).parent / "golden"
    with np.load(golden / "pixels" / "reading.npz") as stored:
        expected = stored["target_height"]
    path = sorted((golden / "sampling" / "full").iterdir())[0]
    height, width = expected.shape
    options = config.ImageOptions(size=(height, width), height=height)
    resized = images.resized(images.read_image(path), options)
    apart = np.abs(resized.astype(float) - expected)
    assert apart.max() <= 2 and (apart > 0).mean() < 0.02
