"""The program that tests models on CBIS-DDSM."""

import saved_models

from ddsm_train import evaluate
from end2end.utils import files


def test_results_are_beside_the_model_unless_a_folder_is_named(tmp_path, capsys):
    model = saved_models.whole_image_model(tmp_path / "best.h5")
    saved_models.write_images(tmp_path / "set", women=3)
    evaluate.main([str(model), str(tmp_path / "set"), "--runs", "20", "--no-pictures"])
    results = files.read_json(tmp_path / "best.test" / "results.json")
    assert "flips" not in results
    assert f"AUC {results['plain']['auc']:.4f}" in capsys.readouterr().out
