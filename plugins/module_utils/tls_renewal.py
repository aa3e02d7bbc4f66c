"""Renew, check and install the certificates of this server; run every hour, and by the role when something changes.

It changes nothing where nothing is due. What goes wrong with one certificate keeps no other one from its turn.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from .tls_acme import Authority, RateLimited, preflight
from .tls_certificate import Certificate, Refused, check, date, is_trusted, read_certificate, self_signed
from .tls_schedule import DAY, moment, renewal_time, retry_time, window_time

HOME = Path("/var/lib/tls")
SETTINGS = Path("/etc/tls/certificates.json")
# There while the role waits for a run: it has changed something, so what is put off is tried at once.
PENDING = Path("/run/foobar.webstack/tls")
# Below it a certificate that somebody has to replace by hand is a failure.
LAST_DAYS = 7
# Time that a web server gets to serve what it has been told to, in seconds.
PATIENCE = 10
FAILURES = (Refused, OSError, ValueError, LookupError, subprocess.SubprocessError)


@dataclass(frozen=True)
class Wanted:
    """A certificate as it should be."""

    name: str
    domains: list[str]
    provider: str
    key_type: str
    profile: str


@dataclass(frozen=True)
class Settings:
    """What the role has written."""

    path: Path
    group: str
    home: Path
    served_at: str
    reload_command: str
    preflight: bool
    prune: bool
    authority: Authority
    certificates: list[Wanted]

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read the settings."""
        told = json.loads(path.read_text())
        made = {
            "authority": Authority(**told["authority"]),
            "certificates": [Wanted(**entry) for entry in told["certificates"]],
        }
        return cls(**{**told, **{key: Path(told[key]) for key in ("path", "home")}, **made})


@dataclass
class State:
    """What is known of a certificate from run to run; times are seconds since the epoch, 0 being none."""

    ordered: dict[str, Any] = field(default_factory=dict)
    failures: int = 0
    retry_at: float = 0
    blocked_until: float = 0
    error: str = ""
    window: list[float] = field(default_factory=list)
    window_of: str = ""
    ask_at: float = 0

    @classmethod
    def read(cls, path: Path) -> State:
        """Read what the last run has left; where that is nothing or broken, begin anew."""
        known = {entry.name for entry in fields(cls)}
        try:
            return cls(**{key: value for key, value in json.loads(path.read_text()).items() if key in known})
        except (FileNotFoundError, ValueError, AttributeError):
            return cls()


def replace(path: Path, content: str, group: str | None = None) -> None:
    """Put a file in the place of another, for root and a group to read; whoever reads sees one of the two, whole."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if group is not None:
        shutil.chown(new, group=group)
        new.chmod(0o640)
    new.replace(path)


def run(command: str) -> None:
    """Run a command of the settings, if there is one; raise Refused with its last words."""
    if not command:
        return
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        # systemctl's last line says where more is to be found.
        words = [line for line in lines if not line.startswith("See ")] or [f"status {done.returncode}"]
        raise Refused(f"{command} failed: {words[-1].rstrip('.')}")


def served(address: str, name: str) -> bytes:
    """Return the certificate that a visitor gets who asks for a name at an address, which is host:port."""
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host.strip("[]"), int(port)), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname=name) as session,
    ):
        return session.getpeercert(binary_form=True) or b""


class Renewal:
    """One run over the certificates of this server."""

    def __init__(self, settings: Settings, is_asked_for: bool = False) -> None:
        """Take the settings, and whether somebody waits for it, so that nothing is put off."""
        self.settings, self.is_asked_for = settings, is_asked_for

    def run(self) -> int:
        """Look after each certificate; return 1 where something failed, which is printed and kept for the role."""
        self.place_holders()
        failed = self.settings.home / "failed"
        names = {wanted.name for wanted in self.settings.certificates}
        for wanted in self.settings.certificates:
            sentences = self.look_after(wanted)
            for sentence in sentences:
                print(f"{sentence}.", file=sys.stderr)
            if sentences:
                replace(failed / wanted.name, "".join(f"{sentence}.\n" for sentence in sentences))
            else:
                (failed / wanted.name).unlink(missing_ok=True)
        for stale in {path.name for path in failed.iterdir()} - names:
            (failed / stale).unlink()
        for stale in {path.stem for path in (self.settings.home / "state").glob("*.json")} - names:
            self.prune(stale)
        return 1 if any(failed.iterdir()) else 0

    def place_holders(self) -> None:
        """Give each certificate that is missing one of its own, as a web server would not start without."""
        own = (self.settings.home / name for name in ("failed", "files", "state"))
        for path in (self.settings.path, *own, Path(self.settings.authority.webroot)):
            path.mkdir(parents=True, exist_ok=True)
        shutil.chown(self.settings.path, group=self.settings.group)
        self.settings.path.chmod(0o750)
        for wanted in self.settings.certificates:
            if not self.pem(wanted).exists():
                replace(self.pem(wanted), self_signed(wanted.domains), self.settings.group)

    def look_after(self, wanted: Wanted) -> list[str]:
        """Get, install and watch a certificate; return a sentence for each thing that failed."""
        sentences = []
        for step in (self.obtain, self.install, self.watch):
            try:
                step(wanted)
            except FAILURES as error:
                sentences.append(f"{wanted.name}: {str(error).rstrip('.') or type(error).__name__}")
        return list(dict.fromkeys(sentences))

    def pem(self, wanted: Wanted) -> Path:
        """Return the path of the file that is served."""
        return self.settings.path / f"{wanted.name}.pem"

    def state_path(self, name: str) -> Path:
        """Return where is written down what is known of a certificate."""
        return self.settings.home / "state" / f"{name}.json"

    def save(self, name: str, state: State) -> None:
        """Write down what is known of a certificate."""
        replace(self.state_path(name), json.dumps(asdict(state)))

    def obtain(self, wanted: Wanted) -> None:
        """Get a certificate that is due."""
        state = State.read(self.state_path(wanted.name))
        if wanted.provider == "acme":
            self.order(wanted, state)
        elif wanted.provider == "self_signed" and self.due(wanted, self.held(wanted, state), state):
            replace(self.source(wanted), self_signed(wanted.domains))
            self.save(wanted.name, State(ordered=self.terms(wanted)))
        elif wanted.provider == "files" and not self.state_path(wanted.name).exists():
            # So that it is known to be ours once it is no longer listed.
            self.save(wanted.name, State())

    def source(self, wanted: Wanted) -> Path:
        """Return where a certificate lies that doesn't come from a CA."""
        return self.settings.home / "files" / f"{wanted.name}.pem"

    def candidate(self, wanted: Wanted, state: State) -> str:
        """Return the certificate, with chain and key, that should be served, or nothing while there is none."""
        if wanted.provider == "acme":
            return self.settings.authority.lineage(wanted.name) if state.ordered.get("provider") == "acme" else ""
        return self.source(wanted).read_text() if self.source(wanted).exists() else ""

    def held(self, wanted: Wanted, state: State) -> Certificate | None:
        """Return the certificate that was got last, or None where there is none or it can't be read."""
        with suppress(Refused):
            return read_certificate(self.candidate(wanted, state))
        return None

    def terms(self, wanted: Wanted) -> dict[str, Any]:
        """Return what a certificate is ordered with; another one is due where any of it has changed."""
        return {**asdict(wanted), "domains": sorted(wanted.domains), "directory": self.settings.authority.directory}

    def due(self, wanted: Wanted, held: Certificate | None, state: State) -> str:
        """Return why a certificate has to be got anew, or nothing."""
        if not held or not state.ordered:
            return "there is none yet"
        if changed := [key for key, value in self.terms(wanted).items() if state.ordered.get(key) != value]:
            return f"{', '.join(changed)} changed"
        if time.time() >= renewal_time(held.not_before, held.not_after):
            return f"it expires on {date(held.not_after)}"
        if wanted.provider == "acme" and self.is_wanted_by_ca(wanted.name, held, state):
            return "the CA asks for it"
        return ""

    def is_wanted_by_ca(self, name: str, held: Certificate, state: State) -> bool:
        """Tell whether the CA wants a certificate to be renewed by now; it is asked as often as it asks to be."""
        now = time.time()
        if now >= state.ask_at or state.window_of != held.serial:
            window, seconds = self.settings.authority.renewal_window(held)
            # What it said before holds while it does not answer.
            kept = state.window if state.window_of == held.serial else []
            state.window, state.window_of, state.ask_at = list(window or kept), held.serial, now + seconds
            self.save(name, state)
        return bool(state.window) and now >= window_time(state.window[0], state.window[1], held.serial)

    def order(self, wanted: Wanted, state: State) -> None:
        """Order a certificate that is due, unless that has just failed; raise Refused where none was issued."""
        held, now = self.held(wanted, state), time.time()
        reason = self.due(wanted, held, state)
        if not reason:
            return
        # What the CA itself has said counts even where somebody waits.
        until = max(state.blocked_until, 0 if self.is_asked_for else state.retry_at)
        if now < until:
            raise Refused(f"{state.error}; it is tried again after {moment(until)}")
        authority = self.settings.authority
        mistakes = preflight(wanted.domains, authority.webroot) if self.settings.preflight else []
        if mistakes:
            # Nothing was asked of the CA, so there is nothing to put off either.
            raise Refused("; ".join(mistakes))
        print(f"{wanted.name}: ordering a certificate, as {reason}.", flush=True)
        try:
            authority.order(wanted.name, wanted.domains, wanted.key_type, wanted.profile)
            check(authority.lineage(wanted.name), wanted.domains)
        except Refused as refused:
            state.failures, state.error = state.failures + 1, str(refused)
            state.retry_at = retry_time(now, state.failures, held.not_after if held else 0)
            state.blocked_until = refused.until if isinstance(refused, RateLimited) else 0
            self.save(wanted.name, state)
            raise
        self.save(wanted.name, State(ordered=self.terms(wanted)))

    def install(self, wanted: Wanted) -> None:
        """Serve the certificate that should be served; where that fails, the old one is served on."""
        state = State.read(self.state_path(wanted.name))
        new, path = self.candidate(wanted, state), self.pem(wanted)
        old = path.read_text()
        if not new or new == old:
            return
        # While an order for other names fails, the certificate of before is as good as it was.
        check(new, state.ordered["domains"] if wanted.provider == "acme" else wanted.domains)
        replace(path, new, self.settings.group)
        try:
            self.take_up(wanted)
        except FAILURES:
            replace(path, old, self.settings.group)
            with suppress(*FAILURES):
                run(self.settings.reload_command)
            raise
        print(f"{wanted.name}: installed a certificate until {date(read_certificate(new).not_after)}.", flush=True)

    def take_up(self, wanted: Wanted) -> None:
        """Have the web server serve what is in the file."""
        run(self.settings.reload_command)
        deadline = time.monotonic() + PATIENCE
        while mistake := self.unserved(wanted):
            if time.monotonic() > deadline:
                raise Refused(mistake)
            time.sleep(0.2)

    def unserved(self, wanted: Wanted) -> str:
        """Return in which way the certificate in the file is not the one that visitors get, or nothing."""
        if not self.settings.served_at:
            return ""
        there = read_certificate(self.pem(wanted).read_text()).der
        for domain in (domain for domain in wanted.domains if not domain.startswith("*")):
            try:
                if served(self.settings.served_at, domain) != there:
                    return f"another certificate than that of {self.pem(wanted)} is served for {domain}"
            except OSError as error:
                return f"nothing serves {domain} at {self.settings.served_at}: {error.strerror or error}"
        return ""

    def watch(self, wanted: Wanted) -> None:
        """See that visitors get what is in the file, whoever missed a reload; set the switch where they trust it."""
        if self.unserved(wanted):
            self.take_up(wanted)
        pem, switch = self.pem(wanted).read_text(), self.settings.path / f"{wanted.name}.trusted"
        if wanted.provider != "self_signed" and is_trusted(pem):
            switch.touch(mode=0o644)
        else:
            switch.unlink(missing_ok=True)
        if wanted.provider == "files":
            self.warn(wanted, read_certificate(pem))

    def warn(self, wanted: Wanted, found: Certificate) -> None:
        """Tell that somebody has to bring a new certificate; raise Refused in its last days."""
        sentence = f"its certificate expires on {date(found.not_after)}; put a new one into tls_certificates"
        if found.not_after - time.time() < LAST_DAYS * DAY:
            raise Refused(sentence)
        if time.time() >= renewal_time(found.not_before, found.not_after):
            print(f"{wanted.name}: {sentence}.", file=sys.stderr)

    def prune(self, name: str) -> None:
        """Remove a certificate that is no longer listed, where that is wanted; it is renewed no longer in any case."""
        if not self.settings.prune:
            return
        for suffix in ("trusted", "pem"):
            (self.settings.path / f"{name}.{suffix}").unlink(missing_ok=True)
        (self.settings.home / "files" / f"{name}.pem").unlink(missing_ok=True)
        self.settings.authority.forget(name)
        self.state_path(name).unlink()


def main() -> int:
    """Run for all certificates, or only make the place holders that are missing."""
    os.umask(0o022)
    settings = Settings.read(SETTINGS)
    if sys.argv[1:] == ["place-holders"]:
        Renewal(settings).place_holders()
        return 0
    is_asked_for = PENDING.exists()
    PENDING.unlink(missing_ok=True)
    return Renewal(settings, is_asked_for).run()


if __name__ == "__main__":
    sys.exit(main())
