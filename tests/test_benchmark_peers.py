"""Other programs that the benchmarks measure: the same network, or a note."""

import numpy as np
import pytest

from benchmarks import peers


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
