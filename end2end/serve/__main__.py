"""A local page: drop mammograms, see scores, flags and what they come from.

    end2end serve best.h5 [other.h5] [--patch-model patch.h5]

The page is served to this machine only (127.0.0.1). What was scored is kept in a folder
that only its user can read, until it is removed on the page or the program ends;
nothing is counted or sent elsewhere. Research use only.

FastAPI rather than Gradio: a few small files of our own instead of a large page that
loads fonts and counts its users unless told not to, and full control of what it may do.
"""

import gc
import os
import pathlib
import socket
import sys
import webbrowser
from collections.abc import Sequence

from end2end import config, explanation, prediction, serve
from end2end.config import model_flags, patch_flags
from end2end.explanation import scales
from end2end.utils import commands, distribution, files, temporary


def parser() -> commands.Parser:
    """The command line."""
    parser = commands.Parser(program="end2end.serve", description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", type=pathlib.Path,
                      help="model of whole images (.h5, .keras); scores of several are "
                           "averaged")
    scales.add_flag(parser)
    parser.add_argument("--flips", action="store_true",
                      help="average over the four flips")
    config.add_refuse_unfit(parser)
    parser.add_argument("--port", type=int, default=7860,
                      help="on 127.0.0.1; 0 takes a free one (%(default)s)")
    parser.add_argument("--pseudonym-key", type=pathlib.Path, metavar="FILE",
                      help="key of the pseudonyms of patients, as of end2end.predict; "
                           "default: a new one each time")
    parser.add_argument("--no-browser", action="store_true",
                      help="print the address, open no browser")
    model_flags.add(parser)
    patch_flags.add(
        parser, "whose heatmap is shown; default: Grad-CAM of the first model")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Serves the page until interrupted."""
    arguments = parser().parse_args(argv)
    check()
    for path in arguments.models:
        files.existing_file(path, "model")
    key = arguments.pseudonym_key and prediction.pseudonyms.key_of_file(
        arguments.pseudonym_key)
    listening = bound(arguments.port)
    import uvicorn

    classifiers = prediction.score_files.load(
        arguments.models, output_options=model_flags.typed(arguments))
    patch = explanation.patch_maps.load(arguments)
    address = f"http://{serve.application.HOST}:{listening.getsockname()[1]}/"
    with temporary.folder("serve") as folder:
        scorer = serve.scoring.Scorer(
            classifiers, patch, flips=arguments.flips, key=key, folder=folder,
            refuse_unfit=arguments.refuse_unfit, map_scale=arguments.map_scale)
        server = uvicorn.Server(uvicorn.Config(
            serve.application.application(scorer), log_level="warning",
            access_log=False, server_header=False))
        commands.say(f"open {address} in a browser; end with Ctrl-C")
        if not arguments.no_browser and has_screen():
            webbrowser.open(address)
        # The objects of the start stay. Looking through them took 0.2 s after each
        # file, seven times as long as a small network takes to score it.
        gc.collect()
        gc.freeze()
        server.run(sockets=[listening])


def check() -> None:
    """Raises files.InputError unless the packages that do the work are installed."""
    distribution.require("fastapi", "uvicorn", purpose="the page", extra="serve")


def bound(port: int) -> socket.socket:
    """A listening socket of this machine alone.

    Raises:
        files.InputError: the port is taken.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((serve.application.HOST, port))
        # From here on a browser waits for the page instead of being refused.
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        raise files.InputError(
            f"port {port} cannot be used ({error}); choose another --port, or 0 for "
            "any.") from error
    return listening


def has_screen() -> bool:
    """Whether a browser could open here."""
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


if __name__ == "__main__":
    commands.run(main)
