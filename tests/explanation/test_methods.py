"""The table of explanation methods, and that everything else reads it."""

import dataclasses
import pathlib

import numpy as np
import pytest

from ddsm_train import draw_saliency
from ddsm_train import evaluate as ddsm_evaluate
from end2end import paper_figures
from end2end.explanation import drawing, maps, methods, overlays
from end2end.reports import case_pictures
from end2end.serve import scoring
from end2end.utils import files

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "evaluation.md"


def choices(parser, flag):
    return next(action.choices for action in parser._actions
                if flag in action.option_strings)


def figure_4_parser():
    figures = next(action for action in paper_figures.parser()._actions
                   if action.dest == "figure")
    return figures.choices["fig4"]


def test_the_documentation_has_the_table_that_methods_prints():
    assert methods.table() in DOCUMENT.read_text(encoding="utf-8"), (
        "put this into docs/evaluation.md:\n" + methods.table())


@pytest.fixture
def one_more(monkeypatch):
    """A method that is not in the table: it lights the first row of a map."""
    def draw(subject):
        strength = np.zeros(subject.inputs.shape[:2], np.float32)
        strength[0] = 1
        return drawing.Drawn(strength)

    row = methods.Method("first-row", "the first row", draw, "dots", "Colour: the top.")
    monkeypatch.setattr(methods, "ROWS", (*methods.ROWS, row))
    monkeypatch.setitem(methods.METHODS, row.name, row)
    return row


def test_a_row_is_a_choice_of_every_program(one_more):
    assert "first-row" in choices(draw_saliency.parser(), "--method")
    assert "first-row" in choices(ddsm_evaluate.parser(), "--layers")
    assert "first-row" in choices(figure_4_parser(), "--method")
    assert "| `first-row` | the first row | Colour: the top |" in methods.table()


def test_a_row_is_a_layer_of_a_report_in_its_colours(one_more):
    strength = np.zeros((20, 10), np.float32)
    strength[0] = 1
    explained = maps.Explained("a.png", np.zeros((20, 10), np.uint8), 0.5,
                               {"first-row": strength})
    case = case_pictures.case(explained, name="a")
    assert [layer.title for layer in case.layers] == ["the first row"]
    picture = case_pictures.drawn(explained, "first-row", contour=False)
    assert picture[0, 3, 0] > picture[0, 3, 2] and not picture[1:].any()


def test_names_and_titles_are_unique_and_colours_known():
    for values in (methods.names(), [row.title for row in methods.ROWS]):
        assert len(set(values)) == len(methods.ROWS)
    assert {row.colours for row in methods.ROWS} <= set(overlays.OPACITIES)
    assert all(row.legend.endswith(".") and row.source for row in methods.ROWS)


def test_figure_4_offers_what_needs_no_patch_model():
    assert set(methods.names()) - set(choices(figure_4_parser(), "--method")) == {
        "heatmap"}


@pytest.mark.parametrize("chosen, patch_model", [
    (("guided",), None), (("heatmap", "guided"), "patch.h5"), ((), None)])
def test_a_patch_model_is_taken_where_it_is_needed(chosen, patch_model):
    methods.check_patch_model("--layers", chosen, patch_model)


@pytest.mark.parametrize("chosen, patch_model", [
    (("heatmap",), None), (("guided",), "patch.h5")])
def test_a_patch_model_for_nothing_or_none_where_needed_is_refused(chosen, patch_model):
    with pytest.raises(files.InputError, match="--layers heatmap and --patch-model"):
        methods.check_patch_model("--layers", chosen, patch_model)


def test_without_a_patch_model_grad_cam_stands_in_for_the_heatmap():
    shown = methods.pictures(None)
    assert [row.name for row in shown.values()] == ["guided", "gradcam"]
    assert [row.name for row in methods.pictures("patch").values()] == [
        "guided", "heatmap"]
    assert scoring.Scorer([]).about()["heatmap"] == "Grad-CAM"


def test_a_row_cannot_be_changed_in_passing():
    with pytest.raises(dataclasses.FrozenInstanceError):
        methods.PUBLISHED.title = "another"
