"""Plain words: values are named by what they are, sentences are standard English."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# Names that say where a value comes from and not what it is.
VAGUE = frozenset((
    "again", "asked", "done", "found", "given", "gone", "kept", "made", "named", "one",
    "own", "said", "seen", "taken", "told", "wanted"))
# Greatest share of vague names among those that a folder binds, in percent.
LIMIT = 0.5
ODD = (
    r"\b(is|are) no (finite|share|CSV|UTF-8|whole number|probabilit|dict|picture)",
    r"\bone's own\b", r"\bdeaf to\b", r"\bbear it\b", r"\bhelps nobody\b",
    r"\baught\b", r"\bthereof\b", r"\bwhither\b", r"\bheed\b", r"\bbeholds?\b")
# Folders whose sentences are read for them, and the pages.
SENTENCES = ("augment", "config", "data", "heatmaps", "metrics", "training")


def bound(tree):
    """Names that a module gives to values: assignments, arguments, loops, handlers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def names_of(folder):
    return [name for path in (ROOT / folder).glob("*.py")
            for name in bound(ast.parse(path.read_text(encoding="utf-8")))]


FOLDERS = sorted({path.parent.relative_to(ROOT).as_posix()
                  for package in ("end2end", "ddsm_train", "inbreast", "benchmarks")
                  for path in (ROOT / package).rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS)
def test_values_are_named_by_what_they_are(folder):
    names = names_of(folder)
    vague = [name for name in names if name in VAGUE]
    assert len(vague) <= max(1, len(names) * LIMIT / 100), sorted(vague)


def test_every_way_to_bind_a_name_is_counted():
    source = """
found = [one for one in things]
def work(given, *, wanted=1):
    with place() as kept:
        for done in kept:
            made += 1
    if said := done:
        pass
"""
    assert sorted(bound(ast.parse(source))) == [
        "done", "found", "given", "kept", "made", "one", "said", "wanted"]


def texts():
    for folder in SENTENCES:
        yield from (ROOT / "end2end" / folder).rglob("*.py")
    yield from (ROOT / "docs").glob("*.md")
    yield ROOT / "README.md"


@pytest.mark.parametrize("phrase", ODD)
def test_no_sentence_has_an_odd_phrase(phrase):
    places = [f"{path.relative_to(ROOT)}: {match.group()}" for path in texts()
              for match in re.finditer(phrase, path.read_text(encoding="utf-8"))]
    assert places == []
