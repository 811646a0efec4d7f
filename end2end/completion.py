"""Completion of programs and flags in the shell: a script for bash or zsh.

    source <(end2end completion bash)                  in this shell
    end2end completion bash > ~/.local/share/bash-completion/completions/end2end
    end2end completion zsh > ~/.zfunc/_end2end         in a folder of fpath

It completes the command `end2end`; the script stays right until an update brings other
programs or flags.
"""

import argparse
from collections.abc import Sequence

import shtab

from end2end.utils import commands, programs

SHELLS = ("bash", "zsh")


def parser() -> commands.Parser:
    """The command line."""
    result = commands.Parser(program="end2end.completion", description=__doc__)
    result.add_argument("shell", choices=SHELLS, help="whose script is printed")
    return result


def all_programs() -> argparse.ArgumentParser:
    """A parser of `end2end` that knows the command lines of all programs."""
    whole = argparse.ArgumentParser(prog="end2end")
    commands.add_version(whole)
    tasks = whole.add_subparsers()
    packages: dict[str, argparse._SubParsersAction] = {"": tasks}
    for module in programs.MODULES:
        package, _, name = programs.words(module).rpartition(" ")
        if package not in packages:
            packages[package] = tasks.add_parser(package, help=f"programs of {package}"
                                                 ).add_subparsers()
        _with_files(task := programs.load(module).parser())
        packages[package].add_parser(
            name, parents=[task], add_help=False, help=programs.summary(module))
    return whole


def _with_files(parser):
    """Completes names of files wherever a text is expected that is not a choice."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for task in action.choices.values():
                _with_files(task)
        elif action.nargs != 0 and not action.choices and (
                action.type in (None, str) or not isinstance(action.type, type)
                or action.type.__name__ == "Path"):
            action.complete = shtab.FILE


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the script."""
    arguments = parser().parse_args(argv)
    print(shtab.complete(all_programs(), shell=arguments.shell))


if __name__ == "__main__":
    commands.run(main)
