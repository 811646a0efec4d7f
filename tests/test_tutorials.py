"""The tutorials run from their pages, as a reader would type them."""

import pathlib
import re
import shutil

import page_blocks
import pytest
import real_films

DOCS = page_blocks.ROOT / "docs"
FIRST = "tutorials/roc-curve.md"
AFTER_IT = [page for page in page_blocks.PAGES
            if page_blocks.before(page.read_text(encoding="utf-8")) == FIRST]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The folder after the first tutorial, and what it printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    return folder, page_blocks.run(DOCS / FIRST, folder, timeout=1800)


def test_every_page_comes_after_the_first_tutorial_or_nothing():
    befores = {page_blocks.before(page.read_text(encoding="utf-8"))
               for page in page_blocks.PAGES}
    assert befores <= {None, FIRST}
    assert {"score-a-folder.md", "fine-tune.md", "read-a-report.md"} <= {
        page.name for page in AFTER_IT}


@pytest.mark.slow
def test_a_researcher_gets_from_a_download_to_a_roc_curve(first):
    folder, printed = first
    auc = float(re.search(r"^AUC ([\d.]+) \[", printed, re.MULTILINE)[1])
    assert 0 <= auc <= 1
    assert (folder / "runs" / "test" / "roc.svg").is_file()
    assert (folder / "runs" / "image" / "best.config.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("page", AFTER_IT, ids=lambda page: page.name)
def test_a_page_goes_on_from_the_first_tutorial(page, first, tmp_path):
    shutil.copytree(first[0], tmp_path, dirs_exist_ok=True)
    page_blocks.run(page, tmp_path, timeout=1800)
    assert not list(pathlib.Path(tmp_path).rglob("*.part"))


@pytest.mark.slow
def test_a_newcomer_scores_eight_real_films(tmp_path):
    films = real_films.paths()
    page_blocks.run(DOCS / "how-to/install.md", tmp_path, timeout=1800)
    table = (tmp_path / "films.csv").read_text(encoding="utf-8")
    assert all(film.name in table for film in films) and len(films) == 8


def test_pages_that_need_nothing_are_those_that_are_run_here():
    assert {page.name for page in page_blocks.PAGES
            if page_blocks.alone(page.read_text(encoding="utf-8"))} == {
        "roc-curve.md", "model-of-2017.md", "install.md", "determinism.md"}


@pytest.mark.slow
def test_a_run_is_checked_and_repeated(tmp_path):
    printed = page_blocks.run(DOCS / "determinism.md", tmp_path, timeout=600)
    assert "as written" in printed and "equal" in printed


@pytest.mark.slow
def test_the_owner_of_an_old_model_scores_with_it_and_converts_it(tmp_path):
    page_blocks.run(DOCS / "tutorials/model-of-2017.md", tmp_path, timeout=1800)
    old, new = (sorted(path.read_text(encoding="utf-8").splitlines())
                for path in (tmp_path / "old/scores.csv", tmp_path / "new/scores.csv"))
    assert [line.split(",")[1] for line in old] and len(old) == len(new)
    assert (tmp_path / "new.keras").is_file()
