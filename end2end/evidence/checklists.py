"""Reports that fill themselves: `end2end metrics checklist`.

CLAIM 2024 and TRIPOD+AI as tables and an ATLAS card, from the files of a run; what they
do not say is named as a gap.
"""

import argparse
import pathlib
from collections.abc import Mapping, Sequence

from end2end.evidence import atlas, checklist_items, inputs, run_facts
from end2end.evidence.run_facts import Fact
from end2end.reports.report import Heading, Table, Text
from end2end.utils import files

STATES = ("stated", "in part", "gap")
NOTE = ("Filled from the files of the run; titles are in our words, numbers were "
        "written from memory of the originals: compare them. A gap is what no file "
        "says: state it with --facts. A row that is filled still needs an author's "
        "eye.")


def run(arguments: argparse.Namespace) -> list[str]:
    """Fills the checklists and returns lines for the terminal.

    Raises:
        files.InputError: no files of a run, or facts that no item asks for.
    """
    if arguments.list_facts:
        return [f"{name}: {meaning}" for name, meaning in run_facts.PEOPLE.items()]
    if not arguments.runs:
        raise files.InputError(
            "no files of a run; give the folder of a model, of its tests, or of a "
            "command here.")
    stated = files.read_json(arguments.facts, "facts") if arguments.facts else {}
    if not isinstance(stated, dict):
        raise files.InputError(
            f"{arguments.facts} is not a JSON object of texts by name.")
    facts = run_facts.gathered(arguments.runs, stated)
    rows = {name: filled(items, facts)
            for name, items in checklist_items.CHECKLISTS.items()}
    card, gaps = atlas.card(facts)
    sections = [Heading("Checklists"), Text(NOTE), summary(rows)]
    for name, lines in rows.items():
        sections += [Heading(name), Table(
            ("item", "title", "state", "what the run says", "from"), lines, name)]
    sections += [Heading("ATLAS model card"), Text(
        f"{atlas.SCHEMA}; gaps: {', '.join(gaps) or 'none'}.")]
    lines = inputs.finish(inputs.Findings(
        "Checklists", dict(facts=facts, checklists=rows, atlas_gaps=gaps), sections),
        arguments.out)
    if arguments.out:
        path = pathlib.Path(arguments.out) / "atlas.json"
        files.write_json(path, card)
        lines.append(f"the ATLAS card is {path}")
    return lines


def filled(items: Sequence[checklist_items.Item], facts: Mapping[str, Fact]
           ) -> list[tuple[str, str, str, str, str]]:
    """Number, title, state, text and sources of each item."""
    rows = []
    for item in items:
        known = [facts[name] for name in item.facts if name in facts]
        missing = [name for name in item.facts if name not in facts]
        state = STATES[0] if not missing else STATES[1] if known else STATES[2]
        text = "; ".join(fact.text for fact in known)
        if missing:
            text += f"{' ' if text else ''}[gap: {', '.join(map(_meaning, missing))}]"
        sources = ", ".join(dict.fromkeys(fact.source for fact in known))
        rows.append((item.number, item.title, state, text, sources))
    return rows


def _meaning(name):
    return run_facts.PEOPLE.get(name, name.replace("_", " "))


def summary(rows: Mapping[str, Sequence[tuple]]) -> Table:
    """How many items are stated, in part, or gaps."""
    return Table(("checklist", *STATES), [
        (name, *(sum(line[2] == state for line in lines) for state in STATES))
        for name, lines in rows.items()], "Items")
