"""Measures how fast the paper's networks are on the GPUs or the processor of a machine.

    end2end bench --gpu                 each GPU, and all of them together
    end2end bench image-step            some work on the processor

Inference and training steps of whole images and patches, in float32 and half precision,
with and without XLA, in both orders of memory; each row in a process of its own, beside
plain float32 and the rate of matrix products on the same device. NUM_GPU_DEVICES is the
number of devices that work together (default: all GPUs). What is not measured is said.
"""

import pathlib
from collections.abc import Sequence

from end2end import bench
from end2end.bench import works
from end2end.config import training_command
from end2end.utils import commands, files, locks


def parser() -> commands.Parser:
    """The command line."""
    names = [work.name for work in works.WORKS]
    result = commands.Parser(program="end2end.bench", description=__doc__)
    result.add_argument("works", nargs="*", metavar="WORK",
                        help=f"{', '.join(names)} (default: all)")
    result.add_argument("--gpu", action="store_true",
                        help="measure GPUs; where there is none, the processor")
    result.add_argument("--scale", choices=tuple(works.SCALES), default="paper",
                        help="networks and images of the paper, or tiny ones for a "
                             "trial (default: paper)")
    result.add_argument("--out", type=pathlib.Path,
                        default=pathlib.Path("runs/bench.json"),
                        help="file of all figures; the table is written beside it as "
                             "Markdown (default: %(default)s)")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table line by line and writes it."""
    arguments = parser().parse_args(argv)
    by_name = {work.name: work for work in works.WORKS}
    unknown = [name for name in arguments.works if name not in by_name]
    if unknown:
        raise files.InputError(
            f"there is no work {unknown[0]!r}; expected {', '.join(by_name)}.")
    files.writable_folder(arguments.out.parent)
    training_command.set_environment()
    host = bench.device_rows.variants.machine()
    places, missing = works.places(
        host.gpus, commands.environment_int("NUM_GPU_DEVICES", 0),
        on_gpus=arguments.gpu)
    cases, left_out = bench.device_rows.planned(
        places, [by_name[name] for name in arguments.works or by_name],
        scale=arguments.scale, host=host)
    about = bench.device_rows.about()
    commands.say(f"{about}; {len(cases)} rows\n", bench.tables.head())
    with locks.output_file(arguments.out):
        table, rows = bench.device_rows.Table(), []
        for case in cases:
            rows.append(table.row(case))
            commands.say(bench.tables.line(*rows[-1]))
        missing += left_out + [f"{row.what}: {figure['error']}" for row, figure in rows
                               if "error" in figure]
        commands.say("", bench.tables.not_measured(missing))
        write(arguments.out, about, rows, missing)


def write(out: pathlib.Path, about: str, rows: list, missing: list[str]) -> None:
    """Writes figures as JSON and the table as Markdown."""
    files.write_json(out, dict(
        about=about, rows={row.name: figure for row, figure in rows},
        not_measured=missing))
    page = out.with_suffix(".md")
    files.write_text(page, "\n\n".join([
        about, bench.tables.markdown(rows), bench.tables.not_measured(missing)]) + "\n")
    commands.say(f"written to {out} and {page}")


if __name__ == "__main__":
    commands.run(main)
