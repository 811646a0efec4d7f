"""Which faults can be planted in a file, and the file with one of them.

The faults are those of cosmic-ray (other operators, comparisons, numbers, keywords,
loops that do nothing) and four that it lacks.
"""

import dataclasses
import difflib
import functools
import pathlib
import random

import cosmic_ray.plugins
from cosmic_ray import ast, mutating
from cosmic_ray.operators import operator
from parso.python import tree

# Of cosmic-ray's 200 those that a person could have written; the rest changes nothing
# or fails on the spot (`is` for `==`, `**` for the `/` of paths).
CHOSEN = (
    *(f"core/{name}" for name in (
        "AddNot", "NumberReplacer", "ReplaceAndWithOr", "ReplaceOrWithAnd",
        "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ReplaceFalseWithTrue",
        "ReplaceTrueWithFalse", "ReplaceUnaryOperator_Delete_Not",
        "ReplaceUnaryOperator_Delete_USub", "ZeroIterationForLoop")),
    *(f"core/ReplaceBinaryOperator_{pair}" for pair in (
        "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Div_FloorDiv", "FloorDiv_Div",
        "FloorDiv_Mul", "Mod_FloorDiv", "Pow_Mul", "BitAnd_BitOr", "BitOr_BitAnd",
        "LShift_RShift", "RShift_LShift")),
    *(f"core/ReplaceComparisonOperator_{pair}" for pair in (
        "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt",
        "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")))


# Arguments that only readers see, or that guard what cannot happen.
UNSEEN = ("help", "metavar", "description", "strict")


class _Removed(operator.Operator):
    """A statement without a value that is left out: a call, `yield`, `raise`."""

    def mutation_positions(self, node):
        if node.type == "simple_stmt" and _is_effect(node.children[0]):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        return _replaced(node, "pass\n")

    @classmethod
    def examples(cls):
        return (operator.Example("f()\n", "pass\n"),)


class _NoneReturned(operator.Operator):
    """A result that is forgotten. No is as good as nothing, and another fault turns it
    into a yes."""

    def mutation_positions(self, node):
        if node.type == "return_stmt" and node.children[1].get_code().strip() not in (
                "None", "False"):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        return _replaced(node, "return None")

    @classmethod
    def examples(cls):
        return (operator.Example("return 1", "return None"),)


class _ArgumentRemoved(operator.Operator):
    """A keyword argument that is left to its default."""

    def mutation_positions(self, node):
        if (node.type == "arglist" and node.parent.type == "trailer"
                and node.children[-1].type == "argument"
                and _name(node.children[-1]) not in UNSEEN):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        node.children = node.children[:-2]
        return node

    @classmethod
    def examples(cls):
        return (operator.Example("f(a, b=2)", "f(a)"),)


class _InReversed(operator.Operator):
    """`in` for `not in` and back."""

    def mutation_positions(self, node):
        if node.type == "comparison" and _is_in(node.children[1]):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        word = "in" if node.children[1].type == "comp_op" else "not in"
        node.children[1] = _replaced(node.children[1], word)
        return node

    @classmethod
    def examples(cls):
        return (operator.Example("a in b", "a not in b"),)


class _BranchNotEntered(operator.Operator):
    """An `if` that never holds."""

    def mutation_positions(self, node):
        if node.type == "if_stmt":
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node, index):
        node.children[1] = _replaced(node.children[1], "False")
        return node

    @classmethod
    def examples(cls):
        return (operator.Example("if a: pass", "if False: pass"),)


OWN = {"statement removed": _Removed(), "nothing returned": _NoneReturned(),
       "argument removed": _ArgumentRemoved(),
       "in reversed": _InReversed(), "branch not entered": _BranchNotEntered()}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One fault: module, operator, which of its places, line (from 1)."""

    module: str
    operator: str
    occurrence: int
    line: int


def _is_effect(node):
    names = ("atom_expr", "power")
    if node.type in names:
        return node.children[-1].type == "trailer" and node.children[-1].children[
            0] == "("
    return node.type in ("yield_expr", "raise_stmt")


def _name(argument):
    return argument.children[0].get_code().strip()


def _is_in(node):
    return node.get_first_leaf().value == "in" or (
        node.type == "comp_op" and node.get_code().split() == ["not", "in"])


def _replaced(node, code):
    """A leaf with any text, in the place of a node."""
    first = node.get_first_leaf()
    return tree.Name(code, first.start_pos, prefix=first.prefix)


@functools.cache
def operators():
    """Operators by name."""
    return {**{name: cosmic_ray.plugins.get_operator(name)() for name in CHOSEN}, **OWN}


def possible(root, module):
    """All mutants of a module, by the place that they change.

    Args:
        root: folder of the packages.
        module: path below it.

    Returns:
        dict of (start, end) to list of `Mutant`.
    """
    nodes = list(ast.ast_nodes(ast.get_ast_from_path(pathlib.Path(root) / module)))
    places = {}
    for name, kind in operators().items():
        positions = [(node, *position) for node in nodes
                     for position in kind.mutation_positions(node)]
        for occurrence, (node, start, end) in enumerate(positions):
            if not _only_for_readers(node):
                places.setdefault((start, end), []).append(
                    Mutant(module, name, occurrence, start[0]))
    return places


def _only_for_readers(node):
    """Type hints, what only type checkers import, the star or slash that says how
    arguments are typed, and what `UNSEEN` arguments are."""
    if node.type == "operator" and node.parent.type == "parameters":
        return True
    while node.parent is not None:
        parent = node.parent
        if parent.type == "argument" and _name(parent) in UNSEEN:
            return True
        if parent.type in ("tfpdef", "annassign") and node is parent.children[
                -1 if parent.type == "tfpdef" else 1]:
            return True
        if parent.type == "funcdef" and node is not parent.children[-1] and (
                node.type != "parameters"):
            return True
        if "if_stmt" in (parent.type, node.type) and "TYPE_CHECKING" in (
                parent if parent.type == "if_stmt" else node).children[1].get_code():
            return True
        node = parent
    return False


def draw(root, modules, count, seed):
    """Mutants at random: a module by its places, a place, then a fault of that place.

    Args:
        root: folder of the packages.
        modules: paths below it.
        count: how many.
        seed: of the draw.

    Returns:
        list of `Mutant`, each once, in the order of the draw.
    """
    rng = random.Random(seed)
    sizes = [len((pathlib.Path(root) / module).read_text(encoding="utf-8"))
             for module in modules]
    places = functools.cache(functools.partial(possible, root))
    drawn = {}
    for module in rng.choices(modules, sizes, k=20 * count):
        chosen = sorted(places(module).items())
        if chosen:
            mutant = rng.choice(rng.choice(chosen)[1])
            drawn.setdefault((mutant.module, mutant.line, mutant.operator), mutant)
        if len(drawn) == count:
            break
    return list(drawn.values())


def change(before, after):
    """The lines that differ, with `-` and `+`."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0,
                                 lineterm="")
    return "\n".join(line for line in lines if line[:3] not in ("---", "+++", "@@ "))


def code(root, mutant):
    """The text of the module with the fault."""
    source = (pathlib.Path(root) / mutant.module).read_text(encoding="utf-8")
    return mutating.mutate_code(
        source, operators()[mutant.operator], mutant.occurrence)
