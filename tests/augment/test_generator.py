"""`MammogramDataGenerator`: the original's pictures, and Keras's words."""

import inspect
import json
import math
import pathlib

import numpy as np
import pytest

from end2end import augment, config
from end2end.augment import conventions, file_flows, flows
from end2end.augment import generator as augment_generator
from end2end.utils import files

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "pixels"
SETTINGS = json.loads((GOLDEN / "augmentation.json").read_text())["settings"]


def noise(*shape, seed=0):
    return (np.random.default_rng(seed).random(shape) * 255).astype(np.float32)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_augmentation_equals_the_original_bit_for_bit(name):
    golden = np.load(GOLDEN / "augmentation.npz")
    described = json.loads((GOLDEN / "augmentation.json").read_text())
    generator = augment.MammogramDataGenerator(
        featurewise_center=True, **SETTINGS[name])
    generator.mean = described["featurewise_mean"]
    image = golden["input"][..., None].repeat(3, axis=2)
    images = [generator.standardize(generator.random_transform(image, seed=seed))
            for seed in described["seeds"]]
    np.testing.assert_array_equal(images, golden[name])


def test_without_a_seed_the_draws_are_those_of_numpys_global_generator():
    generator, image = augment.training_generator(), noise(20, 16, 3)
    np.random.seed(7)
    first = generator.random_transform(image)
    second = generator.random_transform(image)
    np.testing.assert_array_equal(first, generator.random_transform(image, seed=7))
    assert not np.array_equal(first, second)


def test_the_training_generator_has_the_ranges_of_the_original():
    ranges = augment.training_generator().ranges
    assert ranges == augment_generator.Ranges(
        max_rotation_degrees=25.0, max_shear_radians=0.2, zoom=(0.8, 1.2),
        max_intensity_shift=20.0, horizontal_flip=True, vertical_flip=True)


def test_channels_first_gives_the_same_picture():
    image = noise(20, 16, 3)
    settings = dict(rotation_range=20.0, channel_shift_range=10.0, vertical_flip=True)
    last = augment.MammogramDataGenerator(**settings)
    first = augment.MammogramDataGenerator(data_format="channels_first", **settings)
    np.testing.assert_array_equal(
        np.moveaxis(first.random_transform(np.moveaxis(image, 2, 0), seed=4), 0, 2),
        last.random_transform(image, seed=4))


def test_statistics_of_augmented_images_are_those_of_channels_last():
    images = np.stack([noise(9, 7, 2), noise(9, 7, 2)[::-1]])
    settings = dict(rotation_range=20.0, featurewise_center=True,
                    featurewise_std_normalization=True, rescale=0.5)
    last = augment.MammogramDataGenerator(**settings)
    first = augment.MammogramDataGenerator(data_format="channels_first", **settings)
    last.fit(images, augment=True, rounds=3, seed=4)
    first.fit(np.moveaxis(images, 3, 1), augment=True, rounds=3, seed=4)
    assert last.mean.shape == (1, 1, 2) and first.mean.shape == (2, 1, 1)
    for name in ("mean", "std"):
        np.testing.assert_allclose(
            np.ravel(getattr(first, name)), np.ravel(getattr(last, name)), rtol=1e-5)
    assert np.ptp(last.mean) > 0


def test_one_number_for_zoom_goes_both_ways():
    assert augment.MammogramDataGenerator(zoom_range=0.25).zoom_range == (0.75, 1.25)


@pytest.mark.parametrize("settings, words", [
    (dict(zoom_range=(1, 2, 3)), "pair"),
    (dict(width_shift_range=-0.1), "share of the image"),
    (dict(height_shift_range="far"), "height_shift_range"),
    (dict(brightness_range=0.1), "two numbers"),
    (dict(validation_split=1), "strictly between 0 and 1"),
    (dict(validation_split=1.5), "strictly between 0 and 1"),
    (dict(validation_split=-0.5), "strictly between 0 and 1"),
    (dict(interpolation_order=6), "0, 1, 2, 3, 4, 5"),
    (dict(convention="tf"), "original, keras, keras3"),
    (dict(fill_mode="mirror"), "nearest, constant, reflect, wrap"),
    (dict(data_format="HWC"), "channels_last")])
def test_wrong_arguments_are_refused_with_what_was_expected(settings, words):
    with pytest.raises(ValueError, match=words):
        augment.MammogramDataGenerator(**settings)


def test_standardising_goes_in_the_order_of_the_original():
    generator = augment.MammogramDataGenerator(
        featurewise_center=True, featurewise_std_normalization=True, rescale=2.0,
        preprocessing_function=lambda x: x + 1)
    generator.mean, generator.std = 10.0, 4.0
    image = np.full((2, 2, 1), 11.0, np.float32)
    np.testing.assert_allclose(generator.standardize(image), 3.5)
    np.testing.assert_array_equal(image, 11.0)


def test_standardising_by_nothing_returns_the_array_itself_and_else_a_new_one():
    generator = augment.MammogramDataGenerator()
    image = noise(4, 3, 1)
    assert generator.standardize(image) is image
    assert generator.standardize(image.astype(np.uint8)).dtype == np.float32
    halved = augment.MammogramDataGenerator(rescale=0.5).standardize(image)
    np.testing.assert_array_equal(halved, image * np.float32(0.5))
    assert not np.shares_memory(halved, image)


def test_a_mean_of_other_channels_than_the_image_is_refused():
    generator = augment.MammogramDataGenerator(featurewise_center=True)
    generator.mean = np.zeros((1, 1, 3), np.float32)
    with pytest.raises(ValueError, match="broadcast"):
        generator.standardize(noise(4, 3, 1))


def test_samplewise_settings_use_the_image_itself():
    generator = augment.MammogramDataGenerator(
        samplewise_center=True, samplewise_std_normalization=True)
    image = generator.standardize(noise(9, 8, 3))
    assert abs(image.mean()) < 1e-5 and abs(image.std() - 1) < 1e-5


def test_fit_finds_mean_and_deviation_of_each_channel():
    x = noise(5, 8, 6, 3) * np.array([1, 2, 3], np.float32)
    generator = augment.MammogramDataGenerator(
        featurewise_center=True, featurewise_std_normalization=True)
    generator.fit(x)
    np.testing.assert_allclose(generator.mean[0, 0], x.mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(generator.std[0, 0], x.std(axis=(0, 1, 2)), rtol=1e-4)
    images = np.stack([generator.standardize(image) for image in x])
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(images.std(axis=(0, 1, 2)), 1, atol=1e-4)


def test_fit_can_augment_first_and_repeats_with_a_seed():
    x = noise(3, 8, 8, 1)
    means = []
    for _ in range(2):
        generator = augment.MammogramDataGenerator(
            featurewise_center=True, channel_shift_range=50.0)
        generator.fit(x, augment=True, rounds=2, seed=3)
        means.append(generator.mean.item())
    assert means[0] == means[1] != float(x.mean())


def test_whitening_makes_the_pixels_uncorrelated():
    x = noise(200, 2, 2, 1)
    x[:, 1] += 0.8 * x[:, 0]
    generator = augment.MammogramDataGenerator(
        featurewise_center=True, zca_whitening=True)
    generator.fit(x)
    flat = np.stack([generator.standardize(image) for image in x]).reshape(200, 4)
    np.testing.assert_allclose(flat.T @ flat / 200, np.eye(4), atol=0.02)


@pytest.mark.parametrize(("convention", "settings", "on", "warnings"), [
    ("keras3", {}, "", []), ("original", dict(zca_whitening=True), "", []),
    ("keras3", dict(zca_whitening=True), "featurewise_center", [
        "zca_whitening turns featurewise_center on."]),
    ("keras3", dict(zca_whitening=True, featurewise_center=True,
                    featurewise_std_normalization=True), "featurewise_center", [
        "zca_whitening turns featurewise_std_normalization off."]),
    ("keras3", dict(featurewise_std_normalization=True),
     "featurewise_center featurewise_std_normalization", [
        "featurewise_std_normalization turns featurewise_center on."]),
    ("keras3", dict(samplewise_std_normalization=True), "samplewise_center", [
        "samplewise_std_normalization turns samplewise_center on."])])
def test_what_a_setting_implies_is_said(caplog, convention, settings, on, warnings):
    generator = augment.MammogramDataGenerator(convention=convention, **settings)
    names = ("featurewise_center", "featurewise_std_normalization", "samplewise_center")
    assert [name for name in names if getattr(generator, name)] == on.split()
    assert caplog.messages == warnings


def test_centring_without_a_mean_warns_and_leaves_the_image(caplog):
    generator = augment.MammogramDataGenerator(featurewise_center=True)
    np.testing.assert_array_equal(generator.standardize(np.ones((2, 2, 1))), 1)
    assert "call fit(x), or set it by hand" in caplog.text


def test_whitening_divides_by_a_little_more_than_the_deviation():
    x = noise(6, 2, 2, 1) * np.float32(1e-9)
    generator = augment.MammogramDataGenerator(
        featurewise_std_normalization=True, zca_whitening=True)
    generator.fit(x)
    assert generator.std < 1e-7
    divided = x / (generator.std + np.float32(1e-7))
    np.testing.assert_allclose(
        generator.principal_components, conventions.whitening(
            divided.reshape(6, -1), 1e-6, generator.convention), rtol=1e-3)


def test_fit_refuses_three_dimensions():
    with pytest.raises(ValueError, match="four dimensions"):
        augment.MammogramDataGenerator().fit(noise(3, 8, 8))


def test_the_default_recipe_is_that_of_the_paper_and_the_option_has_every_row():
    assert list(augment_generator.RECIPES) == [
        *config.ImageOptions.__dataclass_fields__["augmentation_recipe"].metadata["choices"]]
    paper = augment.training_generator()
    assert paper.ranges.max_intensity_shift == 20 and paper.brightness_range is None
    with pytest.raises(files.InputError, match="'shen' is not known"):
        augment.training_generator("shen")


def test_the_recipe_of_petrini_reflects_the_border_and_changes_brightness_alone():
    generator = augment.training_generator("petrini")
    assert (generator.fill_mode, generator.ranges.max_intensity_shift) == ("reflect", 0)
    assert math.degrees(generator.ranges.max_shear_radians) == pytest.approx(12)
    factors = [generator.draw(np.random.RandomState(seed)).brightness
               for seed in range(200)]
    assert 0.8 <= min(factors) < 0.82 and 1.18 < max(factors) <= 1.2


def test_the_recipe_of_flips_changes_nothing_else():
    generator, image = augment.training_generator("flips"), noise(5, 4, 1)
    drawn = {generator.random_transform(image, seed).tobytes() for seed in range(40)}
    views = augment_generator.four_flips(image[None])
    assert drawn == {view.tobytes() for view in views}


def test_the_recipe_of_tones_gives_a_grey_image_of_another_curve():
    generator = augment.training_generator(
        "tone", rotation_range=0, shear_range=0, zoom_range=(1, 1),
        brightness_range=(1, 1), horizontal_flip=False, vertical_flip=False)
    warp = generator.draw(np.random.RandomState(2))
    assert 0.8 <= warp.tone <= 1.25 and abs(warp.tone - 1) > 0.01
    plane = np.linspace(0, 200, 12, dtype=np.float32).reshape(4, 3)
    inputs = np.empty((4, 3, 3), np.float32)
    generator.apply_grey(plane, warp, pixel_mean=10, out=inputs)
    expected = 200 * (plane / 200) ** warp.tone - 10
    np.testing.assert_allclose(inputs, np.repeat(expected[..., None], 3, 2), atol=1e-3)


def test_every_argument_has_its_row_in_the_documentation():
    page = pathlib.Path(__file__).parents[2] / "docs" / "augmentation.md"
    cells = "\n".join(line.split("|")[1] for line in page.read_text().splitlines()
                      if line.startswith("| "))
    methods = [getattr(augment.MammogramDataGenerator, name) for name in (
        "__init__", "fit", "standardize", "random_transform", "get_random_transform",
        "apply_transform", "flow", "flow_from_directory", "flow_from_dataframe",
        "flow_from_img_list", "flow_from_exam_list")]
    functions = [flows.from_arrays, file_flows.from_directory,
                 file_flows.from_dataframe, file_flows.from_img_list,
                 file_flows.from_exam_list, file_flows.reader]
    for function in (*methods, *functions):
        for name in set(inspect.signature(function).parameters) - {
                "self", "generator", "options", "convention"}:
            assert f"`{name}`" in cells, (function, name)
    assert "`convention=\"original\"`" in page.read_text()


def test_the_fast_warps_are_taken_where_they_give_the_same_pictures():
    assert augment.MammogramDataGenerator()._nearest is True
    for change in (dict(interpolation_order=1), dict(dtype="float64"),
                   dict(convention="keras3")):
        assert augment.MammogramDataGenerator(**change)._nearest is False


@pytest.mark.parametrize("order", [0, 1])
def test_points_outside_have_the_value_that_is_asked_for(order):
    generator = augment.MammogramDataGenerator(
        fill_mode="constant", cval=7.0, interpolation_order=order)
    warp, plane = augment_generator.Warp(column_pixels=2.0), noise(5, 6)
    inputs = np.empty((5, 6, 3), np.float32)
    generator.apply_grey(plane, warp, pixel_mean=2.5, out=inputs)
    expected = np.full((5, 6), 4.5, np.float32)
    expected[:, :4] = plane[:, 2:] - 2.5
    np.testing.assert_allclose(inputs, np.repeat(expected[..., None], 3, 2), atol=1e-4)
    np.testing.assert_allclose(
        generator.apply(plane[..., None], warp)[..., 0], expected + 2.5, atol=1e-4)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("change", [{}, dict(brightness=1.5), dict(tone=1.2)])
def test_a_grey_image_gets_what_its_channels_would_get(order, change):
    generator = augment.MammogramDataGenerator(interpolation_order=order)
    warp = augment_generator.Warp(column_pixels=1.5, **change)
    plane = noise(5, 6) + 50
    inputs = np.empty((5, 6, 3), np.float32)
    generator.apply_grey(plane, warp, pixel_mean=2.5, out=inputs)
    channels = np.repeat(plane[..., None], 3, 2)
    np.testing.assert_allclose(
        inputs, generator.apply(channels, warp) - 2.5, rtol=1e-5)


@pytest.mark.parametrize(("shared", "shifts"), [(True, 1), (False, 3)])
def test_channels_share_a_shift_of_intensity_where_asked_for(shared, shifts):
    warp = augment.MammogramDataGenerator(
        channel_shift_range=9.0, shared_channel_shift=shared).draw(
        np.random.RandomState(1))
    assert len(warp.intensity_shifts) == 3 and len(set(warp.intensity_shifts)) == shifts


def test_one_shift_of_intensity_is_that_of_every_channel():
    image = np.random.default_rng(4).uniform(0, 200, (4, 3, 5)).astype(np.float32)
    shifted, each = (augment.MammogramDataGenerator().apply_transform(
        image, dict(channel_shift_intensity=shift)) for shift in (9.0, (9.0,) * 5))
    np.testing.assert_array_equal(shifted, each)
    assert shifted.shape == image.shape and not np.array_equal(shifted, image)


@pytest.mark.parametrize("convention", ["original", "keras"])
def test_a_transform_of_channels_first_is_that_of_channels_last(convention):
    settings = dict(height_shift_range=0.5, width_shift_range=0.25,
                    channel_shift_range=9.0, convention=convention)
    told = [augment.MammogramDataGenerator(data_format=order, **settings
                                           ).get_random_transform(shape, seed=3)
            for order, shape in (("channels_first", (2, 20, 16)),
                                 ("channels_last", (20, 16, 2)))]
    assert told[0] == told[1] and 0 < abs(told[0]["tx"]) <= 10
    shifts = told[0]["channel_shift_intensity"]
    assert np.shape(shifts) == ((2,) if convention == "original" else ())
    np.random.seed(3)
    assert augment.MammogramDataGenerator(**settings).get_random_transform(
        (20, 16, 2)) == told[1]
