"""The site: what its hooks write, what its check finds, the pictures of the README."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

from end2end.utils import distribution

ROOT = pathlib.Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "_site"


def module(name, *needs):
    """A file of docs/_site as a module; skips where a package it needs is absent."""
    for package in needs:
        pytest.importorskip(package, reason="comes with the extra docs")
    spec = importlib.util.spec_from_file_location(f"site_{name}", FOLDER / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def hooks():
    return module("hooks", "mkdocs")


@pytest.fixture(scope="module")
def check():
    return module("check", "spellchecker")


def test_every_command_has_a_page_with_its_flags(hooks):
    pages = hooks.command_pages()
    names = {name.removeprefix(hooks.COMMANDS).removesuffix(".md") for name in pages}
    assert {"end2end.predict", "ddsm_train.image_clf_train", "inbreast.finetune",
            "end2end.archive"} <= names
    page = pages[f"{hooks.COMMANDS}ddsm_train.image_clf_train.md"]
    assert "| `--nb-epoch`, `-ne` | 5 | epoch at which the first stage ends" in page
    assert "## end2end.archive predict" in pages[f"{hooks.COMMANDS}end2end.archive.md"]
    assert all(f"({name}.md)" in pages[f"{hooks.COMMANDS}index.md"]
               for name in names - {"index"})


def test_python_pages_name_where_a_thing_is_defined(hooks):
    page = hooks.python_pages()[f"{hooks.PYTHON}end2end.checkpoints.md"]
    assert "::: end2end.model_files.safe_loading.existing_model" in page


def test_links_between_the_root_and_docs_become_links_of_the_site(hooks):
    class Files:
        @staticmethod
        def get_file_from_path(path):
            return path in ("data.md", "contributing.md", "tutorials/a.md", "index.md")

    for link, place, source, expected in (
            ("docs/data.md", "README.md", "index.md", "data.md"),
            ("../../README.md", "docs/tutorials/a.md", "tutorials/a.md", "../index.md"),
            ("../CONTRIBUTING.md", "docs/data.md", "data.md", "contributing.md"),
            ("../data.md", "docs/tutorials/a.md", "tutorials/a.md", "../data.md"),
            ("https://doi.org/1", "README.md", "index.md", "https://doi.org/1")):
        assert hooks.site_link(link, place, source, Files) == expected


def test_a_link_that_leads_nowhere_and_what_a_page_loads_are_found(check, tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html">b</a><a href="#top">t</a>'
        '<a href="#none">n</a><a href="https://example.org/">e</a>'
        '<script src="https://example.org/x.js"></script><img src="/x.png">')
    problems, external = check.problems_of_links(tmp_path)
    assert problems == [
        "a.html loads https://example.org/x.js", "a.html: b.html leads nowhere",
        "a.html: #none leads nowhere", "a.html: /x.png leads nowhere"]
    assert external == {"https://example.org/", "https://example.org/x.js"}


def test_a_misspelt_word_is_found_with_its_page(check, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("A mamogram of `cofde` is no [word](misspelt_link.md).\n")
    monkeypatch.setattr(check, "PAGES", (page,))
    monkeypatch.setattr(check, "ROOT", tmp_path)
    assert check.unknown_words() == {"mamogram": ["page.md"]}


def test_every_word_of_the_pages_is_in_a_list(check):
    assert check.unknown_words() == {}, "mend the word, or add it to docs/words.txt"


def test_every_page_has_a_place_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    missing = [str(path) for path in (ROOT / "docs").rglob("*.md")
               if path.relative_to(ROOT / "docs").as_posix() not in navigation]
    assert missing == []


def test_every_page_leads_onwards():
    ends = [str(path) for path in (ROOT / "docs").rglob("*.md")
            if not re.search(r"\]\(\S+\.md", path.read_text(encoding="utf-8")[-700:])]
    assert ends == []


def test_the_table_of_extras_is_that_of_the_messages():
    page = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    assert rows == distribution.EXTRAS


def test_the_picture_of_the_method_is_what_the_program_draws():
    pictures = module("pictures")
    text = (ROOT / "docs" / "images" / "method.svg").read_text(encoding="utf-8")
    assert text == pictures.method(), "make pictures"


def test_the_pictures_of_the_readme_are_small_and_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("method.svg", "film.png", "roc.svg"):
        assert f"(docs/images/{name})" in readme
        assert (ROOT / "docs" / "images" / name).stat().st_size < 100_000


def test_the_readme_is_about_a_screen():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if line and not line.startswith(("```", "<!--"))]
    assert len(shown) <= 62


@pytest.mark.slow
def test_the_site_is_built_in_strict_mode_and_asks_nothing_of_the_network(tmp_path):
    for package in ("mkdocs", "spellchecker", "codespell_lib"):
        pytest.importorskip(package, reason="comes with the extra docs")
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet",
                    "--site-dir", str(site)], cwd=ROOT, check=True)
    finished = subprocess.run([sys.executable, str(FOLDER / "check.py"), str(site)],
                              capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stdout
    assert (site / "search" / "search_index.js").stat().st_size > 10_000
