"""Every module has a test file in the mirrored place."""

import pathlib

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("end2end", "ddsm_train", "inbreast")
# Programs: a parser and one call, tested with what they call. Module and test file.
PROGRAMS = {
    "end2end/heatmap_agreement.py": "tests/heatmaps/test_heatmap_agreement.py",
    "end2end/predict.py": "tests/test_predict_command.py",
    "ddsm_train/patch_clf_train.py": "tests/config/test_original_flags.py",
    "ddsm_train/image_clf_train.py": "tests/config/test_original_flags.py",
    "ddsm_train/sample_patches_combined.py": "tests/data/patches/test_sampling.py",
    "ddsm_train/sample_patches_main.py": "tests/data/patches/test_sampling.py",
}


def modules():
    """Paths of all modules; faces and `__main__` have the tests of their folder."""
    return sorted(path.relative_to(ROOT) for package in PACKAGES
                  for path in (ROOT / package).rglob("*.py")
                  if not path.name.startswith("__"))


def mirrored(module):
    """`end2end/a/b.py` is tested in `tests/a/test_b.py`."""
    folders = module.parts[1:] if module.parts[0] == "end2end" else module.parts
    return ROOT.joinpath("tests", *folders[:-1], f"test_{folders[-1]}")


def test_every_module_has_a_test_file_in_the_mirrored_place():
    missing = {module.as_posix() for module in modules()
               if not mirrored(module).exists()}
    assert sorted(missing - set(PROGRAMS)) == []


def test_the_tests_of_a_program_speak_of_it():
    for module, test_file in PROGRAMS.items():
        program = pathlib.PurePath(module).stem
        assert program in (ROOT / test_file).read_text(encoding="utf-8"), module


def test_there_are_modules_to_look_at():
    assert len(modules()) > 100
    assert mirrored(pathlib.PurePath("end2end/data/patches/blobs.py")).exists()
    assert not mirrored(pathlib.PurePath("end2end/data/patches/none.py")).exists()
