"""Which modules are tried, with which tests."""

import pathlib
import re

TENSORFLOW = re.compile(r"^\s*(?:import|from) (?:keras|tensorflow)\b", re.MULTILINE)
PACKAGES = ("end2end", "ddsm_train", "inbreast")
# Where a module is tested beside the mirrored file. Module and test files.
BESIDE = {
    "end2end/predict.py": ["tests/test_predict_command.py"],
    "end2end/heatmap_agreement.py": ["tests/heatmaps/test_heatmap_agreement.py"],
    "end2end/data/patches/sampling.py": ["tests/test_differences_sampling.py"],
    "end2end/dicom/reading.py": ["tests/dicom/test_dicom_refusals.py",
                                 "tests/dicom/test_dicom_compressed.py"],
    "end2end/dicom/parsing.py": ["tests/dicom/test_dicom_refusals.py",
                                 "tests/dicom/test_dicom_compressed.py"],
    "end2end/prediction/scoring.py": ["tests/prediction/test_outputs.py",
                                      "tests/prediction/test_refusals.py"],
}


def mirrored(root, module):
    """Test files of a module: the mirrored one and those of `BESIDE`."""
    path = pathlib.PurePosixPath(module)
    folders = path.parts[1:-1] if path.parts[0] == "end2end" else path.parts[:-1]
    name = path.stem.strip("_")
    names = [pathlib.PurePosixPath("tests", *folders, f"test_{name}.py").as_posix()]
    return tuple(name for name in [*names, *BESIDE.get(module, ())]
                 if (pathlib.Path(root) / name).exists())


def modules(root, words=()):
    """Modules without TensorFlow that have tests.

    Args:
        root: folder of the packages.
        words: beginnings of paths, of which one has to fit; empty for all modules.
    """
    chosen = []
    for package in PACKAGES:
        for path in sorted((pathlib.Path(root) / package).rglob("*.py")):
            module = path.relative_to(root).as_posix()
            if path.name == "__init__.py" or words and not module.startswith(
                    tuple(words)):
                continue
            if not TENSORFLOW.search(path.read_text(encoding="utf-8")) and mirrored(
                    root, module):
                chosen.append(module)
    return chosen
