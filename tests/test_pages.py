"""Pages and docstrings name files, modules and functions that exist."""

import importlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("end2end", "ddsm_train", "inbreast", "benchmarks")
PAGES = (*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md")))
MODULES = sorted(path for package in PACKAGES
                 for path in (ROOT / package).rglob("*.py"))
FILE = re.compile(r"\b(?:end2end|ddsm_train|inbreast|benchmarks|tests)/[\w/]+\.py\b")
NAME = re.compile(r"`((?:end2end|ddsm_train|inbreast|benchmarks)(?:\.\w+)+)\b")


def exists(name):
    """Whether a dotted name is a module or something in one."""
    package, *rest = name.split(".")
    thing = importlib.import_module(package)
    for part in rest:
        try:
            thing = getattr(thing, part)
        except AttributeError:
            try:
                thing = importlib.import_module(f"{thing.__name__}.{part}")
            except (ImportError, AttributeError):
                return False
    return True


def test_a_name_that_does_not_exist_is_seen():
    assert exists("end2end.metrics.roc.auc") and exists("end2end.config.__main__")
    assert not exists("end2end.views") and not exists("end2end.metrics.roc.none")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_names_of_a_page_exist(page):
    text = page.read_text(encoding="utf-8")
    assert [name for name in FILE.findall(text) if not (ROOT / name).exists()
            and "NAME" not in name] == []
    assert [name for name in NAME.findall(text) if not exists(name)] == []


def test_files_that_docstrings_name_exist():
    missing = [f"{path.relative_to(ROOT)}: {name}" for path in MODULES
               for name in FILE.findall(path.read_text(encoding="utf-8"))
               if not (ROOT / name).exists()]
    assert missing == []
