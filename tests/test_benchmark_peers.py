"""Other programs that the benchmarks measure: the same network, or a note."""

import importlib.util

import numpy as np
import pytest

from benchmarks import peers, pixels
from end2end.images import warps
from end2end.utils import processes


def test_a_peer_that_is_not_installed_is_named_in_a_note():
    listed = {"Here": peers.Peer(("json",), lambda model: lambda batch: model + batch),
              "Nowhere": peers.Peer(("no_such_module",), None)}
    works, notes = peers.built(listed, 3, 4)
    assert {name: work() for name, work in works.items()} == {"Here": 7}
    assert notes == ("Nowhere: not measured (ModuleNotFoundError: No module named "
                     "'no_such_module')",)


@pytest.mark.slow
@pytest.mark.parametrize("name", peers.SCORING)
def test_a_peer_computes_the_scores_of_keras(name):
    for module in peers.SCORING[name].needs:
        pytest.importorskip(module, reason="a peer, no requirement", exc_type=Exception)
    from benchmarks import networks
    model = networks.classifier(size=(160, 128)).model
    batch = np.random.default_rng(0).normal(size=(1, 160, 128, 3)).astype(np.float32)
    works, _ = peers.built({name: peers.SCORING[name]}, model, 20 * batch)
    np.testing.assert_allclose(
        works[name](), model.predict_on_batch(20 * batch), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", pixels.WARPING)
def test_a_peer_turns_and_shifts_a_picture_as_the_package_does(name):
    if not all(map(importlib.util.find_spec, pixels.WARPING[name].needs)):
        pytest.skip("a peer, no requirement")
    rows, columns = np.mgrid[:60, :40]
    plane = (2 * rows + columns).astype(np.float32)
    warp = warps.Warp(
        rotation_degrees=20, row_shift=0.1, column_shift=-0.05, row_zoom=0.8,
        column_zoom=0.8, intensity_shifts=(5.0, -5.0, 0.0), flip_horizontal=True)
    # TensorFlow and torchvision can end a process where both are in it.
    image = processes.alone(pixels.warped, name, plane, warp, seconds=100)
    image = image if image.shape[0] == 3 else image.transpose(2, 0, 1)
    expected = pixels.with_scipy(plane, warp).transpose(2, 0, 1)
    # The middle, which has no pixel from outside; a pixel is at most 3 grey levels.
    np.testing.assert_allclose(
        image[:, 20:40, 12:28], expected[:, 20:40, 12:28], atol=4)
