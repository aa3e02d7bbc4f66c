"""Renew, check and install the certificates of this server; run every hour, and by the role when something changes.

It changes nothing where nothing is due. What goes wrong with one certificate keeps no other one from its turn.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .tls_acme import RateLimited
from .tls_certificate import Certificate, Refused, check, covers, date, is_trusted, read_certificate, self_signed
from .tls_preflight import Check, Unanswered, Verdict, challenge_folder, look, make_probe, remove_probe
from .tls_schedule import DAY, moment, renewal_time, retry_time, window_time
from .tls_settings import PENDING, REQUEST, SETTINGS, Request, Settings, State, Wanted, replace

# Below it a certificate that somebody has to replace by hand is a failure.
LAST_DAYS = 7
# Time that a web server gets to serve what it has been told to, in seconds.
PATIENCE = 10
FAILURES = (Refused, OSError, ValueError, LookupError, subprocess.SubprocessError)


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
    """Return the certificate that a visitor gets who asks for a name at an address, which is host:port.

    For a wildcard it is asked for some name below it.
    """
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host.strip("[]"), int(port)), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname=name.replace("*", "any", 1)) as session,
    ):
        return session.getpeercert(binary_form=True) or b""


class Renewal:
    """One run over the certificates of this server."""

    def __init__(self, settings: Settings, request: Request | None = None) -> None:
        """Take the settings, and what somebody asks for who waits for it, so that nothing is put off."""
        self.settings, self.request = settings, request

    def run(self) -> int:
        """Look after each certificate; return 1 where something failed, which is printed and kept for the role."""
        held = self.place_holders()
        failed = self.settings.home / "failed"
        names = {wanted.name for wanted in self.settings.certificates}
        for wanted in self.settings.certificates:
            sentences = list(dict.fromkeys([*held[wanted.name], *self.look_after(wanted)]))
            for sentence in sentences:
                print(f"{sentence}.", file=sys.stderr)
            if sentences:
                replace(failed / wanted.name, "".join(f"{sentence}.\n" for sentence in sentences))
            else:
                (failed / wanted.name).unlink(missing_ok=True)
        for stale in {path.name for path in failed.iterdir()} - names:
            (failed / stale).unlink()
        self.prune(names)
        return 1 if any(failed.iterdir()) else 0

    def place_holders(self) -> dict[str, list[str]]:
        """Give each certificate that is missing one of its own, as a web server would not start without.

        Return by name of the certificate a sentence for what failed.
        """
        self.make_folders()
        return {wanted.name: self.tried(wanted, self.hold_place) for wanted in self.settings.certificates}

    def make_folders(self) -> None:
        """Make the folders, and put back what a killed run has taken away and not removed."""
        own = (self.settings.home / name for name in ("failed", "files", "state"))
        for path in (self.settings.path, *own):
            path.mkdir(parents=True, exist_ok=True)
        has_orders = any(wanted.provider == "acme" for wanted in self.settings.certificates)
        if has_orders and self.settings.authority.challenge == "http-01":
            challenge_folder(self.settings.authority.webroot)
        shutil.chown(self.settings.path, group=self.settings.group)
        self.settings.path.chmod(0o750)
        for aside in (self.settings.home / "files").glob(".*.removed"):
            served = self.settings.path / f"{aside.stem.removeprefix('.')}.pem"
            if not served.exists():
                replace(served, aside.read_text(), self.settings.group)
            aside.unlink()

    def hold_place(self, wanted: Wanted) -> None:
        """Make a certificate where there is none; take the switches of names that the one in the file is not for."""
        named: tuple[str, ...] = ()
        if self.pem(wanted).exists():
            with suppress(Refused):
                named = read_certificate(self.pem(wanted).read_text()).names
        # A name that was another certificate's a moment ago would be sent to one that does not name it.
        for host in (host for host in wanted.served if not covers(named, host)):
            self.switch(host).unlink(missing_ok=True)
        if self.pem(wanted).exists():
            return
        state = State.read(self.state_path(wanted.name))
        if state.was_served is None:
            state.was_served = is_visited(wanted)
            self.save(wanted.name, state)
        replace(self.pem(wanted), self_signed(wanted.domains), self.settings.group)

    def look_after(self, wanted: Wanted) -> list[str]:
        """Get, install and watch a certificate; return a sentence for each thing that failed."""
        return self.tried(wanted, self.obtain, self.install, self.watch, self.note_visitors)

    def tried(self, wanted: Wanted, *steps: Callable[[Wanted], None]) -> list[str]:
        """Go through steps for a certificate, whatever becomes of each; return a sentence for each failure."""
        sentences = []
        for step in steps:
            try:
                step(wanted)
            except FAILURES as error:
                text = str(error).rstrip(".") or type(error).__name__
                # What begins with the name of the site, which is that of its certificate, needs it only once.
                is_named = text.startswith((f"{wanted.name} ", f"{wanted.name}:"))
                sentences.append(text if is_named else f"{wanted.name}: {text}")
        return list(dict.fromkeys(sentences))

    def note_visitors(self, wanted: Wanted) -> None:
        """Note that a site without a certificate that is trusted has been there over HTTP, however new it is."""
        state = State.read(self.state_path(wanted.name))
        if state.was_served is False and not state.switches and is_visited(wanted):
            state.was_served = True
            self.save(wanted.name, state)

    def pem(self, wanted: Wanted) -> Path:
        """Return the path of the file that is served."""
        return self.settings.path / f"{wanted.name}.pem"

    def switch(self, host: str) -> Path:
        """Return the path of the file that is there while visitors' browsers trust what is served for a name."""
        return self.settings.path / f"{host}.trusted"

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
            # The key of one that was brought before; the file that is served has it until it is replaced.
            self.source(wanted).unlink(missing_ok=True)
            self.order(wanted, state)
        elif wanted.provider == "self_signed" and self.due(wanted, self.held(wanted, state), state):
            replace(self.source(wanted), self_signed(wanted.domains))
            self.save(wanted.name, succeeded(state, self.terms(wanted)))
        elif wanted.provider == "files" and (
            state.ordered.get("provider") == "self_signed" or not self.state_path(wanted.name).exists()
        ):
            # So that it is known to be ours once it is no longer listed, and not to be the server's own.
            state.ordered = {}
            self.save(wanted.name, state)

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
        terms = {**asdict(wanted), "domains": sorted(wanted.domains)}
        del terms["served"]
        return terms

    def due(self, wanted: Wanted, held: Certificate | None, state: State) -> str:
        """Return why a certificate has to be got anew, or nothing; the CA may be asked."""
        if reason := self.overdue(wanted, held, state):
            return reason
        if wanted.provider == "acme" and held and self.is_wanted_by_ca(wanted.name, held, state):
            return "the CA asks for it"
        return ""

    def overdue(self, wanted: Wanted, held: Certificate | None, state: State) -> str:
        """Return why a certificate has to be got anew whatever the CA says, or nothing."""
        if not held or not state.ordered:
            return "there is none yet"
        if changed := [key for key, value in self.terms(wanted).items() if state.ordered.get(key) != value]:
            return f"{', '.join(changed)} changed"
        if time.time() >= renewal_time(held.not_before, held.not_after):
            return f"it expires on {date(held.not_after)}"
        return ""

    def is_wanted_by_ca(self, name: str, held: Certificate, state: State) -> bool:
        """Tell whether the CA wants a certificate to be renewed by now; it is asked as often as it asks to be."""
        now = time.time()
        if now >= state.ask_at or state.window_of != held.serial:
            window, seconds = self.settings.authority.at(state.ordered["directory"]).renewal_window(held)
            # What it said before holds while it does not answer.
            kept = state.window if state.window_of == held.serial else []
            state.window, state.window_of, state.ask_at = list(window or kept), held.serial, now + seconds
            self.save(name, state)
        return bool(state.window) and now >= window_time(state.window[0], state.window[1], held.serial)

    def put_off_until(self, wanted: Wanted, state: State) -> float:
        """Return when an order may be tried again; what the CA itself has said counts even where somebody waits."""
        if state.failed_order != asked_of(wanted):
            return 0
        return max(state.blocked_until, 0 if self.request else state.retry_at)

    def checks(self) -> dict[str, Check]:
        """Return what has to be looked at before the orders that are due, by certificate; files are put for it.

        Of one for which that fails the unit will tell.
        """
        found = {}
        for wanted in self.settings.certificates if self.settings.preflight else []:
            state = State.read(self.state_path(wanted.name))
            if wanted.provider != "acme" or time.time() < self.put_off_until(wanted, state):
                continue
            # What only the CA wants is left to the unit, which alone notes what the CA says.
            with suppress(*FAILURES):
                held = self.held(wanted, state)
                if self.overdue(wanted, held, state):
                    found[wanted.name] = self.check(wanted, held)
        return found

    def check(self, wanted: Wanted, held: Certificate | None) -> Check:
        """Return what has to be looked at before an order."""
        authority = self.settings.authority.at(wanted.directory)
        # The file last, so that nothing that fails leaves it there.
        identities, renewed = authority.identities(), list(held.names) if held else []
        probe = make_probe(authority.webroot) if authority.challenge == "http-01" else ""
        return Check(wanted.domains, authority.challenge, probe, identities, self.settings.nameservers, renewed)

    def verdict(self, wanted: Wanted, state: State, held: Certificate | None) -> Verdict:
        """Return whether the CA will find what it looks for: by the controller's view, or else by the server's own."""
        if not self.settings.preflight:
            return Verdict([], [])
        told = self.request.verdicts.get(wanted.name) if self.request else None
        if told and (told.mistakes or not told.is_partial):
            return told
        check, reached = self.check(wanted, held), told.reached if told else []
        try:
            found = look(check, sorted({*state.reached, *reached}))
        except Unanswered as unanswered:
            return Verdict([str(unanswered)], reached, is_partial=True)
        finally:
            remove_probe(self.settings.authority.webroot, check.probe)
        return Verdict(found.mistakes, sorted({*found.reached, *reached}))

    def is_ordered_all_the_same(self, wanted: Wanted, held: Certificate | None, verdict: Verdict) -> bool:
        """Tell whether the timer renews what is in use though the CA will hardly find what it looks for.

        It does where no name server was heard, and in the last tenth of the certificate's life, as the look itself may
        be wrong; orders that fail are put off.
        """
        if self.request or not held or not is_trusted(self.pem(wanted).read_text()):
            return False
        last_tenth = held.not_after - (held.not_after - held.not_before) / 10
        return verdict.is_partial or time.time() >= last_tenth

    def order(self, wanted: Wanted, state: State) -> None:
        """Order a certificate that is due, unless that has just failed; raise Refused where none was issued."""
        held, now = self.held(wanted, state), time.time()
        reason = self.due(wanted, held, state)
        if not reason:
            return
        if now < (until := self.put_off_until(wanted, state)):
            raise Refused(f"{state.error}; it is tried again after {moment(until)}")
        verdict = self.verdict(wanted, state, held)
        if set(verdict.reached) - set(state.reached):
            state.reached = sorted({*state.reached, *verdict.reached})
            self.save(wanted.name, state)
        if verdict.mistakes and not self.is_ordered_all_the_same(wanted, held, verdict):
            # Nothing was asked of the CA, so there is nothing to put off either.
            raise Refused("; ".join(verdict.mistakes))
        for mistake in verdict.mistakes:
            print(f"{wanted.name}: {mistake}; a renewal is tried all the same.", file=sys.stderr)
        print(f"{wanted.name}: ordering a certificate, as {reason}.", flush=True)
        authority = self.settings.authority.at(wanted.directory)
        try:
            authority.order(wanted.name, wanted.domains, wanted.key_type, wanted.profile)
            check(authority.lineage(wanted.name), wanted.domains)
        except Refused as refused:
            state.failures, state.error = state.failures + 1, str(refused)
            state.retry_at = retry_time(now, state.failures, held.not_after if held else 0)
            state.blocked_until = refused.until if isinstance(refused, RateLimited) else 0
            state.failed_order = asked_of(wanted)
            self.save(wanted.name, state)
            raise
        is_alone = held is not None and not self.request
        self.save(wanted.name, succeeded(state, self.terms(wanted), is_alone))

    def install(self, wanted: Wanted) -> None:
        """Serve the certificate that should be served; where that fails, the old one is served on."""
        state = State.read(self.state_path(wanted.name))
        new, path = self.candidate(wanted, state), self.pem(wanted)
        old = path.read_text()
        if not new or new == old:
            return
        # While an order for other names fails, the certificate of before is as good as it was.
        check(new, state.ordered["domains"] if wanted.provider == "acme" else wanted.domains)
        source = f"acme {state.ordered['directory']}" if wanted.provider == "acme" else wanted.provider
        # A test CA may take the place of another one; the same one would take visitors from a sound site.
        if state.installed_from == source and is_trusted(old) and not is_trusted(new):
            raise Refused(
                "this system trusts the certificate that is served and not the new one, which is not installed; its "
                "intermediate may be missing"
            )
        replace(path, new, self.settings.group)
        try:
            self.take_up(wanted)
        except FAILURES:
            replace(path, old, self.settings.group)
            with suppress(*FAILURES):
                run(self.settings.reload_command)
            raise
        state.is_proven = state.is_proven or (wanted.provider == "files" and is_trusted(old))
        state.installed_from = source
        self.save(wanted.name, state)
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
        for domain in wanted.served:
            try:
                if served(self.settings.served_at, domain) != there:
                    return f"another certificate than that of {self.pem(wanted)} is served for {domain}"
            except OSError as error:
                return f"nothing serves {domain} at {self.settings.served_at}: {error.strerror or error}"
        return ""

    def watch(self, wanted: Wanted) -> None:
        """See that visitors get what is in the file, whoever missed a reload; set the switches where they trust it."""
        if self.unserved(wanted):
            self.take_up(wanted)
        pem, state = self.pem(wanted).read_text(), State.read(self.state_path(wanted.name))
        found = read_certificate(pem)
        is_sound = wanted.provider != "self_signed" and is_trusted(pem)
        hosts = {host for host in wanted.served if covers(found.names, host)} if is_sound else set()
        self.set_switches(wanted.name, state, hosts)
        # That of another certificate's, which has had the name before.
        for host in set(wanted.served) - hosts:
            self.switch(host).unlink(missing_ok=True)
        if is_sound and (state.is_proven or state.was_served is False):
            (self.settings.path / f"{wanted.name}.hsts").touch(mode=0o644)
        if wanted.provider == "files":
            self.warn(wanted, found, is_sound)

    def set_switches(self, name: str, state: State, hosts: set[str]) -> None:
        """Set the switches of these names, and take those that the certificate has set for others."""
        before = set(state.switches)
        if hosts - before:
            # Noted first, so that a killed run leaves none that nobody knows of.
            state.switches = sorted(before | hosts)
            self.save(name, state)
        for host in hosts:
            self.switch(host).touch(mode=0o644)
        if left := before - hosts:
            for host in left - self.switched_by_others(name):
                self.switch(host).unlink(missing_ok=True)
            state.switches = sorted(hosts)
            self.save(name, state)

    def switched_by_others(self, name: str) -> set[str]:
        """Return the names whose switches other certificates have set, as a name may have gone from one to another."""
        others = (path for path in self.state_path(name).parent.glob("*.json") if path.stem != name)
        return {host for path in others for host in State.read(path).switches}

    def warn(self, wanted: Wanted, found: Certificate, is_sound: bool) -> None:
        """Tell that nobody trusts a certificate, or is to be replaced by somebody; raise Refused in its last days."""
        if not is_sound:
            sentence = "this system does not trust its certificate, so visitors are not redirected to https"
            print(f"{wanted.name}: {sentence}.", file=sys.stderr)
        sentence = f"its certificate expires on {date(found.not_after)}; put a new one into tls_certificates"
        if found.not_after - time.time() < LAST_DAYS * DAY:
            raise Refused(sentence)
        if time.time() >= renewal_time(found.not_before, found.not_after):
            print(f"{wanted.name}: {sentence}.", file=sys.stderr)

    def prune(self, names: set[str]) -> None:
        """Remove certificates that are no longer listed, where that is asked for; they are not renewed in any case."""
        left = self.settings.home / "unlisted"
        stale = {path.stem for path in (self.settings.home / "state").glob("*.json")} - names
        for name in sorted(stale) if self.request and self.request.prune else []:
            try:
                self.remove(name)
                stale.remove(name)
            except FAILURES as error:
                sentence = f"{name}: its files are kept, as {str(error).rstrip('.')}.\n"
                print(sentence, end="", file=sys.stderr)
                replace(self.settings.home / "failed" / name, sentence)
        if stale:
            replace(left, "".join(f"{name}\n" for name in sorted(stale)))
        else:
            left.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove all that belongs to a certificate; raise Refused where the web server can't do without its file."""
        served, aside = self.settings.path / f"{name}.pem", self.settings.home / "files" / f".{name}.removed"
        if served.exists():
            replace(aside, served.read_text())
            served.unlink()
            try:
                run(self.settings.reload_command)
            except FAILURES:
                replace(served, aside.read_text(), self.settings.group)
                aside.unlink()
                with suppress(*FAILURES):
                    run(self.settings.reload_command)
                raise
            aside.unlink()
        self.set_switches(name, State.read(self.state_path(name)), set())
        for left in (f"{name}.hsts", f".{name}.pem.new"):
            (self.settings.path / left).unlink(missing_ok=True)
        (self.settings.home / "files" / f"{name}.pem").unlink(missing_ok=True)
        self.settings.authority.forget(name)
        self.state_path(name).unlink()


def asked_of(wanted: Wanted) -> list[str]:
    """Return of which CA a certificate is wanted, and for which names; what it refuses may hold for these alone."""
    return [wanted.directory, *sorted(wanted.domains)]


def succeeded(state: State, ordered: dict[str, Any], is_alone: bool = False) -> State:
    """Return what is known of a certificate that was just got; `is_alone` if nobody waited and it replaces another."""
    is_proven = state.is_proven or is_alone
    fresh = State(ordered, reached=state.reached, is_proven=is_proven)
    fresh.was_served, fresh.switches, fresh.installed_from = state.was_served, state.switches, state.installed_from
    return fresh


def is_visited(wanted: Wanted) -> bool:
    """Tell whether this server answers over HTTP for the first of a certificate's names."""
    return answers_over_http([*wanted.served, *wanted.domains][0].removeprefix("*."))


def answers_over_http(domain: str) -> bool:
    """Tell whether this server answers for a name over HTTP, whatever it answers."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": domain})
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def main() -> int:
    """Run for all certificates, or only make the place holders that are missing."""
    os.umask(0o022)
    settings = Settings.read(SETTINGS)
    if sys.argv[1:] == ["place-holders"]:
        sentences = [sentence for told in Renewal(settings).place_holders().values() for sentence in told]
        print("".join(f"{sentence}.\n" for sentence in sentences), end="", file=sys.stderr)
        return 1 if sentences else 0
    request = Request.read(REQUEST)
    for path in (PENDING, REQUEST):
        path.unlink(missing_ok=True)
    return Renewal(settings, request).run()


if __name__ == "__main__":
    sys.exit(main())
