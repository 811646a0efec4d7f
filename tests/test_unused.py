"""Nothing is defined that nobody uses but its tests."""

import ast
import collections
import pathlib

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("end2end", "ddsm_train", "inbreast", "benchmarks")
# What is read by others than these packages, and by whom.
FOR_OTHERS = {
    "TARGETS": "the Makefile",
    "two_view_resnet": "users, docs/models.md",
    "as_command": "docs/_site/hooks.py",
    "scanner": "users' tables of pictures by device",
}


def sources(pattern="*.py"):
    return [path for package in PACKAGES
            for path in sorted((ROOT / package).rglob(pattern))]


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def defined(path):
    """Functions, classes and constants at the top of a module."""
    for node in parsed(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets
                        if isinstance(target, ast.Name))


def used(path):
    """Names that a module reads, imports or has as the end of a text."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.rpartition(".")[2]


def test_what_a_module_defines_is_used_outside_the_tests():
    uses = collections.Counter(
        name for pattern in ("*.py", "*.pyi") for path in sources(pattern)
        for name in used(path))
    unused = [f"{path.relative_to(ROOT)}: {name}" for path in sources()
              for name in defined(path) if not uses[name]
              and name not in FOR_OTHERS and not name.startswith("__")]
    assert unused == []
