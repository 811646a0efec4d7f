"""The picture of what augmentation does."""

import cv2
import numpy as np
import pytest

from end2end import config
from end2end.augment import samples


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
