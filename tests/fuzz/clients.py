"""A client of the local page: uploads every file of a folder and asks odd questions."""

import os
import pathlib
import random
import urllib.parse

answers: dict[str, str] = {}
# What the client of the next call does; set by `prepare`.
_plan: dict = {}
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
PLACES = ("/", "/score", "/account", "/results", "/remove", "/about", "/picture/x",
          "/picture/..%2f..%2fetc", "/download/report.html", "/download/../x", "//",
          "/page.js", "/%7f", "/" + "a" * 5000)
HEADERS = ("X-Name", "X-Frame", "X-Id", "Origin", "Host", "Cookie", "Content-Length",
           "Content-Type", "Transfer-Encoding", "Range", "X-Forwarded-For")
VALUES = ("", "a.png", "../../escaped", "%00", "%ff%fe", "9" * 4000, "-1", "0", "null",
          "http://evil.test", "127.0.0.1:1", "a=b; session-80=x", "x" * 9000, "\t",
          "%0d%0aSet-Cookie:%20a=b", "%F0%9F%A9%BA.png", "chunked", "bytes=0-1")
BODIES = (b"", b"{}", b"[]", b'{"marks": 3, "refused": []}', b"[" * 50_000, b"\0" * 99,
          b'{"marks": ["x"], "refused": [{"name": 1, "error": []}]}', b"\xff\xfe")


def prepare(folder, rng):
    """Says which files the next client uploads, and in which order it asks."""
    answers.clear()
    _plan.update(folder=pathlib.Path(folder), rng=random.Random(rng.random()))


def served(server, sockets=None):
    """Stands for `uvicorn.Server.run`: one client instead of all."""
    from fastapi import testclient

    for listening in sockets or ():
        listening.close()
    folder, rng = _plan["folder"], _plan["rng"]
    # One event loop for all requests.
    with testclient.TestClient(
            server.config.app, base_url="http://127.0.0.1:7860",
            raise_server_exceptions=True) as client:
        _ask(client, folder, rng)


def _ask(client, folder, rng):
    """Uploads the files of a folder, with odd questions between them."""
    paths = sorted(path for place in ("neg", "pos", "dicom")
                   for path in (folder / place).rglob("*") if path.is_file())
    for path in paths:
        if path.stat().st_size > 1 << 24:
            continue
        reply = client.post("/score", content=path.read_bytes(), headers={
            "X-Name": urllib.parse.quote(os.fsencode(path.name))})
        _check(reply)
        if reply.status_code == 200:
            answers[str(path.relative_to(folder))] = str(reply.json()["score"])
        if rng.random() < 0.5:
            _check(_odd(client, rng))


def _odd(client, rng):
    """A question that the page never asks."""
    headers = {rng.choice(HEADERS): rng.choice(VALUES)
               for _ in range(rng.randrange(3))}
    return client.request(
        rng.choice(METHODS), rng.choice(PLACES), headers=headers,
        content=rng.choice(BODIES), follow_redirects=False)


def _check(reply):
    assert reply.status_code < 500 or reply.status_code in (503, 507), (
        reply.request.method, str(reply.request.url)[:100], reply.status_code,
        reply.text[:200])
    assert reply.headers["content-security-policy"]
