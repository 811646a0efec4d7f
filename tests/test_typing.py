"""Public functions have type hints on all parameters and on what they return."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("end2end", "ddsm_train", "inbreast")
# Least share of public functions with complete hints, in every folder and of all.
SHARE = 0.9


def public(body, inside=()):
    """Public functions and methods of a module as (name, node, whether a method)."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, (*inside, node.name))
        elif isinstance(node, ast.FunctionDef) and (
                not node.name.startswith("_") or (inside and node.name == "__init__")):
            yield ".".join((*inside, node.name)), node, bool(inside)


def complete(node, method):
    """Whether all parameters (but `self`) and the result of a function have hints."""
    given = node.args
    static = any(isinstance(decorator, ast.Name) and decorator.id == "staticmethod"
                 for decorator in node.decorator_list)
    parameters = [*given.posonlyargs, *given.args][1 if method and not static else 0:]
    parameters += [*given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return node.returns is not None and all(
        parameter.annotation for parameter in parameters)


def untyped(folder):
    """Number of public functions of a folder, and those without complete hints."""
    count, names = 0, []
    for path in sorted((ROOT / folder).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, node, method in public(tree.body):
            count += 1
            if not complete(node, method):
                names.append(f"{path.stem}.{name}")
    return count, names


FOLDERS = sorted({path.parent.relative_to(ROOT).as_posix()
                  for package in PACKAGES for path in (ROOT / package).rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS)
def test_public_functions_have_complete_type_hints(folder):
    count, names = untyped(folder)
    assert count - len(names) >= SHARE * count, names


def test_public_functions_of_all_packages_together_have_complete_type_hints():
    counts, names = zip(*map(untyped, FOLDERS), strict=True)
    total, without = sum(counts), sum(map(len, names))
    assert total > 1000
    assert total - without > SHARE * total


@pytest.mark.parametrize(("source", "expected"), [
    ("def f(x: int, *, y: str = '') -> bool: pass", True),
    ("def f(x: int, y) -> bool: pass", False),
    ("def f(x: int): pass", False),
    ("def f(*x, **y: int) -> None: pass", False)])
def test_every_parameter_and_the_result_count(source, expected):
    [(_, node, method)] = public(ast.parse(source).body)
    assert complete(node, method) == expected


def test_methods_count_without_self_and_hidden_functions_do_not():
    source = ("class A:\n  def f(self) -> None: pass\n  def _g(self): pass\n"
              "def _h(): pass")
    [(name, node, method)] = public(ast.parse(source).body)
    assert name == "A.f" and complete(node, method)
