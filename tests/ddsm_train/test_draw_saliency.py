"""The program that draws what moved the scores."""

import saved_models

from ddsm_train import draw_saliency


def test_pictures_are_drawn_and_a_broken_image_is_named_with_status_1(
        tmp_path, capsys):
    saved_models.write_images(tmp_path / "test", women=2)
    (tmp_path / "test" / "neg" / "broken.png").write_bytes(b"no picture")
    model = saved_models.whole_image_model(tmp_path / "best.h5")
    words = [str(model), str(tmp_path / "test"), str(tmp_path / "out"), "--method",
             "gradcam"]
    assert draw_saliency.main(words) == 1
    text = capsys.readouterr().out
    assert "failed: " in text and "broken.png" in text
    assert len(list((tmp_path / "out").glob("*.gradcam.png"))) >= 2
    (tmp_path / "test" / "neg" / "broken.png").unlink()
    assert draw_saliency.main(words) == 0


def test_the_method_of_the_paper_is_drawn_unless_another_is_chosen():
    arguments = draw_saliency.parser().parse_args(["model.h5", "images", "out"])
    assert (arguments.method, arguments.cutoff) == (["guided"], 0.06)
