"""Which modules are tried, with which tests."""

import pathlib

PACKAGES = ("end2end", "ddsm_train", "inbreast")
# Its tests are named after the folders whose constants they hold against the register.
REGISTER = "tests/test_constants.py"
# Of a program, the test that starts it.
STARTING = ("tests/test_entry_points.py",
            "::test_help_is_printed_without_heavy_imports")
# Where a module is tested beside the mirrored file. Module and test files.
BESIDE = {
    "end2end/__init__.py": ["tests/test_import_path.py"],
    "end2end/__main__.py": ["tests/utils/test_programs.py"],
    "end2end/images/__main__.py": ["tests/images/test_accounting.py"],
    "ddsm_train/image_clf_train.py": ["tests/config/test_original_flags.py"],
    "ddsm_train/patch_clf_train.py": ["tests/ddsm_train/test_image_clf_train.py",
                                      "tests/config/test_original_flags.py"],
    "ddsm_train/sample_patches_combined.py": ["tests/data/patches/test_sampling.py",
                                              "tests/test_differences_sampling.py"],
    "ddsm_train/sample_patches_main.py": ["tests/data/patches/test_sampling.py"],
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


def stages(root, module):
    """The mirrored test files of a module; the register of constants and, by its name,
    the test that starts the program that the module is; and all other files of tests,
    of which those tests are run that run the line."""
    first = mirrored(root, module)
    root = pathlib.Path(root)
    register = (REGISTER,) if (root / REGISTER).exists() else ()
    if (root / STARTING[0]).exists() and "__main__" in (root / module).read_text(
            encoding="utf-8"):
        path = pathlib.PurePosixPath(module).with_suffix("")
        program = ".".join(path.parts).removesuffix(".__main__")
        register += (f"{''.join(STARTING)}[{program}]",)
    others = [path.relative_to(root).as_posix()
              for path in sorted((root / "tests").rglob("test_*.py"))]
    return first, register, tuple(
        file for file in others if file not in (*first, REGISTER))


def folder(module):
    """The folder of a module as tests of the register are named."""
    parts = pathlib.PurePosixPath(module).parts
    return ".".join(parts[:2] if len(parts) > 2 else parts[:1])


def modules(root, words=()):
    """All modules, faces too.

    Args:
        root: folder of the packages.
        words: beginnings of paths, of which one has to fit; empty for all modules.
    """
    return [module for package in PACKAGES for module in (
        path.relative_to(root).as_posix()
        for path in sorted((pathlib.Path(root) / package).rglob("*.py")))
        if not words or module.startswith(tuple(words))]
