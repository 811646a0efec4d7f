"""The register of constants: what the code chooses and no caller says.

    PYTHONPATH=. python tests/helpers/constants.py tests/fixtures/constants

It writes a file for each folder: values of modules and classes, defaults of functions
and fields, and options of programs. A change of the code shows there a second time.
"""

import argparse
import ast
import dataclasses
import functools
import hashlib
import importlib
import inspect
import numbers
import pathlib
import re
import sys
import types
import unittest.mock

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
PACKAGES = ("end2end", "ddsm_train", "inbreast")
# Longer values are cut, and a hash stands for the rest.
LONGEST = 200
PLAIN = (str, bytes, bool, numbers.Number, type(None), tuple, dict)
EMPTY = ("None", "''", "()", "{}", "b''")
OF_MACHINES = ("ROOT", "STARTED", "_ALLOWED")
# Of a machine, where an option follows their number.
CORES = 997


def modules():
    """Names of all modules by folder; those that do something when they are imported
    excepted."""
    folders = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-1] == "__main__" and len(parts) > 2 or (
                    not parts[-1].startswith("__")):
                folders.setdefault(".".join(parts[:2] if len(parts) > 2 else parts[:1]),
                                   []).append(".".join(parts))
    return folders


def register(names):
    """Lines of the register for modules."""
    return [line for name in names for line in _lines(importlib.import_module(name))]


def _lines(module):
    values = {}
    for name in _assigned(inspect.getsource(module)):
        values[name] = shown(getattr(module, name))
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, type):
            values.update(_of_class(name, value))
        elif callable(value):
            values.update(_defaults(name, inspect.unwrap(value)))
            if name == "parser" and all(
                    parameter.default is not parameter.empty for parameter in
                    inspect.signature(value).parameters.values()):
                with unittest.mock.patch("os.cpu_count", lambda: CORES):
                    values.update(options(value()))
    return [f"{module.__name__}.{name} = {_cut(text)}" for name, text in values.items()
            if text not in EMPTY]


def _assigned(source):
    """Names that a module gives to values, in order."""
    names = {}
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [
            node.target] if isinstance(node, ast.AnnAssign) and node.value else []
        names.update(dict.fromkeys(
            part.id for target in targets for part in ast.walk(target)
            if isinstance(part, ast.Name) and part.id.isupper()))
    return [name for name in names if name not in OF_MACHINES]


def _defaults(name, function):
    if not isinstance(function, types.FunctionType):
        return {}
    return {f"{name}({key})": shown(parameter.default) for key, parameter
            in inspect.signature(function).parameters.items()
            if parameter.default is not parameter.empty}


def _of_class(name, kind):
    values = {}
    if dataclasses.is_dataclass(kind):
        chosen = kind.__dataclass_params__
        values[f"{name} (frozen, compared)"] = shown((chosen.frozen, chosen.eq))
        for field in dataclasses.fields(kind):
            if field.default is not dataclasses.MISSING:
                values[f"{name}.{field.name}"] = shown(field.default)
            elif field.default_factory is not dataclasses.MISSING:
                values[f"{name}.{field.name}"] = shown(field.default_factory())
    else:
        values.update(_defaults(name, kind.__init__))
    for key, value in vars(kind).items():
        if isinstance(value, types.FunctionType) and key != "__init__":
            values.update(_defaults(f"{name}.{key}", value))
        elif not key.startswith("_") and isinstance(value, PLAIN):
            values[f"{name}.{key}"] = shown(value)
    return values


def options(parser):
    """What each option of a program, and of its tasks, has for its default, kind and
    choices, and which options exclude each other."""
    values = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for task, below in action.choices.items():
                values.update({f"{task} {name}": text
                               for name, text in options(below).items()})
        if action.default != argparse.SUPPRESS:
            values[" ".join(action.option_strings) or action.dest] = shown((
                action.default, action.nargs, action.const,
                action.choices and tuple(action.choices), action.required,
                type(action).__name__, *filter(None, [action.type])))
    for group in parser._mutually_exclusive_groups:
        names = " | ".join(action.dest for action in group._group_actions)
        values[names] = f"alternatives, required: {group.required}"
    return values


def shown(value):
    """A value as text that is the same on all machines."""
    for kinds, convert in SHOWN:
        if isinstance(value, kinds):
            return convert(value)
    return _object(value)


def _joined(values):
    return ", ".join(map(shown, values))


# The first kind that fits tells how.
SHOWN = (
    (np.generic, lambda value: shown(value.item())),
    ((str, bytes, numbers.Number, type(None)), repr),
    (np.ndarray, lambda value: f"{value.dtype} {value.tolist()}"),
    (re.Pattern, lambda value: f"{value.pattern!r}, {int(value.flags)}"),
    ((dict, types.MappingProxyType), lambda value: "{" + ", ".join(
        f"{shown(key)}: {shown(item)}" for key, item in value.items()) + "}"),
    ((set, frozenset), lambda value: "{" + ", ".join(sorted(map(shown, value))) + "}"),
    ((list, tuple, range), lambda value: f"({_joined(value)})"),
    (functools.partial, lambda value: f"{shown(value.func)}{shown(value.args)}"
                                      f"{shown(value.keywords)}"),
    (pathlib.PurePath, lambda value: shown(str(value).replace(str(ROOT), "."))),
)


def _object(value):
    if isinstance(value, type) or callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    if dataclasses.is_dataclass(value):
        return type(value).__name__ + shown({
            field.name: getattr(value, field.name)
            for field in dataclasses.fields(value)})
    return type(value).__qualname__


def _cut(text):
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return text if len(text) <= LONGEST else f"{text[:LONGEST - 40]}... {digest}"


def main(folder):
    """Writes the register."""
    for name, names in modules().items():
        path = pathlib.Path(folder) / f"{name}.txt"
        path.write_text("\n".join(register(names)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
