"""The import of a public set: its row of the catalogue through the steps of all."""

import pathlib
from collections.abc import Callable

from end2end.importing import catalogue, machine, outputs, records, store
from end2end.importing.machine import IN_USE
from end2end.tables import words
from end2end.utils import files

Say = Callable[[str], None]


def run(name: str, root: pathlib.Path, settings: records.Settings, say: Say = print
        ) -> None:
    """Imports a set as downloaded.

    Args:
        name: of `catalogue.SETS`.
        root: the folder of the set.
        settings: `records.Settings`.
        say: gets each line of the report.

    Raises:
        files.InputError: a table or an assumption is wrong, or no picture is there.
    """
    row = catalogue.SETS[name]
    check_accepted(name, settings)
    counts = count(name, root, settings, say)
    with store.temporary(settings.out) as pictures:
        pictures.add(row.read(files.existing_folder(root), settings))
        missing = machine.check_files(pictures)
        if not pictures.count(IN_USE):
            (example,), = pictures.query("SELECT MIN(source) FROM pictures")
            raise files.InputError(
                f"no picture of {row.title} is in {root}"
                + (f"; expected files such as {example}, {missing} are missing"
                   if example else "") + ". Give the folder as downloaded.")
        machine.identify(pictures)
        machine.choose(pictures, settings)
        machine.name_pictures(pictures)
        bits = machine.convert(pictures, settings, row.convert)
        machine.find_doubles(pictures)
        if not pictures.count(IN_USE):
            outputs.write_logs(pictures, settings.out)
            raise files.InputError(
                f"no picture is left; see {settings.out / 'left_out.csv'}.")
        split = machine.split(pictures, settings)
        shared = machine.women_in_two_parts(pictures)
        census = outputs.write(pictures, settings, dict(
            set=name, title=row.title, label=row.label, tables=counts,
            published=dict(row.totals), source_of_published=row.source,
            differing=catalogue.differing(counts, row), split=split,
            women_in_two_parts=len(shared), bits_of_undeclared=bits,
            run_on_real_files=row.real))
        for line in outputs.report(pictures, census, settings):
            say(line)


def count(name: str, root: pathlib.Path, settings: records.Settings, say: Say = print
          ) -> dict:
    """Counts what the tables of a set hold, and says it beside what is published."""
    row = catalogue.SETS[name]
    counts = row.census(files.existing_folder(root), settings)
    say(f"{row.title}: what its tables hold (published: {row.source})")
    for line in catalogue.compared(counts, row):
        say(line)
    return counts


def check_accepted(name: str, settings: records.Settings) -> None:
    """Refuses names of assumptions that the set does not make."""
    known = catalogue.SETS[name].assumptions
    for accepted in settings.accept:
        if accepted not in known:
            raise files.InputError(
                f"--accept {words.cleaned(accepted, 40)}: {name} makes no such "
                f"assumption; it makes {', '.join(known) or 'none'}.")


def described() -> list[str]:
    """What is known of each set, as lines."""
    lines = []
    for name, row in catalogue.SETS.items():
        lines += [f"{name}: {row.title}"] + [
            f"  {word}: {text}" for word, text in (
                ("ask for it at", row.ask), ("licence", row.licence),
                ("label", row.label), ("own split", row.split),
                ("left out", row.left_out), ("run on the real files", row.real),
                ("published", ", ".join(f"{count} {what}" for what, count
                                        in row.totals.items())),
                ("checked on the way", "; ".join(row.assumptions.values())))]
    return lines
