import pathlib
import types

import golden_models
import pytest

from ddsm_train import model_table
from end2end import models

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "models.md"
# Section and number as the original counted them, at 1152x896.
PARAMETERS = {
    "resnet50-s10": 40_944_514, "resnet-resnet": 40_942_466,
    "resnet50-256-128": 25_528_962, "resnet-vgg": 28_603_394,
    "resnet50-heatmap": 37_814_663, "resnet50-heatmap-small": 24_394_183,
    "resnet50-fc-5x5": 23_608_473, "resnet50-fc-2x2": 24_157_435,
    "resnet50-fc-1x1": 32_477_521, "vgg16-512x3": 28_886_850, "vgg-vgg": 16_191_426,
    "vgg16-128-64": 15_379_330, "vgg16-512x1": 19_439_426, "vgg-resnet": 29_710_146,
    "vgg16-fc-5x5": 14_727_769, "vgg16-fc-2x2": 15_276_731, "vgg16-fc-1x1": 23_596_817,
    "yaroslav-heatmap": 5_905_165}


def line(name):
    """The cells of a row of docs/models.md."""
    found = [text for text in PAGE.read_text().splitlines()
             if text.startswith(f"| `{name}` |")]
    assert len(found) == 1, name
    return found[0].split(" | ")


def test_every_row_of_the_paper_is_on_the_page_with_its_flags():
    for row, options in model_table.image_rows():
        cells = line(row.name)
        assert cells[3] == f"`{model_table.network_flags(options)}`"
        assert cells[5] == str(row.published["auc"])


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_page_has_the_originals_number_of_weights(name):
    assert line(name)[4] == f"{PARAMETERS[name]:,}"


def test_a_network_of_the_page_is_built_from_its_flags():
    for row, options in model_table.image_rows():
        if options.backbone == "vgg16" and "fc-1x1" not in row.name:
            model = models.whole_image_classifier(
                golden_models.patch_model("vgg16", 0.5), options, size=(1152, 896))
            assert f"{model.count_params():,}" == line(row.name)[4]


def test_the_page_is_current_where_no_network_has_to_be_built(monkeypatch, capsys):
    """The networks have the numbers of weights and layers that the page says."""
    rows = [text.split(" | ") for text in PAGE.read_text().splitlines()
            if text.startswith("| `")]
    cells = {row[0][2:]: row for row in rows} | {row[3]: row for row in rows
                                                 if len(row) > 6}

    def network(row, place, layers=0):
        return types.SimpleNamespace(layers=range(layers), count_params=lambda: int(
            row[place].replace(",", "")))

    def patch_classifier(name, classes, *, dropout):
        assert (classes, dropout) == (5, 0.5)
        row = cells[f"`{name}`"]
        return network(row, 1, int(row[2]))

    def whole_image_classifier(patch, options, *, size):
        assert size == (1152, 896)
        assert patch.layers == range(int(cells[f"`{options.backbone}`"][2]))
        return network(cells[f"`{model_table.network_flags(options)}`"], 4)

    monkeypatch.setattr(model_table.models, "patch_classifier", patch_classifier)
    monkeypatch.setattr(model_table.models, "whole_image_classifier",
                        whole_image_classifier)
    model_table.main([])
    assert capsys.readouterr().out == PAGE.read_text()


@pytest.mark.slow
def test_the_page_is_current():
    assert model_table.page() == PAGE.read_text()
