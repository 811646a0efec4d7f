"""The web application of the local page: routes, limits and headers."""

import json
import pathlib
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from end2end.utils import commands, files

if TYPE_CHECKING:
    from fastapi import Request, Response

    from end2end.serve import scoring

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HOST = "127.0.0.1"
MAX_BYTES = 200 << 20
MAX_FILES = 40
MAX_QUESTION = 1 << 20
# Uploads that may be under way; a page sends one after the other.
MAX_WAITING = 8
# Seconds: between two pieces of an upload, and for the whole of it. From the page they
# come from this machine's disk.
STALLED = 20
LONGEST = 300
# Nothing but the page's own files, whatever a DICOM tag or file name holds.
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff",
           "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
           "Cross-Origin-Resource-Policy": "same-origin",
           "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
PAGES = {"/": ("html", "text/html"), "/page.js": ("js", "text/javascript"),
         "/page.css": ("css", "text/css")}


class WithHeaders:
    """An ASGI application all of whose replies have `HEADERS`, refusals too."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]
                 ) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        async def with_headers(message):
            if message["type"] == "http.response.start":
                headers = dict(message.get("headers", ()))
                headers |= {name.lower().encode(): value.encode()
                            for name, value in HEADERS.items()}
                message = {**message, "headers": list(headers.items())}
            await send(message)

        await self.app(scope, receive, with_headers)


def application(scorer: "scoring.Scorer") -> WithHeaders:
    """The page and its questions: `POST /score` with a file as body, and `POST
    /account` with the marks of the images that are shown.

    The header `X-Name` is the name of the file (percent-encoded), `X-Frame` perhaps a
    frame. No other site can send these headers.

    Args:
        scorer: what scores a file.

    Returns:
        an ASGI application.
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

    async def account(request):
        return await accounted(request, scorer, waiting)

    for place, (suffix, kind) in PAGES.items():
        app.add_route(place, page(suffix, kind), methods=["GET"])
    app.add_route("/about", about, methods=["GET"])
    app.add_route("/score", score, methods=["POST"])
    app.add_route("/account", account, methods=["POST"])
    app.add_exception_handler(Exception, failed)
    return WithHeaders(app)


async def failed(request: "Request", error: Exception) -> "Response":
    """The reply where the program itself is wrong; the log has the reason."""
    return answer(dict(error="the program failed at this file; see its window."), 500)


class TooLargeError(files.InputError):
    """A file beyond `MAX_BYTES`."""


def refusal(request: "Request", waiting: list) -> tuple[int, str] | None:
    """Why a request is not answered: status and sentence, or None."""
    origin = request.headers.get("origin")
    # The page is served without TLS: a page at https:// is another.
    if origin and origin != f"http://{request.headers['host']}":
        return 403, "only the page itself may ask."
    if "x-name" not in request.headers:
        return 400, "the header X-Name, the name of the file, is missing."
    if len(waiting) >= MAX_WAITING:
        return 503, "too many images at once; wait for those before."
    return None


def answer(content: dict[str, Any], status: int = 200) -> "Response":
    """A response of JSON."""
    from fastapi import responses

    return responses.JSONResponse(content, status)


def page(suffix: str, kind: str) -> "Callable[[Request], Awaitable[Response]]":
    """A route that gives one of the page's own files."""
    from fastapi import responses

    path = pathlib.Path(__file__).parent / f"serve_page.{suffix}"
    response = responses.Response(path.read_text("utf-8"), media_type=kind)

    async def route(request):
        return response
    return route


async def scored(request: "Request", scorer: "scoring.Scorer", waiting: list,
                 turn: Any) -> "Response":
    """The response to one file.

    Args:
        request: with the file as body.
        scorer: what scores it.
        waiting: an entry per request under way.
        turn: `anyio.Lock`; files are scored in turn.
    """
    import anyio
    from starlette.requests import ClientDisconnect

    if reason := refusal(request, waiting):
        return answer(dict(error=reason[1]), reason[0])
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
    except TimeoutError:
        return answer(
            dict(error="the file did not arrive in time; drop it again."), 408)
    except ClientDisconnect:  # nobody reads this
        return answer(dict(error="the file did not arrive."), 400)
    except (OSError, MemoryError) as error:
        return answer(dict(error=f"no room to score the file: "
                                 f"{commands.one_line(error)}"), 507)
    finally:
        waiting.pop()


async def accounted(request: "Request", scorer: "scoring.Scorer", waiting: list
                    ) -> "Response":
    """The response to the question what became of the files on the page.

    Args:
        request: JSON with `marks` of images, and `refused`, a list of objects with
            `name` and `error`.
        scorer: what scored them.
        waiting: an entry per request under way.
    """
    import anyio

    if reason := refusal(request, waiting):
        return answer(dict(error=reason[1]), reason[0])
    try:
        question = json.loads(await limited(request, MAX_QUESTION))
        marks, refused = question["marks"][:MAX_FILES], question["refused"][:MAX_FILES]
        return answer(await anyio.to_thread.run_sync(scorer.session.account, list(
            map(str, marks)), [dict(file) for file in refused]))
    except (files.InputError, ValueError, TypeError, KeyError, RecursionError):
        return answer(dict(error="expected the marks of images as JSON."), 422)


async def limited(request: "Request", most: int | None = None) -> bytearray:
    """The body of a request.

    Args:
        request: the request.
        most: bytes; None: `MAX_BYTES`.

    Raises:
        TooLargeError: it is longer.
        TimeoutError: it stalled for `STALLED` seconds, or took `LONGEST`.
    """
    import anyio

    data, pieces = bytearray(), aiter(request.stream())
    with anyio.fail_after(LONGEST):
        while True:
            with anyio.fail_after(STALLED):
                piece = await anext(pieces, None)
            if piece is None:
                return data
            data += piece
            if len(data) > (most or MAX_BYTES):
                raise TooLargeError(
                    f"the file is larger than {MAX_BYTES >> 20} MB; no mammogram is.")
