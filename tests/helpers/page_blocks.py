"""The blocks of code of the pages, and how a page is run from top to bottom.

Blocks of `bash` and `python` are run in the order of the page, in one folder, unless
the line above says `<!-- not run: WHY -->`; `text` is not code. `<!-- after: PAGE -->`
names a page of docs/ that is run first in the same folder, `<!-- needs: demo -->` asks
for the results of the demo in `runs/demo` and for pictures in `my_images`, and
`<!-- needs: nothing -->` says that the page is run in an empty folder.

    python tests/helpers/page_blocks.py docs/tutorials/roc-curve.md FOLDER
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
PAGES = (*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md")))
RUN = ("bash", "python")
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]*?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL)
COMMAND = re.compile(
    r"^\s*(?:\$ )?(?:make|pip|python3?|end2end|git|dask|\.venv/\S+|"
    r"[A-Z_]+=\S+ python)\b", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        line: of its fence, from 1.
        language: word after the fence.
        text: between the fences.
        reason: why it is not run; empty where it is.
    """

    line: int
    language: str
    text: str
    reason: str = ""

    @property
    def runs(self) -> bool:
        return self.language in RUN and not self.reason


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [Block(text.count("\n", 0, match.start("language")) + 1, match["language"],
                  match["text"], match["reason"] or "")
            for match in BLOCK.finditer(text)]


def looks_like_commands(block: Block) -> bool:
    """Whether a block without a language has lines for a shell."""
    return not block.language and bool(COMMAND.search(block.text))


def before(text: str) -> str | None:
    """The page that is to be run first, below docs/."""
    match = re.search(r"<!-- after: (\S+) -->", text)
    return match and match[1]


def needs_demo(text: str) -> bool:
    """Whether the page uses the results of the demo."""
    return "<!-- needs: demo -->" in text


def alone(text: str) -> bool:
    """Whether the page is run in an empty folder."""
    return "<!-- needs: nothing -->" in text


def script(text: str) -> str:
    """The blocks of a page that run, as one script for bash."""
    parts = ["set -euo pipefail"]
    for block in blocks(text):
        if block.runs:
            parts.append(f"echo '== block at line {block.line}'")
            parts.append(block.text if block.language == "bash" else
                         f"python - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK")
    return "\n".join(parts) + "\n"


def run(page: pathlib.Path, folder: pathlib.Path, *, timeout: float) -> str:
    """Runs the blocks of a page, and returns what they printed.

    Args:
        page: its file.
        folder: in which the commands are called.
        timeout: in seconds.

    Raises:
        AssertionError: a block failed; the message ends with its output.
    """
    return bash(script(page.read_text(encoding="utf-8")), folder, timeout=timeout,
                name=str(page.relative_to(ROOT)))


def bash(text: str, folder: pathlib.Path, *, timeout: float, name: str = "") -> str:
    """Runs lines of bash with this checkout's commands; returns what they printed.

    Args:
        text: the lines.
        folder: in which they are called.
        timeout: in seconds.
        name: of the lines in the message of a failure; by default they themselves.

    Raises:
        AssertionError: they failed; the message ends with their output.
    """
    environment = dict(
        os.environ, PATH=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
        PYTHONPATH=str(ROOT), CHECKOUT=str(ROOT), COLUMNS="100")
    finished = subprocess.run(
        ["bash", "-c", text], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    assert finished.returncode == 0, (
        f"{name or text} ends with status {finished.returncode}:\n"
        + finished.stdout[-4000:])
    return finished.stdout


if __name__ == "__main__":
    print(run(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]),
              timeout=3600))
