"""Fingerprints by which a server knows its applications' secrets again, without being able to tell them.

A fingerprint is salted and slow to compute, so that who reads it can't try many values: some 50 ms and 16 MiB. One
over all secrets together answers for the usual case, whatever their number.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

# {salt, digest} in hexadecimal digits
Fingerprint = dict[str, str]

# scrypt's cost, block size and parallelism.
COST = {"n": 2**14, "r": 8, "p": 1}
# Below the server's root.
STORE = "var/lib/foobar.webstack/secrets.json"
# A shorter value than this may stand in another one by chance.
TELLING = 8


def digest(text: str, salt: str) -> str:
    """Return the slow hash of a text, in hexadecimal digits; the salt is given in such."""
    return hashlib.scrypt(text.encode(), salt=bytes.fromhex(salt), **COST).hex()


def fingerprint(text: str) -> Fingerprint:
    """Return a fingerprint of a text, with a salt of its own."""
    salt = os.urandom(16).hex()
    return {"salt": salt, "digest": digest(text, salt)}


def matches(text: str, known: Fingerprint) -> bool:
    """Tell whether a fingerprint is that of a text."""
    return hmac.compare_digest(digest(text, known["salt"]), known["digest"])


@cache
def forms(value: str) -> set[str]:
    """Return how a secret may stand in a text: as it is or encoded."""
    return {value, quote(value, safe=""), quote_plus(value), base64.b64encode(value.encode()).decode()}


def stands_in(value: str, text: str) -> bool:
    """Tell whether a secret stands in a text, such as an address with a password."""
    return any(
        form in text and (len(form) >= TELLING or re.search(rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])", text))
        for form in forms(value)
    )


class Fingerprints:
    """The fingerprints of one server.

    In the file: {"secrets": {name: fingerprint}, "together": {"names": [...], "salt": ..., "digest": ...}}, where the
    latter is the fingerprint of all values of these names at once.
    """

    def __init__(self, file: Path) -> None:
        """Read them; where there is no file, there are none. Raises ValueError where it is damaged."""
        self.file = file
        self.secrets: dict[str, Fingerprint] = {}
        self.together: dict[str, Any] = {"names": []}
        if file.exists():
            try:
                kept = json.loads(file.read_text())
                self.secrets = {name: dict(kept["secrets"][name]) for name in kept["secrets"]}
                self.together = {**self.together, **kept["together"]}
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{file} is damaged: remove it, and the next run writes it anew.") from error

    def known(self, values: dict[str, str]) -> set[str]:
        """Return the names of those secrets whose values are the server's, by as few slow hashes as can be."""
        names: list[str] = self.together["names"]
        known = set[str]()
        if names and set(names) <= set(values) and matches(joined(names, values), self.together):
            known = set(names)
        return known | {
            name
            for name, value in values.items()
            if name not in known and name in self.secrets and matches(value, self.secrets[name])
        }

    def replaces(self, value: str, old: str) -> bool:
        """Tell whether a value may take the place of an old one, so that no other controller's does.

        It is the server's, or neither is a secret that the server knows of.
        """
        known = list(self.secrets.values())
        return any(matches(value, one) for one in known) or not any(matches(old, one) for one in known)

    def is_complete(self, names: Iterable[str]) -> bool:
        """Tell whether one slow hash is enough to know all of these secrets again."""
        return set(names) == set(self.together["names"])

    def replace(self, values: dict[str, str], known: set[str]) -> None:
        """Take over the values; those of the known ones among them have their fingerprints already."""
        self.secrets |= {name: fingerprint(value) for name, value in values.items() if name not in known}
        names = sorted(values)
        self.together = {"names": names, **(fingerprint(joined(names, values)) if names else {})}

    def write(self) -> None:
        """Write them in one rename, for root alone."""
        for folder in reversed(self.file.parents):
            if not folder.exists():
                folder.mkdir()
                folder.chmod(0o755)
        part = self.file.with_name(f"{self.file.name}.part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(json.dumps({"secrets": self.secrets, "together": self.together}, sort_keys=True))
        part.replace(self.file)


def joined(names: list[str], values: dict[str, str]) -> str:
    """Return all values in one text."""
    return json.dumps([[name, values[name]] for name in names])
