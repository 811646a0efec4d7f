"""The web application of the local page: routes, limits and headers."""

import pathlib
import urllib.parse

from end2end.utils import commands, files

HOST = "127.0.0.1"
MAX_BYTES = 200 << 20
MAX_FILES = 40
# Uploads that may be under way; a page sends one after the other.
MAX_WAITING = 8
# Nothing but the page's own files, whatever a DICOM tag or file name holds.
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff",
           "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
PAGES = {"/": ("html", "text/html"), "/page.js": ("js", "text/javascript"),
         "/page.css": ("css", "text/css")}


def application(scorer):
    """The page and its one question: `POST /score` with a file as body.

    The header `X-Name` is the name of the file (percent-encoded), `X-Frame` perhaps a
    frame. No other site can send these headers.

    Args:
        scorer: `serve_scoring.Scorer`.

    Returns:
        `fastapi.FastAPI`.
    """
    import anyio
    import fastapi
    from starlette.middleware import trustedhost

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    # A name that points here (DNS rebinding) is no way in.
    app.add_middleware(
        trustedhost.TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    waiting, turn = [], anyio.Lock()

    async def about(request):
        return answer(scorer.about() | dict(
            max_bytes=MAX_BYTES, max_files=MAX_FILES))

    async def score(request):
        return await scored(request, scorer, waiting, turn)

    for place, (suffix, kind) in PAGES.items():
        app.add_route(place, page(suffix, kind), methods=["GET"])
    app.add_route("/about", about, methods=["GET"])
    app.add_route("/score", score, methods=["POST"])
    return app


class TooLargeError(files.InputError):
    """A file beyond `MAX_BYTES`."""


def unwanted(request, waiting):
    """Why a request is not answered: status and sentence, or None."""
    origin = request.headers.get("origin")
    if origin and urllib.parse.urlsplit(origin).netloc != request.headers["host"]:
        return 403, "only the page itself may ask."
    if "x-name" not in request.headers:
        return 400, "the header X-Name, the name of the file, is missing."
    if len(waiting) >= MAX_WAITING:
        return 503, "too many images at once; wait for those before."
    return None


def answer(content, status=200):
    """A response of JSON."""
    from fastapi import responses

    return responses.JSONResponse(content, status, headers=HEADERS)


def page(suffix, kind):
    """A route that gives one of the page's own files."""
    from fastapi import responses

    path = pathlib.Path(__file__).parent / f"serve_page.{suffix}"
    response = responses.Response(
        path.read_text("utf-8"), media_type=kind, headers=HEADERS)

    async def route(request):
        return response
    return route


async def scored(request, scorer, waiting, turn):
    """The response to one file; files are scored in turn."""
    import anyio

    if found := unwanted(request, waiting):
        return answer(dict(error=found[1]), found[0])
    waiting.append(None)
    try:
        data = await limited(request)
        async with turn:
            return answer(await anyio.to_thread.run_sync(
                scorer.score, urllib.parse.unquote(request.headers["x-name"]),
                data, request.headers.get("x-frame", "")))
    except files.InputError as error:
        status = 413 if isinstance(error, TooLargeError) else 422
        return answer(dict(error=commands.one_line(error)), status)
    finally:
        waiting.pop()


async def limited(request):
    """The body of a request.

    Raises:
        TooLargeError: it is longer than `MAX_BYTES`.
    """
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_BYTES:
            raise TooLargeError(
                f"the file is larger than {MAX_BYTES >> 20} MB; no mammogram is.")
    return bytes(data)
