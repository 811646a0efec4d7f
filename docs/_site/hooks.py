"""What MkDocs adds to the pages of docs/: commands, Python names, files of the root.

Named in mkdocs.yml. The pages of commands are written from their parsers and those of
Python names from the stubs beside each `__init__.py`, so that none can be out of date.
"""

import argparse
import ast
import importlib
import pathlib
import posixpath
import re
import sys

from mkdocs.structure import files

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from end2end.utils import programs, quiet  # noqa: E402

# The Python names are imported, and some import TensorFlow.
quiet.install()

# Files of the root that are pages of the site too.
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md",
              "CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md",
              "CITATION.cff": "CITATION.cff"}
COMMANDS, PYTHON = "reference/commands/", "reference/python/"
SHIM = re.compile(r"https?://[^\"]*/iframe-worker/shim")
WORKER = "theme/iframe-worker.js"
LINK = re.compile(r"(\]\(|(?:src|href)=\")([^)#\s\"]+)")
FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)


def on_files(all_files: files.Files, config) -> files.Files:
    """Adds the pages that are made here."""
    pages = {target: (ROOT / name).read_text(encoding="utf-8")
             for name, target in ROOT_PAGES.items()}
    for uri, text in {**pages, **command_pages(), **python_pages()}.items():
        all_files.append(files.File.generated(config, uri, content=text))
    return all_files


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Links between docs/ and the root lead to the pages of the site."""
    source = page.file.src_uri
    place = next((name for name, target in ROOT_PAGES.items() if target == source),
                 f"docs/{source}")
    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(
        lambda match: match[1] + site_link(match[2], place, source, files), part)
        for part in parts)


def site_link(link: str, place: str, source: str, files) -> str:
    """A link of a file of the repository as the page of the site needs it.

    Args:
        link: as it stands there, without its anchor.
        place: the file, from the root of the repository.
        source: the page of the site.
        files: all of the site.
    """
    if re.match(r"[a-z]+:", link):
        return link
    path = posixpath.normpath(posixpath.join(posixpath.dirname(place), link))
    target = ROOT_PAGES.get(path, path.removeprefix("docs/"))
    if not files.get_file_from_path(target):
        return link
    return posixpath.relpath(target, posixpath.dirname(source) or ".")


def on_post_page(output: str, page, config) -> str:
    """The one script that the theme would load from the network lies in the site."""
    return SHIM.sub(posixpath.relpath(WORKER, posixpath.dirname(page.url) or "."),
                    output)


def on_post_template(output: str, template_name: str, config) -> str:
    """The same for the page that a server shows for a wrong address."""
    return SHIM.sub(WORKER, output)


def command_pages() -> dict[str, str]:
    """A page for each command, and one that lists them."""
    rows, pages = [], {}
    for name in programs.MODULES:
        with programs.as_command("end2end"):
            parser = programs.load(name).parser()
        first, _, _ = (parser.description or "").strip().partition("\n")
        pages[f"{COMMANDS}{name}.md"] = command_page(name, parser)
        rows.append(f"| [`end2end {programs.words(name)}`]({name}.md) | {first} |")
    pages[f"{COMMANDS}index.md"] = "\n".join((
        "# Commands", "", "In the order of the work. Each is a module as well: "
        "`end2end ddsm prepare` is `python -m ddsm_train.prepare`. These pages are "
        "written from the parsers of the commands when the site is built.", "",
        "| command | what it does |", "|---|---|", *rows, ""))
    return pages


def command_page(name: str, parser: argparse.ArgumentParser) -> str:
    """The page of a command: its help, its flags, and those of each task."""
    parts = [f"# {name}", "", fenced(parser.description), "", usage(parser), "",
             *table(parser)]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for task, child in action.choices.items():
                parts += ["", f"## {name} {task}", "", usage(child), "", *table(child)]
    return "\n".join(parts) + "\n"


def fenced(text: str | None) -> str:
    return f"```text\n{(text or '').strip()}\n```"


def usage(parser: argparse.ArgumentParser) -> str:
    return fenced(parser.format_usage())


def table(parser: argparse.ArgumentParser) -> list[str]:
    """The arguments of a parser as the rows of a Markdown table."""
    rows = ["| argument | default | meaning |", "|---|---|---|"]
    for action in parser._actions:
        if action.help is argparse.SUPPRESS or isinstance(
                action, (argparse._HelpAction, argparse._SubParsersAction)):
            continue
        words = ", ".join(f"`{flag}`" for flag in action.option_strings) or (
            f"`{action.metavar or action.dest}`")
        default = "required" if action.required else shown(action.default)
        rows.append(f"| {words} | {default} | {cell(meaning(action))} |")
    return rows if len(rows) > 2 else []


def meaning(action: argparse.Action) -> str:
    """The help of an argument, with its choices where the help does not name them."""
    text = re.sub(r"\s*\((default:? [^()]*|%\(default\)s)\)", "", action.help or "")
    if action.choices and not all(str(word) in text for word in action.choices):
        text = "; ".join(filter(None, (text, ", ".join(map(str, action.choices)))))
    return text.replace("%%", "%")


def shown(value: object) -> str:
    if value is None or value is False or value is argparse.SUPPRESS:
        return ""
    return cell(" ".join(map(str, value)) if isinstance(value, (list, tuple))
                else value)


def cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def stub_names(path: pathlib.Path) -> list[tuple[str, str]]:
    """Name and full origin of what a stub hands out, modules left out."""
    package = ".".join(path.parent.relative_to(ROOT).parts)
    return [(alias.asname or alias.name, origin(f"{package}.{node.module}", alias.name))
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names]


def origin(module: str, name: str) -> str:
    """Where something is defined that a module may only have imported."""
    thing = getattr(importlib.import_module(module), name)
    place = getattr(thing, "__module__", None) or module
    return f"{place if place.startswith('end2end.') else module}.{name}"


def python_pages() -> dict[str, str]:
    """A page for each folder of the library with the names of its stub."""
    rows, pages = [], {}
    for stub in sorted((ROOT / "end2end").glob("*/__init__.pyi")):
        name = f"end2end.{stub.parent.name}"
        text = ast.get_docstring(ast.parse(
            stub.with_suffix(".py").read_text(encoding="utf-8"))) or ""
        entries = [f"::: {origin}\n" for _, origin in stub_names(stub)]
        pages[f"{PYTHON}{name}.md"] = "\n".join((f"# {name}", "", text, "", *entries))
        rows.append(f"| [`{name}`]({name}.md) | {cell(text.partition(chr(10))[0])} |")
    pages[f"{PYTHON}index.md"] = "\n".join((
        "# Python", "", "The folders of `end2end` and what each exports. The pages are "
        "written from the docstrings when the site is built. Names that most users "
        "need can be taken from `end2end` itself: `" + "`, `".join(
            name for name, _ in stub_names(ROOT / "end2end/__init__.pyi")) + "`.", "",
        "| folder | what it is for |", "|---|---|", *rows, ""))
    return pages


def on_config(config):
    """Puts the pages that are made here into the navigation."""
    pages = {COMMANDS: [f"{COMMANDS}{name}.md" for name in programs.MODULES],
             PYTHON: [f"{PYTHON}end2end.{path.parent.name}.md" for path in
                      sorted((ROOT / "end2end").glob("*/__init__.pyi"))]}

    def filled(entry):
        if isinstance(entry, dict):
            return {title: filled(value) for title, value in entry.items()}
        if isinstance(entry, list):
            return [filled(part) for part in entry]
        return [f"{entry}index.md", *pages[entry]] if entry in pages else entry

    config.nav = filled(config.nav)
    return config
