"""A certificate in a PEM file with its chain and key: what is in it, and whether it may be served.

openssl alone is asked; it is on every server that has certificates, and Python's own library reads no keys.
"""

from __future__ import annotations

import re
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
EXTENSIONS = "subjectAltName,authorityKeyIdentifier"
# Seconds by which a CA's clock may be ahead of this server's.
CLOCK_SKEW = 60
# Its root is in nobody's browser, whatever this system trusts.
STAGING = "(STAGING)"


class Refused(Exception):
    """Something can't be done or used; the text is a sentence without its full stop."""


@dataclass(frozen=True)
class Certificate:
    """The first certificate of a PEM file; times are seconds since the epoch, numbers hexadecimal."""

    der: bytes
    serial: str
    issuer: str
    not_before: float
    not_after: float
    names: tuple[str, ...]
    authority_key_id: str


def openssl(*arguments: str, pem: str = "") -> str:
    """Return what a command of openssl prints about a PEM text; raise Refused with its first complaint."""
    done = subprocess.run(["openssl", *arguments], input=pem, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise Refused(f"openssl {arguments[0]} says: {(done.stderr or done.stdout).strip().splitlines()[0]}")
    return done.stdout


@lru_cache
def read_certificate(pem: str) -> Certificate:
    """Return the first certificate of a PEM text; raise Refused where there is none."""
    first = CERTIFICATE.search(pem)
    if not first:
        raise Refused("there is no certificate in the file")
    shown = openssl("x509", "-noout", "-serial", "-issuer", "-dates", "-ext", EXTENSIONS, pem=first[0])
    found = dict(re.findall(r"^(\w+)=(.*)$", shown, re.MULTILINE))
    key_id = re.search(r"Authority Key Identifier:\s+(?:keyid:)?([0-9A-F:]+)", shown)
    return Certificate(
        der=ssl.PEM_cert_to_DER_cert(first[0]),
        serial=found["serial"],
        issuer=found["issuer"],
        not_before=ssl.cert_time_to_seconds(found["notBefore"]),
        not_after=ssl.cert_time_to_seconds(found["notAfter"]),
        names=tuple(name.lower() for name in re.findall(r"\bDNS:([^,\s]+)", shown)),
        authority_key_id=key_id[1].replace(":", "") if key_id else "",
    )


def covers(names: tuple[str, ...], domain: str) -> bool:
    """Tell whether a certificate with these names is one for a domain; a wildcard stands for one label."""
    return domain in names or f"*.{domain.partition('.')[2]}" in names


@lru_cache
def has_its_key(pem: str) -> bool:
    """Tell whether the key in a PEM text is that of its certificate; raise Refused where there is none."""
    return openssl("pkey", "-pubout", pem=pem) == openssl("x509", "-noout", "-pubkey", pem=pem)


def check(pem: str, domains: list[str]) -> Certificate:
    """Return the certificate of a PEM text that may be served; raise Refused with what is wrong with it.

    nginx itself takes an expired certificate, and a key of another kind than the certificate's.
    """
    found = read_certificate(pem)
    if not has_its_key(pem):
        raise Refused("the private key is not that of the certificate")
    if missing := [domain for domain in domains if not covers(found.names, domain)]:
        raise Refused(f"the certificate does not name {', '.join(missing)}")
    now = time.time()
    if found.not_after <= now:
        raise Refused(f"the certificate has expired on {date(found.not_after)}")
    if found.not_before > now + CLOCK_SKEW:
        raise Refused(f"the certificate begins on {date(found.not_before)} only; look at this server's clock")
    chain = CERTIFICATE.findall(pem)
    if not verifies(pem, chain[-1]):
        raise Refused("its certificates do not lead from one to the next: the site's own first, then its issuer's")
    return found


def date(moment: float) -> str:
    """Return a moment's day, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def verifies(pem: str, anchor: str = "") -> bool:
    """Tell whether a chain leads to what this system trusts, or to an anchor alone."""
    with tempfile.TemporaryDirectory() as folder:
        chain, trusted = Path(folder, "chain.pem"), Path(folder, "trusted.pem")
        chain.write_text("\n".join(CERTIFICATE.findall(pem)))
        trusted.write_text(anchor)
        # A certificate that begins in a moment is as good as one that has begun.
        now = ["-attime", str(int(max(time.time(), read_certificate(pem).not_before)))]
        anchored = ["-partial_chain", "-trusted", str(trusted)] if anchor else []
        try:
            openssl("verify", "-purpose", "sslserver", *now, *anchored, "-untrusted", str(chain), str(chain))
        except Refused:
            return False
        return True


def is_trusted(pem: str) -> bool:
    """Tell whether visitors' browsers may be expected to take a certificate: this system does, and it is no test's."""
    try:
        return STAGING not in read_certificate(pem).issuer and verifies(pem)
    except Refused:
        # Nor would anybody take what is no certificate.
        return False


def self_signed(domains: list[str], days: int = 90) -> str:
    """Return a certificate of one's own, and its key, as PEM."""
    names = ",".join(f"DNS:{domain}" for domain in domains)
    # A common name has 64 characters at most, and nobody reads it.
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch"]
    made += ["-days", str(days), "-subj", "/CN=self-signed", "-addext", f"subjectAltName={names}", "-keyout", "-"]
    return openssl(*made)
