"""Why an image may not fit a model; film and digital, both directions."""

import dataclasses
import json

import numpy as np
import pytest
import real_films

from end2end import config, dicom
from end2end.images import fit, kinds
from end2end.phantoms import detector, drawing
from end2end.utils import files

SIZE = (600, 470)
OPTIONS = config.ImageOptions(size=(60, 47), intensity_scale=0.003891, center=False)
DIGITAL_SENTENCE, FILM_SENTENCE = (
    fit.KIND_SENTENCES[kind] for kind in (kinds.DIGITAL, kinds.FILM))


def digital(number):
    woman = drawing.draw_woman(number, seed=5, difficulty=0.3)
    return 16 * detector.render(
        woman, "LEFT", "CC", SIZE, maker="masked 12 bits, bright rim")


def statistics(images):
    return fit.input_statistics(images, OPTIONS)


def test_statistics_count_the_kinds_and_can_be_written_as_json():
    values = statistics([digital(number) for number in range(1, 5)])
    assert values["images"] == 4 and sum(values["kinds"].values()) == 4
    low, middle, high = values["height"]
    assert low == middle == high == 600
    assert 0 <= values["evidence"]["comb"] <= 1
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_what_is_undefined_for_all_images_is_left_empty():
    values = statistics([np.eye(40, dtype=np.uint16) * 60000])
    assert values["evidence"]["ragged"] is None
    assert values["kinds"][kinds.UNKNOWN] == 1


def test_statistics_of_nothing_are_refused():
    with pytest.raises(files.InputError, match="no images to measure"):
        statistics([])


@pytest.mark.parametrize("card, kind", [
    (dict(input_statistics=dict(kinds={kinds.FILM: 8})), kinds.FILM),
    (dict(input_statistics=dict(kinds={kinds.UNKNOWN: 8}), trained_on="INbreast"),
     kinds.UNKNOWN),
    (dict(acquisition=kinds.DIGITAL), kinds.DIGITAL),
    (dict(trained_on="CBIS-DDSM: 40 images", input_statistics=dict(flat=[0, 0, 0])),
     kinds.FILM),
    (dict(trained_on="INbreast by Shen"), kinds.DIGITAL),
    (dict(trained_on="CBIS-DDSM, then INbreast"), kinds.UNKNOWN),
    (dict(), kinds.UNKNOWN)])
def test_the_kind_of_a_model_is_that_of_its_images_or_of_its_data_set(card, kind):
    assert fit.usual_kind(card) == kind


@pytest.mark.parametrize("kind, usual, sentences", [
    (kinds.DIGITAL, kinds.FILM, [DIGITAL_SENTENCE]),
    (kinds.FILM, kinds.DIGITAL, [FILM_SENTENCE]),
    (kinds.FILM, kinds.FILM, []), (kinds.UNKNOWN, kinds.FILM, []),
    (kinds.FILM, kinds.UNKNOWN, [])])
def test_only_a_known_opposite_kind_is_said(kind, usual, sentences):
    flags = fit.flags(digital(1), OPTIONS, dict(acquisition=usual), kind=kind)
    assert [flag for flag in flags if flag in fit.KIND_SENTENCES.values()] == sentences


def test_images_like_those_in_training_have_no_flags_and_darker_ones_do():
    images = [digital(number) for number in range(1, 5)]
    card = dict(input_statistics=statistics(images))
    assert fit.flags(images[0], OPTIONS, card, kind=kinds.kind(images[0])) == []
    (flag,) = fit.flags(images[0] // 16, OPTIONS, card)
    assert "--rescale-factor auto" in flag


def test_real_films_fit_a_model_of_real_films_and_digital_ones_do_not():
    films = [dicom.read_dicom(path).pixels for path in real_films.paths()]
    card = dict(input_statistics=statistics(films))
    assert card["input_statistics"]["kinds"] == {
        kinds.FILM: 8, kinds.DIGITAL: 0, kinds.UNKNOWN: 0}
    for film in films:
        flags = fit.flags(film, OPTIONS, card, kind=kinds.kind(film))
        assert DIGITAL_SENTENCE not in flags
    picture = digital(3) // 16
    assert DIGITAL_SENTENCE in fit.flags(
        picture, OPTIONS, card, kind=kinds.kind(picture))


def test_real_films_are_told_to_a_model_of_digital_pictures():
    film = dicom.read_dicom(real_films.paths()[2]).pixels
    card = dict(input_statistics=statistics([digital(n) // 16 for n in range(1, 8)]))
    assert FILM_SENTENCE in fit.flags(film, OPTIONS, card, kind=kinds.kind(film))


def phantoms(style):
    women = [drawing.draw_woman(number, seed=1, difficulty=0.3)
             for number in range(1, 6)]
    return [drawing.render(woman, next(iter(woman.lesions)), "CC", SIZE, style=style)[0]
            for woman in women]


@pytest.mark.parametrize("trained, expected", [
    ("film", []), ("digital", [FILM_SENTENCE])])
def test_real_films_are_of_the_kind_of_film_phantoms_and_not_of_digital_ones(
        trained, expected):
    card = dict(input_statistics=statistics(phantoms(trained)))
    for path in real_films.paths()[::3]:
        film = dicom.read_dicom(path).pixels
        flags = fit.flags(film, OPTIONS, card, kind=kinds.kind(film))
        assert [flag for flag in flags if flag in fit.KIND_SENTENCES.values()] == (
            expected)


def test_digital_phantoms_are_told_to_a_model_of_real_films_and_film_ones_are_not():
    films = [dicom.read_dicom(path).pixels for path in real_films.paths()[:4]]
    card = dict(input_statistics=statistics(films))
    told = {style: [DIGITAL_SENTENCE in fit.flags(
        picture, OPTIONS, card, kind=kinds.kind(picture))
        for picture in phantoms(style)]
        for style in ("film", "digital")}
    assert not any(told["film"]) and sum(told["digital"]) >= 3


# Known beforehand: three columns of four at 20000, a spot of 60000, the rest black.
FACTOR = 0.004


def blocks(rows=120, columns=80, spot=60000):
    image = np.zeros((rows, columns), np.uint16)
    image[:, :3 * columns // 4] = 20000
    image[10:20, 4:12] = spot
    return image


PLAIN = config.ImageOptions(size=(120, 80), intensity_scale=FACTOR, center=False)
GREY = 0.75 * 80 + (240 - 80) * 80 / 9600
KNOWN = dict(mean=GREY, top=240.0, background=0.25, height=120.0, aspect=1.5)


def test_what_is_measured_is_known_beforehand():
    measured = fit.measure(blocks(), PLAIN)
    assert dataclasses.asdict(measured) == pytest.approx(KNOWN, rel=1e-5)
    equalised = dataclasses.replace(PLAIN, equalize_histogram=True)
    assert fit.measure(blocks(), equalised) == measured
    # A pixel at exactly 5 % of the maximum is background.
    image = blocks()
    image[30, 70] = 3000
    assert fit.measure(image, PLAIN).background == 0.25
    image[30, 70] = 3001
    assert fit.measure(image, PLAIN).background == 0.25 - 1 / 9600


@pytest.mark.parametrize("shape, thinned", [
    ((3000, 2000), (1500, 1000)), ((3998, 1999), (3998, 1999)),
    ((2100, 3000), (1050, 1500)), ((90, 60), (90, 60))])
def test_of_large_images_every_kth_row_and_column_is_measured(shape, thinned):
    image = np.arange(shape[0] * shape[1], dtype=np.uint32).reshape(shape)
    part = fit.thinned(image)
    assert part.shape == thinned and part[0, 0] == 0 and part.flags["C_CONTIGUOUS"]
    assert part[1, 0] == shape[1] * (shape[0] // thinned[0])


def test_statistics_hold_percentiles_and_shares():
    pictures = [blocks(rows) for rows in (120, 160, 320)]
    values = fit.input_statistics(pictures, PLAIN)
    assert values["images"] == 3
    assert values["height"] == pytest.approx([120.8, 160, 316.8])
    assert values["aspect"] == pytest.approx([1.51, 2, 3.96])
    yes_or_no = [field.name for field in dataclasses.fields(kinds.Evidence)
                 if field.type is bool]
    evidence = [kinds.evidence(picture) for picture in pictures]
    assert {name: values["evidence"][name] for name in yes_or_no} == pytest.approx({
        name: sum(getattr(row, name) for row in evidence) / 3 for name in yes_or_no})


SENTENCES = {
    "top": "brightest pixel 240 after scaling, in training {} to {}; try "
           "--rescale-factor auto",
    "mean": "mean grey value 61 after scaling, in training {} to {}; check the rescale "
            "factor and the window",
    "background": "background on 25% of the area, in training {} to {}; check that it "
                  "is a whole mammogram, not cropped and not inverted",
    "aspect": "1.50 times as high as wide, in training {} to {}; turn or crop it as "
              "the training images",
    "height": "120 pixels high, in training {} to {}; use the original resolution"}


def printed(name, value):
    style = dict(background="{:.0%}", aspect="{:.2f}").get(name, "{:.0f}")
    return style.format(value)


def compared(name, low, high):
    trained = {name: [low, low + 0.3 * (high - low), high]}
    return fit.flags(blocks(), PLAIN, dict(input_statistics=trained))


def test_every_comparison_has_its_sentence_here():
    assert list(SENTENCES) == [name for name, *_ in fit.COMPARED]
    assert set(SENTENCES) == {field.name for field in dataclasses.fields(fit.Measured)}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_value_is_flagged_just_beyond_the_margin_on_both_sides(name):
    value = KNOWN[name]

    def sentence(low, high):
        return [SENTENCES[name].format(printed(name, low), printed(name, high))]
    # A wide range reaches a quarter of its width further ...
    low, high = value / 0.74, 2 * value / 0.74
    assert compared(name, low, high) == sentence(low, high)
    assert compared(name, value / 0.76, 2 * value / 0.76) == []
    # ... a narrow one a twentieth of its end.
    low, high = value / 0.94, value / 0.94
    assert compared(name, low, high) == sentence(low, high)
    assert compared(name, value / 0.96, value / 0.96) == []
    # Above likewise; larger files lose nothing when they are made smaller.
    for width, reach in ((0.5, 1.125), (0, 1.05)):
        high = value / (reach + 0.01)
        low = (1 - width) * high
        assert compared(name, low, high) == (
            [] if name == "height" else sentence(low, high))
        high = value / (reach - 0.01)
        assert compared(name, (1 - width) * high, high) == []


def test_a_value_at_the_very_end_of_the_margin_is_not_flagged():
    # A quarter of the width, 0.5 below and 0.125 above.
    assert compared("aspect", 2, 4) == compared("aspect", 0.875, 1.375) == []
    for low, high in ((2.01, 4.01), (0.87, 1.37)):
        assert compared("aspect", low, high) == [
            SENTENCES["aspect"].format(f"{low:.2f}", f"{high:.2f}")]
    # Where training has one value, 0, everything else is another.
    assert compared("background", 0, 0) == [SENTENCES["background"].format("0%", "0%")]


def test_measures_that_a_card_lacks_are_not_compared():
    assert fit.flags(blocks(), PLAIN, dict(input_statistics=dict(images=3))) == []
    assert fit.flags(blocks(), PLAIN) == []


def flagged(image, **changes):
    return fit.flags(image, dataclasses.replace(PLAIN, **changes))


def test_a_brightest_pixel_far_from_255_is_flagged():
    # 60000 by these factors: 98, 102, 258 and 262.
    (dark,) = flagged(blocks(), intensity_scale=98 / 60000)
    assert dark == ("brightest pixel 98 of 255 after scaling (it is 60000 in the file)"
                    "; try --rescale-factor auto")
    assert flagged(blocks(), intensity_scale=102 / 60000) == []
    assert flagged(blocks(), intensity_scale=258 / 60000) == []
    (bright,) = flagged(blocks(), intensity_scale=262 / 60000)
    assert bright == ("brightest pixel 262 after scaling, beyond 255; try "
                      "--rescale-factor auto")
    for factor in (98 / 60000, 262 / 60000):
        assert flagged(blocks(), intensity_scale=factor, stretch_max_to=255.0) == []
    for top, told in ((100, False), (99, True), (260, False), (261, True), (1, True)):
        image = np.where(blocks() == 20000, 2 * top // 5, blocks(spot=top))
        assert told == any(flag.startswith(f"brightest pixel {top} ") for flag in (
            flagged(image.astype(np.uint16), intensity_scale=None)))
    (only,) = flagged(np.zeros((120, 80), np.uint16))
    assert only == "image with a single grey level: leave out"


def test_a_factor_that_was_automatic_is_not_advised():
    options = dataclasses.replace(PLAIN, intensity_scale=98 / 60000)
    (flag,) = fit.flags(blocks(), options, auto=True)
    assert flag.endswith("; check the export of the image")


def test_a_picture_lower_than_half_of_the_input_is_flagged():
    def flagged(**changes):
        return fit.flags(blocks(), dataclasses.replace(
            PLAIN, intensity_scale=0.003, **changes))

    (flag,) = flagged(size=(242, 40))
    assert flag == ("120 pixels high, less than half of what the network takes; use "
                    "the original resolution")
    assert flagged(size=(240, 40)) == []
    assert flagged(size=(60, 40), height=242) == [flag]
    assert flagged(size=(300, 40), height=240) == []


def test_a_picture_with_a_fault_is_not_compared_with_those_in_training():
    image = blocks()
    image[:, :12] = 60000
    card = dict(input_statistics=dict(height=[400, 500, 600]))
    (flag,) = fit.flags(image, PLAIN, card)
    assert flag == ("image with more than 5 % of the pixels at the maximum: export "
                    "with a wider window")
    image[:, 3:12] = 20000
    (flag,) = fit.flags(image, PLAIN, card)
    assert flag.startswith("120 pixels high, in training 400 to 600")


def test_the_name_of_a_set_counts_where_nothing_else_tells_the_kind():
    assert fit.usual_kind(dict(trained_on="cbis-ddsm")) == kinds.FILM
    assert fit.usual_kind(dict(
        acquisition=kinds.DIGITAL, trained_on="DDSM")) == kinds.DIGITAL
    assert fit.usual_kind(dict(input_statistics=None, acquisition=kinds.FILM)) == (
        kinds.FILM)
