"""Every block of commands in the pages is run by a test, or says why it is not."""

import shutil
import subprocess
import sys

import page_blocks
import pytest

from end2end import phantoms

ON_THE_DEMO = [page for page in page_blocks.PAGES
               if page_blocks.needs_demo(page.read_text(encoding="utf-8"))]
PAGE = """# Title

<!-- after: tutorials/a.md -->

```bash
echo first
```

<!-- not run: needs a scanner -->
```bash
scan
```

```text
make is a word here
```

```python
print(1 + 1)
```
"""


def test_blocks_are_read_with_their_lines_and_reasons():
    assert [(block.line, block.language, block.reason)
            for block in page_blocks.blocks(PAGE)] == [
        (5, "bash", ""), (10, "bash", "needs a scanner"), (14, "text", ""),
        (18, "python", "")]
    assert page_blocks.before(PAGE) == "tutorials/a.md"
    assert page_blocks.before("# Title\n") is None


def test_a_page_is_run_in_its_order_and_without_what_says_why_not(tmp_path):
    text = page_blocks.script(PAGE)
    assert "scan" not in text and "word here" not in text
    assert text.index("echo first") < text.index("print(1 + 1)")
    finished = subprocess.run(
        ["bash", "-c", text.replace("python -", f"{sys.executable} -")],
        capture_output=True, text=True, cwd=tmp_path)
    assert finished.stdout.splitlines()[1::2] == ["first", "2"]


def test_a_block_that_fails_ends_the_page():
    text = page_blocks.script("```bash\nfalse\n```\n\n```bash\necho after\n```\n")
    finished = subprocess.run(["bash", "-c", text], capture_output=True, text=True)
    assert finished.returncode == 1 and "after" not in finished.stdout


@pytest.mark.parametrize("page", page_blocks.PAGES, ids=lambda page: page.name)
def test_commands_stand_in_blocks_that_say_whether_they_are_run(page):
    unmarked = [block.line for block in
                page_blocks.blocks(page.read_text(encoding="utf-8"))
                if page_blocks.looks_like_commands(block)]
    assert unmarked == [], (
        "write bash or python behind the fence, with <!-- not run: WHY --> above it "
        "where no test can run it, or text where it is a synopsis")


@pytest.mark.parametrize("page", page_blocks.PAGES, ids=lambda page: page.name)
def test_a_page_with_blocks_that_run_is_run_by_a_test(page):
    text = page.read_text(encoding="utf-8")
    runs = any(block.runs for block in page_blocks.blocks(text))
    ways = (page_blocks.before(text), page_blocks.alone(text), page in ON_THE_DEMO)
    assert sum(map(bool, ways)) == int(runs)


def test_every_tutorial_has_commands_that_are_run():
    for page in (page_blocks.ROOT / "docs" / "tutorials").glob("*.md"):
        runs = any(block.runs for block in
                   page_blocks.blocks(page.read_text(encoding="utf-8")))
        assert runs == (page.name != "index.md"), page


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A folder with the tiny demo in runs/demo, and two pictures in my_images."""
    folder = tmp_path_factory.mktemp("pages")
    subprocess.run(
        [sys.executable, "-m", "ddsm_train.demo", "--scale", "tiny", "--out",
         str(folder / "runs" / "demo")], check=True, capture_output=True,
        cwd=page_blocks.ROOT, timeout=1800)
    phantoms.write_cbis_ddsm(folder / "download", patients=2, seed=3, size=(256, 192))
    (folder / "my_images").mkdir()
    films = sorted((folder / "download").rglob("*Training_P_*/**/*.dcm"))
    shutil.copy(films[0], folder / "my_images" / "a.dcm")
    pictures = sorted((folder / "runs" / "demo" / "data" / "full").glob("*.png"))
    shutil.copy(pictures[0], folder / "my_images" / "b.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", ON_THE_DEMO, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run_on_the_demo(page, demo, tmp_path):
    shutil.copytree(demo, tmp_path, dirs_exist_ok=True)
    page_blocks.run(page, tmp_path, timeout=1800)
