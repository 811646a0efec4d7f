"""Checks that the files of a run are as it wrote them, or repeats the run.

    end2end verify RUN                 checksums of an output folder or file
    end2end verify RUN --repeat        calls the command again and compares

RUN is an output folder, or an output file such as best.h5 or scores.csv. Each command
leaves the checksums of its outputs beside them, in a hidden file. --repeat writes to a
new folder; bits that differ are held against the bounds that were measured. Exit status
1: a file is missing or other than it was.
"""

import contextlib
import pathlib
import tempfile
from collections.abc import Sequence

from end2end.utils import checksums, commands, files

SHOWN = 20


def parser() -> commands.Parser:
    """The command line."""
    result = commands.Parser(program="end2end.verify", description=__doc__)
    result.add_argument("run", metavar="RUN", help="output folder or file of a command")
    result.add_argument("--repeat", action="store_true",
                        help="call the command again, in the folder in which it was "
                             "called, with outputs of its own, and compare these")
    result.add_argument("--into", metavar="FOLDER",
                        help="where --repeat writes, a new folder that is kept "
                             "(default: a temporary one)")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what is as written, changed, missing and extra; 1 if anything is not."""
    arguments = parser().parse_args(argv)
    if arguments.into and not arguments.repeat:
        raise files.InputError("--into is for --repeat; add it, or leave out --into.")
    output = output_of(arguments.run)
    content = checksums.read(output)
    call = content["calls"][-1]
    commands.say(f"written by: end2end {' '.join(call['words'])}\n"
                 f"in {call['folder']}, ended {call.get('ended', 'unknown')}")
    for line in differences(call):
        commands.say(line)
    comparison = checksums.compare(output, content)
    for line in lines(comparison):
        commands.say(line)
    bad = bool(comparison.changed or comparison.missing)
    if arguments.repeat:
        bad |= not repeated(output, content, arguments.into)
    return 1 if bad else 0


def output_of(path: str) -> checksums.Output:
    """The output that is named.

    Raises:
        files.InputError: there is no such path.
    """
    if not pathlib.Path(path).exists():
        raise files.InputError(
            f"{path} does not exist; give the output folder or file of a command.")
    return checksums.of(path)


def lines(comparison: checksums.Comparison) -> list[str]:
    """What became of the files, those that are not as written by name."""
    text = [f"{len(comparison.equal)} files as written"]
    for word, names in (("changed", comparison.changed),
                        ("missing", comparison.missing),
                        ("not of this run", comparison.extra)):
        text.append(f"{len(names)} {word}")
        text += [f"  {word}: {name}" for name in names[:SHOWN]]
        if len(names) > SHOWN:
            text.append(f"  and {len(names) - SHOWN} more")
    return text


def differences(call: dict) -> list[str]:
    """What is other now than when the command was called: inputs and packages."""
    text = []
    for name, digest in call["inputs"].items():
        path = pathlib.Path(call["folder"], name)
        state = "is missing" if not path.is_file() else (
            "" if files.sha256(path) == digest else "is another file now")
        if state:
            text.append(f"input {name} {state}")
    now = checksums.software()
    text += [f"{name}: {version} then, {now.get(name, 'missing')} now"
             for name, version in call["software"].items() if now.get(name) != version]
    return text


def repeated(output: checksums.Output, content: dict, into: str | None) -> bool:
    """Calls the command again and says how its outputs compare; True if they agree."""
    # It reads pictures and DICOM files: packages that take longer than --help may.
    from end2end import repeating

    call = repeating.only_call(content)
    with _folder(into) as folder:
        words, places = repeating.redirected(call, folder)
        commands.say(f"repeating: end2end {' '.join(words)}")
        repeating.run(call, words)
        rows = repeating.compare(output, content, places)
    for row in rows:
        if row.verdict != repeating.EQUAL:
            detail = f", {row.detail}" if row.detail else ""
            commands.say(f"  {row.name}: {row.verdict}{detail}")
    counts = {verdict: sum(row.verdict == verdict for row in rows)
              for verdict in repeating.VERDICTS}
    commands.say("repeated: " + ", ".join(
        f"{count} {verdict}" for verdict, count in counts.items() if count))
    return not any(row.verdict in repeating.BAD for row in rows)


@contextlib.contextmanager
def _folder(into):
    """The new folder that is named, or else one that is removed in the end."""
    if into is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield pathlib.Path(temporary)
        return
    # The command is called in a folder of its own.
    folder = pathlib.Path(into).absolute()
    if folder.exists() and any(folder.iterdir()):
        raise files.InputError(f"{into} is not empty; give a new folder.")
    yield files.writable_folder(folder)


if __name__ == "__main__":
    commands.run(main)
