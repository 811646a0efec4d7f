"""Pseudonyms of patients and exams, in place of the numbers in DICOM files.

A pseudonym is a keyed, slow hash (scrypt) of the number. The same key gives the same
names in every run and on every computer; without the key, numbers cannot be found by
trying them, and with it each try takes about 40 ms.
"""

import base64
import contextlib
import hashlib
import os
import pathlib
import re
import secrets

from end2end.utils import commands, files

# Colin Percival's parameters for interactive use (Stronger key derivation via
# sequential memory-hard functions, 2009).
SCRYPT = dict(n=1 << 14, r=8, p=1)
# Ten letters of base 32 are 50 bits: of a million patients two share a name with a
# probability of 1 in 2,000.
LETTERS = 10
KEY_BYTES = 32
UID = re.compile(r"\d+(?:\.\d+){3,}")


class Pseudonyms:
    """Names such as `patient 7q2mfkzt4a`, the same wherever the key is the same.

    Args:
        key: at least `KEY_BYTES` secret bytes.
        keep_ids: hand numbers through unchanged.
    """

    def __init__(self, key: bytes, *, keep_ids: bool = False) -> None:
        self.keep_ids = keep_ids
        self._key = key
        self._names: dict[tuple[str, str], str] = {}

    def __call__(self, patient: str) -> str:
        """The pseudonym of a patient's number; empty where that is unknown."""
        return self._name("patient", patient)

    def exam(self, exam: str) -> str:
        """The pseudonym of an exam's identifier; empty where that is unknown.

        With `keep_ids` a StudyInstanceUID stays, but not the number of an order.
        """
        if self.keep_ids and UID.fullmatch(exam):
            return exam
        return self._name("exam", exam)

    def _name(self, kind: str, text: str) -> str:
        if not text or self.keep_ids and kind == "patient":
            return text or ""
        if (kind, text) not in self._names:
            self._names[kind, text] = f"{kind} {mark(text, self._key)}"
        return self._names[kind, text]


def mark(text: str, key: bytes) -> str:
    """`LETTERS` lower-case letters and digits that stand for a text."""
    digest = hashlib.scrypt(
        text.encode("utf-8", "replace"), salt=key, dklen=KEY_BYTES, **SCRYPT)
    return base64.b32encode(digest).decode()[:LETTERS].lower()


def new_key() -> bytes:
    """A random key."""
    return secrets.token_bytes(KEY_BYTES)


def fingerprint(key: bytes) -> str:
    """What tells keys apart and gives none away, hexadecimal."""
    return hashlib.sha256(b"end2end pseudonym key" + key).hexdigest()[:16]


def key_of_file(path: files.Path) -> bytes:
    """The key of `--pseudonym-key FILE`; a missing file is made, and that is said.

    Raises:
        files.InputError: others may read the file, or it holds less than `KEY_BYTES`.
    """
    path = pathlib.Path(path)
    if not path.exists():
        _make(path)
    path = files.existing_file(path, "pseudonym key")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise files.InputError(
            f"pseudonym key {path} can be read by others; a key is secret. Correct it: "
            f"chmod 600 {path}.")
    key = path.read_bytes().strip()
    if len(key) < KEY_BYTES:
        raise files.InputError(
            f"pseudonym key {path} has {len(key)} bytes; expected at least "
            f"{KEY_BYTES}. Name a file that does not exist, and a key is made.")
    return key


def _make(path: pathlib.Path) -> None:
    files.writable_folder(path.parent, "folder of the pseudonym key")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"{new_key().hex()}\n")
    try:
        # Unlike a move, a link does not replace the key of a call at the same time.
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    except OSError:  # a file system without links
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    commands.say(f"new pseudonym key in {path}; keep it secret, and apart from the "
                 "results: calls with the same key give the same pseudonyms")
