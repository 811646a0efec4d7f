"""Which modules are tried, with which tests."""

import ast
import functools
import pathlib

PACKAGES = ("end2end", "ddsm_train", "inbreast")
# Its tests are named after the folders whose constants they hold against the register.
REGISTER = "tests/test_constants.py"
# Of a program, the test that starts it.
STARTING = ("tests/test_entry_points.py",
            "::test_help_is_printed_without_heavy_imports")
# Of the files that import a module so many are tried, those of its folder first: some
# modules are imported by half of all tests.
MOST = 8
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

# Folders whose modules are tried by tests of the programs that use them.
THROUGH = {
    "ddsm_train/dataset": ["tests/ddsm_train/test_prepare.py"],
    "inbreast/dataset": ["tests/inbreast/test_prepare.py"],
    "end2end/importing": ["tests/importing/test_public_sets.py",
                          "tests/importing/test_own_table.py"],
    "end2end/phantoms": ["tests/phantoms/test_writing.py",
                         "tests/phantoms/test_detector.py"],
    "end2end/prediction": ["tests/prediction/test_outputs.py"],
    "end2end/evaluation": ["tests/evaluation/test_testing.py"],
    "end2end/metrics": ["tests/evidence/test_validation.py",
                        "tests/metrics/test_statistics.py"],
    "end2end/dicom": ["tests/dicom/test_reading.py", "tests/test_warnings.py"],
    "end2end/model_files": ["tests/model_files/test_network_config.py"],
}


def through(module):
    """Test files of the programs that use a folder."""
    return [file for folder, files in THROUGH.items() for file in files
            if module.startswith(f"{folder}/")]


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
    the test that starts the program that the module is; and then the other files that
    import the module, or the folder in which it lies."""
    first = mirrored(root, module)
    path = pathlib.PurePosixPath(module).with_suffix("")
    names = {".".join(path.parts), ".".join(path.parts[:-1])} - set(PACKAGES)
    register = (REGISTER,) if (pathlib.Path(root) / REGISTER).exists() else ()
    if (pathlib.Path(root) / STARTING[0]).exists() and "__main__" in (
            pathlib.Path(root) / module).read_text(encoding="utf-8"):
        program = ".".join(path.parts).removesuffix(".__main__")
        register += (f"{''.join(STARTING)}[{program}]",)
    others = [file for file, imports in _imports(root).items()
              if file not in first and names & imports]
    places = {str(pathlib.PurePosixPath(file).parent) for file in first}
    others.sort(key=lambda file: str(pathlib.PurePosixPath(file).parent) not in places)
    others = list(dict.fromkeys([
        *(file for file in through(module) if file not in first
          and (pathlib.Path(root) / file).exists()), *others]))
    return first, register, tuple(others[:MOST])


def folder(module):
    """The folder of a module as tests of the register are named."""
    parts = pathlib.PurePosixPath(module).parts
    return ".".join(parts[:2] if len(parts) > 2 else parts[:1])


@functools.cache
def _imports(root):
    """What each file of tests imports: names with dots."""
    imports = {}
    for path in sorted((pathlib.Path(root) / "tests").rglob("test_*.py")):
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
        imports[path.relative_to(root).as_posix()] = names
    return imports


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
