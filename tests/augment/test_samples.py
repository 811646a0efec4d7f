"""The picture of what augmentation does."""

import cv2
import numpy as np
import pytest
from matplotlib import figure

from end2end import config, images
from end2end.augment import generator, samples


@pytest.mark.parametrize(("names", "height"), [("ab", 480), ("a", 240)])
def test_the_sheet_has_a_row_for_each_image_and_a_column_for_each_sample(
        tmp_path, names, height):
    paths = [tmp_path / f"{name}.png" for name in names]
    for seed, path in enumerate(paths):
        grey = np.random.default_rng(seed).integers(0, 255, (40, 30), np.uint8)
        cv2.imwrite(str(path), grey)
    options = config.ImageOptions(size=(20, 16), intensity_scale=1.0)
    samples.save_samples(paths, tmp_path / "sheet.png", options, samples=3, seed=5)
    # 2.4 inches for a row and 1.8 for a column, at 100 dots per inch.
    assert cv2.imread(str(tmp_path / "sheet.png")).shape[:2] == (height, 720)


def test_each_picture_of_the_sheet_is_what_its_title_says(tmp_path, monkeypatch):
    sheets = []
    monkeypatch.setattr(figure.Figure, "savefig", lambda sheet, part, dpi: (
        sheets.append(sheet), part.touch()))
    path = tmp_path / f"{'n' * 21}.png"
    cv2.imwrite(str(path), np.arange(0, 240, 2, dtype=np.uint8).reshape(12, 10))
    options = config.ImageOptions(size=(12, 10), intensity_scale=1.0,
                                  augmentation_recipe="petrini")
    samples.save_samples([path], tmp_path / "s.png", options, samples=2, seed=7)
    image = images.scaled(images.read_image(path), options)
    warped = generator.training_generator("petrini")
    expected = [("n" * 21 + ".pn", image)] + [
        (f"seed {seed}", warped.random_transform(image, seed=seed)) for seed in (7, 8)]
    for axis, (title, pixels) in zip(sheets[0].axes, expected, strict=True):
        shown = axis.images[0]
        assert axis.get_title() == title and not axis.axison
        np.testing.assert_allclose(shown.get_array(), pixels.mean(axis=2))
        assert shown.get_clim() == (0, 255) and shown.get_cmap().name == "gray"
        assert axis.title.get_fontsize() == 7
    assert type(sheets[0].get_layout_engine()).__name__ == "ConstrainedLayoutEngine"
