"""Transforms in Keras's words: drawn, applied, and told."""

import math

import numpy as np
import pytest
import recorded
from PIL import Image, ImageEnhance

from end2end import augment
from end2end.augment import transforms
from end2end.augment.conventions import CONVENTIONS
from end2end.images import warps


def noise(*shape, seed=0):
    return (np.random.default_rng(seed).random(shape) * 255).astype(np.float32)


@pytest.mark.parametrize("value, expected", [
    (0, transforms.Shift()), (0.25, transforms.Shift(limit=0.25)),
    (3.0, transforms.Shift(limit=3.0, share=False)),
    (1.0, transforms.Shift(limit=1.0, share=False)),
    ([0.5, 1], transforms.Shift(choices=(0.5, 1), share=False)),
    (3, transforms.Shift(choices=(0, 1, 2), share=False)),
    ([0.1, 0.2], transforms.Shift(choices=(0.1, 0.2))),
    ([-4, 2], transforms.Shift(choices=(-4, 2), share=False))])
def test_a_shift_range_is_read_as_keras_reads_it(value, expected):
    assert transforms.shift_range(value, "width_shift_range") == expected


@pytest.mark.parametrize("value", [-0.1, "far", [[1, 2]], math.nan, True])
def test_what_is_no_shift_range_is_refused_by_name(value):
    with pytest.raises(ValueError, match="width_shift_range=.*number of pixels"):
        transforms.shift_range(value, "width_shift_range")


def test_shifts_in_pixels_and_lists_move_by_whole_pixels_either_way():
    generator = augment.MammogramDataGenerator(
        height_shift_range=[3], width_shift_range=3)
    image = np.zeros((15, 12, 1), np.float32)
    image[7, 6] = 1
    places = {tuple(np.argwhere(generator.random_transform(image, seed=s)[..., 0])[0])
              for s in range(40)}
    assert {row for row, _ in places} == {4, 10}
    assert {column for _, column in places} == {4, 5, 6, 7, 8}


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
@pytest.mark.parametrize("first", [False, True])
def test_the_told_transform_gives_the_picture_of_the_same_seed(name, first):
    generator = augment.MammogramDataGenerator(
        rotation_range=30.0, width_shift_range=0.1, height_shift_range=2,
        shear_range=0.2, zoom_range=(0.8, 1.1), channel_shift_range=12.0,
        horizontal_flip=True, vertical_flip=True, brightness_range=(0.6, 1.4),
        convention=name, data_format="channels_first" if first else None)
    image = noise(3, 20, 14) if first else noise(20, 14, 3)
    for seed in range(4):
        told = generator.get_random_transform(image.shape, seed)
        np.testing.assert_allclose(
            generator.apply_transform(image, told),
            generator.random_transform(image, seed), atol=1e-3)


def test_a_transform_of_nothing_tells_that_nothing_changes():
    told = augment.MammogramDataGenerator().get_random_transform((9, 8, 1), seed=3)
    assert told == transforms.IDENTITY


def test_flips_and_rotation_by_hand():
    generator = augment.MammogramDataGenerator(convention="keras", fill_mode="constant")
    image = noise(6, 5, 2)
    np.testing.assert_array_equal(
        generator.apply_transform(image, {"flip_vertical": True}), image[::-1])
    np.testing.assert_array_equal(
        generator.apply_transform(image, {"flip_horizontal": True}), image[:, ::-1])
    square = augment.MammogramDataGenerator(convention="keras3", fill_mode="constant")
    np.testing.assert_allclose(
        square.apply_transform(image[:5], {"theta": 90.0}),
        np.rot90(image[:5]), atol=1e-3)


def test_shear_is_told_in_the_unit_of_the_convention():
    warp = warps.Warp(shear_radians=0.1)
    told = {name: transforms.parameters(warp, (8, 8), row)["shear"]
            for name, row in CONVENTIONS.items()}
    assert told == {"original": 0.1, "keras": math.degrees(0.1),
                    "keras3": math.degrees(0.1)}


def test_unknown_entries_are_refused():
    with pytest.raises(ValueError, match="'angle'.*theta, tx"):
        augment.MammogramDataGenerator().apply_transform(noise(4, 4, 1), {"angle": 3})


@pytest.mark.parametrize("factor", [0.0, 0.37, 1.0, 1.9])
def test_levels_brighten_as_pillow_does(factor):
    for least, greatest in ((3, 251), (0, 200), (9, 255)):
        image = np.clip(noise(9, 7, 3), least, greatest)
        image[3, 2, 1], image[4, 5, 0] = least, greatest
        expected = np.asarray(ImageEnhance.Brightness(
            Image.fromarray(image.astype(np.uint8))).enhance(factor), np.float32)
        np.testing.assert_array_equal(
            transforms.brighten(image, factor, CONVENTIONS["keras3"]), expected)


def test_beyond_8_bits_brightness_keeps_the_range_or_takes_all_of_it():
    image = noise(9, 7, 1) * 20 - 100
    kept = transforms.brighten(image, 1.0, CONVENTIONS["keras3"])
    assert abs(kept - image).max() < (image.max() - image.min()) / 255
    stretched = transforms.brighten(image, 1.0, CONVENTIONS["keras"])
    assert (stretched.min(), stretched.max()) == (0, 255)


def test_floating_brightness_multiplies_and_clips():
    image = np.array([[[10.0], [200.0]]], np.float32)
    np.testing.assert_allclose(
        transforms.brighten(image, 1.5, CONVENTIONS["original"]).ravel(), [15, 255])
    assert transforms.brighten(image, None, CONVENTIONS["original"]) is image


def test_a_tone_curve_keeps_black_and_white_and_darkens_or_lightens_between():
    image = np.array([[[-3.0], [0.0], [50.0], [200.0]]], np.float32)
    np.testing.assert_allclose(
        transforms.toned(image, 2.0).ravel(), [0, 0, 12.5, 200], rtol=1e-6)
    np.testing.assert_allclose(
        transforms.toned(image, 0.5).ravel(), [0, 0, 100, 200], rtol=1e-6)
    assert transforms.toned(image, None) is image
    shares = np.array([[[0.25], [1.0]]], np.float32)
    np.testing.assert_array_equal(transforms.toned(shares, 2.0).ravel(), [0.0625, 1])
    black = np.zeros((2, 2, 1), np.float32)
    assert transforms.toned(black, 2.0) is black


ALONE = dict(
    nothing={}, rotation=dict(rotation_range=30.0), rows=dict(height_shift_range=0.2),
    row_pixels=dict(height_shift_range=3), columns=dict(width_shift_range=[-2, 3]),
    shear=dict(shear_range=0.2), zoom=dict(zoom_range=(0.8, 1.1)),
    levels=dict(channel_shift_range=12.0), brightness=dict(brightness_range=(0.6, 1.4)),
    spline=dict(rotation_range=30.0, shear_range=0.2, interpolation_order=3),
    constant=dict(zoom_range=(1.2, 1.5), fill_mode="constant", cval=7.0),
    wrapped=dict(width_shift_range=0.3, fill_mode="wrap"))


def test_transforms_of_one_seed_are_as_recorded():
    """Flips come last among the draws, so that they tell how many came before."""
    image, lines = noise(9, 7, 2), []
    for name in sorted(CONVENTIONS):
        for setting, ranges in ALONE.items():
            generator = augment.MammogramDataGenerator(
                horizontal_flip=True, vertical_flip=True, convention=name, **ranges)
            told = [generator.get_random_transform(image.shape, seed)
                    for seed in range(3)]
            lines.append(f"{name} {setting}: " + "; ".join(" ".join(
                f"{key}={values[key]}" for key in values
                if values[key] != transforms.IDENTITY[key]) for values in told))
            lines.append(recorded.picture(generator.random_transform(image, seed=1)))
    recorded.check("transforms", "\n".join(lines))
