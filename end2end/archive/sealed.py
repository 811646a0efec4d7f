"""What an archive keeps of its women between two calls, readable with its key alone.

Which images are of one woman can only be told once all of them are known, from numbers,
names and dates that no output may hold. So they are kept encrypted: with the output of
SHAKE256 from key and nonce, and a keyed hash that shows any change.
"""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

NONCE_BYTES = 16
MARK_BYTES = 32


def seal(value: object, key: bytes) -> str:
    """A value that JSON can hold as text that nobody reads without the key."""
    text = json.dumps(value).encode()
    nonce = secrets.token_bytes(NONCE_BYTES)
    hidden = _with_stream(text, nonce, key)
    mark = hmac.digest(key, nonce + hidden, "sha256")
    return base64.b64encode(nonce + mark + hidden).decode()


def unseal(text: str, key: bytes) -> Any:
    """The value that `seal` took.

    Raises:
        ValueError: the text was changed, or sealed with another key.
    """
    data = base64.b64decode(text, validate=True)
    nonce, mark = data[:NONCE_BYTES], data[NONCE_BYTES:NONCE_BYTES + MARK_BYTES]
    hidden = data[NONCE_BYTES + MARK_BYTES:]
    if not hmac.compare_digest(mark, hmac.digest(key, nonce + hidden, "sha256")):
        raise ValueError("sealed with another key, or changed")
    return json.loads(_with_stream(hidden, nonce, key))


def mark(value: object, key: bytes) -> str:
    """A text that is equal for equal values and tells nothing else."""
    return hmac.digest(key, json.dumps(value).encode(), "sha256").hex()


def _with_stream(data, nonce, key):
    stream = hashlib.shake_256(b"end2end sealed" + key + nonce).digest(len(data))
    return bytes(a ^ b for a, b in zip(data, stream, strict=True))
