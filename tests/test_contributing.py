"""The recipes of CONTRIBUTING.md: ten, short, and about files that are there."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(
    r"^### (.+?)\n\n(.+?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
PATH = re.compile(r"`([\w./-]+(?:/|\.(?:py|md|toml|css|js|html)))`")


def paths(text):
    """The files and folders named in a text, but those that are new."""
    return [path for path in PATH.findall(text) if "NAME" not in path]


def test_there_are_ten_recipes():
    assert list(RECIPES) == [
        "Add a backbone", "Add a data set", "Add an augmentation",
        "Add an explanation method", "Add a metric", "Add a flag", "Add an experiment",
        "Support a DICOM quirk", "Change the report page",
        "Change the model file format"]


def test_every_file_and_folder_that_is_named_exists():
    missing = [path for path in paths(PAGE)
               # The second is built by `make docs`.
               if path not in ("pipeline/", "site/") and not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_at_most_three_files_and_their_tests(recipe):
    touched, _, rest = RECIPES[recipe].partition("Tests:")
    assert touched.startswith("Files: ")
    # A file in one of several places counts once.
    choices = len(re.findall(r"` \([^)]*\), `|` or `|\) or `", touched))
    assert 1 <= len(PATH.findall(touched)) - choices <= 3
    tests = PATH.findall(rest.split(".\n\n")[0])
    assert tests and all(path.startswith("tests/") for path in tests)


def test_the_folders_of_the_table_are_all_folders_of_the_library():
    table = PAGE[PAGE.index("## The folders"):PAGE.index("## Rules")]
    folders = {f"end2end/{path.parent.name}/"
               for path in (ROOT / "end2end").glob("*/__init__.py")}
    assert folders <= set(paths(table))
