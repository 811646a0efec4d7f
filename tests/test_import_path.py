"""No command imports from the folder in which it is called."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
TRAPS = ("json", "dl", "numpy", "h5py", "lazy_loader", "csv")


@pytest.fixture
def folder(tmp_path):
    for name in TRAPS:
        (tmp_path / f"{name}.py").write_text("open('trapped', 'w').close()\n")
    return tmp_path


def run(folder, *words, path=ROOT):
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(path)})


@pytest.mark.parametrize("module", ["end2end.predict", "ddsm_train.prepare",
                                    "inbreast.evaluate", "end2end.metrics"])
def test_a_file_beside_a_model_is_not_run(folder, module):
    called = run(folder, "-m", module, "--help")
    assert called.returncode == 0, called.stderr
    assert not (folder / "trapped").exists()


def test_the_process_that_reads_files_imports_nothing_from_there(folder):
    (folder / "a.h5").write_bytes(b"no model")
    called = run(folder, "-m", "end2end.export", "a.h5", "--to", "savedmodel")
    assert "a.h5: it begins with b'no model'" in called.stderr
    assert not (folder / "trapped").exists()


def test_a_checkout_works_from_its_root_and_a_folder_of_pythonpath_stays(tmp_path):
    (tmp_path / "helper.py").write_text("")
    called = run(ROOT, "-m", "end2end.metrics", "--help", path="")
    assert called.returncode == 0, called.stderr
    # A script of the user's in its folder, which imports the package, keeps that.
    (tmp_path / "script.py").write_text(
        "import end2end, helper\nprint(end2end.__version__)")
    assert run(tmp_path, "script.py").returncode == 0
    called = run(tmp_path, "-m", "end2end.metrics", "--help",
                 path=os.pathsep.join([str(ROOT), str(tmp_path)]))
    assert called.returncode == 0


def test_promised_names_are_handed_out_without_tensorflow_and_keras(tmp_path):
    code = ("import sys, end2end; end2end.load_classifier, end2end.load_model, "
            "end2end.save_model, end2end.whole_image_classifier, "
            "end2end.patch_classifier; "
            "print([n for n in ('tensorflow', 'keras') if n in sys.modules])")
    assert run(tmp_path, "-c", code).stdout.strip() == "[]"


@pytest.mark.parametrize("module", [
    "end2end.importing.sets.cbis_downloads", "end2end.importing.machine",
    "inbreast.dataset.importing"])
def test_processes_that_convert_images_import_no_statistics(tmp_path, module):
    code = (f"import sys, {module} as module; dir(module); "
            "print([n for n in ('sklearn', 'scipy', 'pandas', 'tensorflow') "
            "if n in sys.modules])")
    assert run(tmp_path, "-c", code).stdout.strip() == "[]"
