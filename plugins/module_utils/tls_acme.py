"""What is done with an ACME CA: order a certificate, and ask when to renew it and what it calls itself."""

from __future__ import annotations

import calendar
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import time
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .tls_certificate import Certificate, Refused
from .tls_schedule import HOUR, renewal_id

# Longest time that an order may take; DNS plugins wait for name servers.
ORDER_TIMEOUT = 900
# What certbot says before an error that it has no words of its own for.
UNEXPECTED = "An unexpected error occurred:"
# Kinds of errors, by which certbot's log names what it tells in words of the CA's own only.
NO_ACCOUNT, LIMITED = "acme:error:accountDoesNotExist", "acme:error:rateLimited"


class NoAccount(Refused):
    """The CA does not know the account that it was asked by."""


class RateLimited(Refused):
    """The CA takes no order of this kind before a time, which is `until`."""

    def __init__(self, sentence: str, until: float) -> None:
        """Take the sentence and the time."""
        super().__init__(sentence)
        self.until = until


@dataclass(frozen=True)
class Authority:
    """An ACME CA and how a site is shown to be ours; paths are those of this server."""

    directory: str
    ca_bundle: str
    challenge: str
    webroot: str
    settings: str
    # Of certificates that another CA issues, whom the account and the bundle are none of.
    other_settings: str
    home: str
    environment: dict[str, str]

    def at(self, directory: str) -> Authority:
        """Return the CA at an address, which may be this one."""
        if directory == self.directory:
            return self
        return replace(self, directory=directory, ca_bundle="", settings=self.other_settings)

    def lineage(self, name: str) -> str:
        """Return the certificate, chain and key that certbot has last got under a name, or nothing."""
        folder = Path(self.home, "live", name)
        try:
            return (folder / "fullchain.pem").read_text() + (folder / "privkey.pem").read_text()
        except FileNotFoundError:
            return ""

    def forget(self, name: str) -> None:
        """Remove what certbot keeps of a certificate that nobody wants any longer."""
        for folder in ("live", "archive"):
            shutil.rmtree(Path(self.home, folder, name), ignore_errors=True)
        Path(self.home, "renewal", f"{name}.conf").unlink(missing_ok=True)

    def order(self, name: str, domains: list[str], key_type: str, profile: str) -> None:
        """Have certbot fetch a certificate; raise Refused with the CA's words where it gets none."""
        try:
            self.certbot(name, domains, key_type, profile)
        except NoAccount:
            # The CA has lost it, or is a new one at the old address; certbot would never register again.
            shutil.rmtree(Path(self.home, "accounts", urlsplit(self.directory).netloc), ignore_errors=True)
            self.certbot(name, domains, key_type, profile)

    def certbot(self, name: str, domains: list[str], key_type: str, profile: str) -> None:
        """Run certbot once. Secrets are in its settings, as command lines are everybody's to read."""
        folders = ("--config-dir", self.home, "--work-dir", f"{self.home}/work", "--logs-dir", f"{self.home}/log")
        command = ["certbot", "certonly", "--non-interactive", "--config", self.settings, *folders]
        command += ["--server", self.directory]
        # Whether it is due is not for certbot to judge.
        command += ["--max-log-backups", "20", "--force-renewal", "--renew-with-new-domains"]
        command += ["--cert-name", name, "--key-type", key_type, *(["--required-profile", profile] if profile else [])]
        command += [f"--domain={domain}" for domain in domains]
        environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", ""), "HOME": self.home, **self.environment}
        environment |= {"REQUESTS_CA_BUNDLE": self.ca_bundle} if self.ca_bundle else {}
        Path(self.home).mkdir(mode=0o700, parents=True, exist_ok=True)
        log = Path(self.home, "log/letsencrypt.log")
        before = log.stat().st_mtime_ns if log.exists() else 0
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, timeout=ORDER_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise Refused(f"certbot got nothing from {self.directory} within {ORDER_TIMEOUT // 60} minutes") from None
        except FileNotFoundError:
            raise Refused("certbot is not installed on this server") from None
        if done.returncode != 0:
            # One that fails early leaves the log of another run, which says nothing of this one.
            is_new = log.exists() and log.stat().st_mtime_ns != before
            raise refusal(done.stdout + done.stderr, log.read_text(errors="replace") if is_new else "")

    def identities(self) -> list[str]:
        """Return the names by which CAA records let the CA issue; none where it does not say them, or is down."""
        try:
            told = self.get(self.directory)[0].get("meta", {}).get("caaIdentities", [])
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return []
        return [name.lower() for name in told if isinstance(name, str)] if isinstance(told, list) else []

    def renewal_window(self, certificate: Certificate) -> tuple[tuple[float, float] | None, float]:
        """Return when the CA wants a certificate renewed, if it says so, and seconds after which to ask again."""
        try:
            directory, _ = self.get(self.directory)
            if "renewalInfo" not in directory or not certificate.authority_key_id:
                return None, 24 * HOUR
            number = renewal_id(certificate.authority_key_id, certificate.serial)
            told, retry_after = self.get(f"{directory['renewalInfo'].rstrip('/')}/{number}")
            start, end = (parsed(told["suggestedWindow"][key]) for key in ("start", "end"))
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            # Its life alone decides then.
            return None, 6 * HOUR
        # A CA that says nothing, or nonsense, is asked four times a day, and never more often than once a minute.
        return (start, end), min(max(retry_after or 6 * HOUR, 60), 24 * HOUR)

    def get(self, url: str) -> tuple[Any, float]:
        """Return what is at a URL, which is JSON, and the seconds of its Retry-After."""
        if not url.startswith("https://"):
            raise ValueError(f"{url} is no address of a CA")
        context = ssl.create_default_context(cafile=self.ca_bundle or None)
        with urllib.request.urlopen(url, timeout=20, context=context) as answer:
            after = answer.headers.get("Retry-After", "")
            return json.load(answer), float(after) if after.isdecimal() else 0


def parsed(text: str) -> float:
    """Return the seconds since the epoch of a time as CAs write it, in UTC; fractions are left out."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def refusal(said: str, log: str) -> Refused:
    """Return what the CA, or certbot itself, complains of, by what certbot has said and written into its log."""
    failed = re.findall(r"Domain: *(\S+)\s+Type: *\S+\s+Detail: *(.+)", said)
    lines = [line.strip() for line in said.splitlines()]
    words = [line for line in lines if line and not re.match(r"Saving debug log|Ask for help|See the log|- - -", line)]
    # certbot 2.1 may stumble over the CA's error itself, and then only its log has that.
    after = re.findall(r"^acme\.messages\.Error: urn:\S+ :: .*? :: (.+)$", log, re.MULTILINE)[-1:]
    after += words[words.index(UNEXPECTED) + 1 :] if UNEXPECTED in words else []
    text = "; ".join(f"{domain}: {detail}" for domain, detail in failed) or (after[:1] or words[-1:] or ["nothing"])[0]
    sentence = f"no certificate was issued: {text.rstrip('. ')}"
    if NO_ACCOUNT in log:
        return NoAccount(sentence)
    seconds = re.search(r"^HTTP 429$.*?^Retry-After: (\d+)$", log, re.DOTALL | re.MULTILINE)
    if LIMITED in log and seconds:
        return RateLimited(sentence, time.time() + int(seconds[1]))
    return Refused(sentence)
