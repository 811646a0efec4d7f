"""Why an image may not fit a model; film and digital, both directions."""

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
