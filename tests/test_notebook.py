"""The example notebook runs from top to bottom, on synthetic mammograms."""

import pathlib

import numpy as np
import pytest
import tiny_classifier

from end2end import checkpoints, metrics, prediction
from end2end.data import image_lists

NOTEBOOK = pathlib.Path(__file__).parent.parent / "docs" / "example_model_test.ipynb"


# A kernel of its own takes some 20 s to start TensorFlow and draw.
@pytest.mark.slow
def test_the_notebook_measures_what_the_library_does(tiny_prepared, tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="pip install nbclient ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="pip install nbclient ipykernel")
    models = [str(tiny_classifier.save(tmp_path / f"{name}.h5", seed=seed))
              for seed, name in enumerate("ab")]
    folder = labelled_folder(tiny_prepared, tmp_path)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    parameters, = (cell for cell in notebook.cells
                   if "parameters" in cell.metadata.get("tags", ()))
    parameters.source = f"MODELS = {models!r}\nFOLDER = {folder!r}"
    nbclient.NotebookClient(notebook, timeout=300, resources={
        "metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells if cell.cell_type == "code"
        for output in cell.outputs)
    images = image_lists.find_images(folder, ("neg", "pos"))
    mean = np.mean([prediction.predict(checkpoints.load_classifier(path), images,
                                       flips=True)[:, 1] for path in models], axis=0)
    auc = metrics.auc(images.labels, mean)
    assert f"mean of the models, flips: AUC {auc:.3f} " in printed
    assert any("image/png" in output.get("data", {}) for cell in notebook.cells
               if cell.cell_type == "code" for output in cell.outputs)


def labelled_folder(prepared, tmp_path):
    """A folder with `neg` and `pos` of the prepared phantoms, all splits together."""
    folder = tmp_path / "test"
    for path in sorted((pathlib.Path(prepared) / "images").glob("*/*/*.png")):
        place = folder / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    return str(folder)


def test_the_notebook_is_saved_without_results_and_machine_paths():
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert '"execution_count": null' in text and '"outputs": []' in text
    assert "/home" not in text
