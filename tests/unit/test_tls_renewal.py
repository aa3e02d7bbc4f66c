"""A run over the certificates of a server, with real certificates, a CA that is a stub, and a web server in memory."""

from __future__ import annotations

import grp
import json
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import tls_acme, tls_renewal
from ansible_collections.foobar.webstack.plugins.module_utils.tls_acme import RateLimited
from ansible_collections.foobar.webstack.plugins.module_utils.tls_certificate import Refused, read_certificate
from ansible_collections.foobar.webstack.plugins.module_utils.tls_preflight import Check, Unanswered, Verdict
from ansible_collections.foobar.webstack.plugins.module_utils.tls_renewal import Renewal
from ansible_collections.foobar.webstack.plugins.module_utils.tls_settings import Request, Settings, State, Wanted

from tests.unit.tls_authority import Authority

HOUR, DAY = 3600, 86400
DIRECTORY = "https://ca.example/"


class Stub(tls_acme.Authority):
    """A CA that issues at once, unless it is told to refuse; it has no windows unless told so."""

    issuer: Authority
    orders: list[list[str]]
    refuses: dict[str, Refused]
    days: int
    window: tuple[float, float] | None
    asked: int

    def at(self, directory: str) -> Stub:
        """Be all CAs."""
        return self

    def identities(self) -> list[str]:
        """Return what CAA records call it."""
        return ["ca.example"]

    def order(self, name: str, domains: list[str], key_type: str, profile: str) -> None:
        """Issue a certificate as certbot would leave it."""
        self.orders.append(domains)
        for domain in domains:
            if domain in self.refuses:
                raise self.refuses[domain]
        folder = Path(self.home, "live", name)
        folder.mkdir(parents=True, exist_ok=True)
        pem = self.issuer.issue(*domains, days=self.days)
        key = pem.index("-----BEGIN PRIVATE KEY")
        (folder / "fullchain.pem").write_text(pem[:key])
        (folder / "privkey.pem").write_text(pem[key:])

    def renewal_window(self, certificate: Any) -> tuple[tuple[float, float] | None, float]:
        """Return the window of each certificate."""
        self.__dict__["asked"] += 1
        return self.window, 6 * HOUR


def wanted(name: str, *domains: str) -> Wanted:
    """Return a certificate of the CA as it is wanted."""
    return Wanted(name, list(domains), "acme", "ecdsa", "", DIRECTORY, list(domains))


class Server:
    """A server with its web server, whose memory has what it read at its last reload."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, issuer: Authority) -> None:
        """Put the stubs in place."""
        self.folder, self.issuer = folder, issuer
        self.memory: dict[str, bytes] = {}
        self.is_up, self.reloads, self.refuses_reload, self.ignores_reload = True, 0, False, False
        self.now = time.time()
        self.trusts, self.distrusts = True, set[str]()
        self.unreachable = dict[str, str]()
        self.authority = Stub(
            DIRECTORY, "", "http-01", str(folder / "webroot"), "", "", str(folder / "acme"), environment={}
        )
        self.authority.__dict__.update(orders=[], refuses={}, days=90, window=None, asked=0, issuer=issuer)
        self.certificates = [wanted("foobar.com", "foobar.com", "www.foobar.com")]
        # What the preflight has been asked, and how it answers.
        self.looked = list[tuple[Check, list[str]]]()
        self.reached, self.hears, self.is_served = list[str](), True, False
        self.options: dict[str, Any] = {}
        (folder / "files").mkdir()
        monkeypatch.setattr(time, "time", lambda: self.now)
        monkeypatch.setattr(tls_renewal, "PATIENCE", 0)
        monkeypatch.setattr(tls_renewal, "run", lambda command: self.reload(command))
        monkeypatch.setattr(tls_renewal, "served", lambda _, name: self.answer(name))
        monkeypatch.setattr(tls_renewal, "is_trusted", lambda pem: self.is_trusted(pem))
        monkeypatch.setattr(tls_renewal, "look", lambda check, known: self.look(check, known))
        monkeypatch.setattr(tls_renewal, "answers_over_http", lambda _: self.is_served)

    @property
    def settings(self) -> Settings:
        """Return the settings as they are now."""
        own = grp.getgrgid(os.getgid()).gr_name
        usual = Settings(
            path=self.folder / "sites",
            group=own,
            home=self.folder,
            served_at="127.0.0.1:443",
            reload_command="reload",
            preflight=True,
            nameservers=[],
            authority=self.authority,
            certificates=self.certificates,
        )
        return replace(usual, **self.options)

    def run(self, request: Request | None = None) -> int:
        """Run for all certificates."""
        return Renewal(self.settings, request).run()

    def is_trusted(self, pem: str) -> bool:
        """Tell whether the system trusts a certificate."""
        return self.trusts and "CN=self" not in issuer_of(pem) and read_certificate(pem).serial not in self.distrusts

    def distrust_next(self) -> None:
        """Have the CA's next certificates be ones that the system does not trust."""
        real = self.authority.lineage

        def lineage(name: str) -> str:
            if pem := real(name):
                self.distrusts |= {read_certificate(pem).serial} - {read_certificate(self.pem(name)).serial}
            return pem

        self.authority.__dict__["lineage"] = lineage

    def look(self, check: Check, known: list[str]) -> Verdict:
        """Answer as the preflight does."""
        self.looked.append((check, known))
        if not self.hears:
            raise Unanswered("no name server of foobar.com answers")
        return Verdict([self.unreachable[name] for name in check.domains if name in self.unreachable], self.reached)

    def state(self) -> State:
        """Return what is known of the certificate."""
        return State.read(self.folder / "state/foobar.com.json")

    def want(self, *domains: str, **keys: str) -> None:
        """Want the one certificate otherwise."""
        before = self.certificates[0]
        names = list(domains) or before.domains
        changed: dict[str, Any] = {"domains": names, "served": names, **keys}
        self.certificates = [replace(before, **changed)]

    def reload(self, command: str) -> None:
        """Take up what is in the files."""
        self.reloads += 1
        if self.refuses_reload:
            raise Refused(f"{command} failed: no")
        if not self.ignores_reload:
            self.memory = {
                domain: read_certificate(self.pem(one.name)).der for one in self.certificates for domain in one.served
            }

    def answer(self, name: str) -> bytes:
        """Return the certificate that visitors get."""
        if not self.is_up or name not in self.memory:
            raise ConnectionRefusedError(111, "Connection refused")
        return self.memory[name]

    def pem(self, name: str = "foobar.com") -> str:
        """Return the file that is served."""
        return (self.folder / "sites" / f"{name}.pem").read_text()

    def failed(self) -> dict[str, str]:
        """Return what the last run has failed at, by certificate."""
        return {path.name: path.read_text() for path in (self.folder / "failed").iterdir()}

    @property
    def orders(self) -> list[list[str]]:
        """Return the names of each order."""
        return self.authority.orders

    def switch(self, name: str = "foobar.com") -> bool:
        """Tell whether the switch of a name is set."""
        return name in self.switches()

    def switches(self) -> list[str]:
        """Return the names whose switches are set."""
        return sorted(path.stem for path in (self.folder / "sites").glob("*.trusted"))


def issuer_of(pem: str) -> str:
    """Return the issuer of a PEM's certificate, however openssl spaces it."""
    return read_certificate(pem).issuer.replace(" ", "")


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a CA."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: Authority) -> Server:
    """Return a server that wants one certificate of a CA and has none."""
    return Server(tmp_path, monkeypatch, issuer)


def test_the_first_run_orders_installs_and_sets_the_switch(server: Server) -> None:
    assert server.run() == 0
    assert server.orders == [["foobar.com", "www.foobar.com"]]
    assert server.memory["www.foobar.com"] == read_certificate(server.pem()).der
    assert "Intermediate" in read_certificate(server.pem()).issuer
    assert server.switch()
    path = server.folder / "sites/foobar.com.pem"
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o750
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []


def test_another_run_does_nothing(server: Server) -> None:
    server.run()
    before = server.pem(), server.reloads
    assert server.run() == 0
    assert (server.pem(), server.reloads) == before
    assert len(server.orders) == 1


def test_place_holders_let_a_web_server_start_and_are_not_replaced_by_others(server: Server) -> None:
    for _ in range(2):
        Renewal(server.settings).place_holders()
    first = server.pem()
    Renewal(server.settings).place_holders()
    assert server.pem() == first
    assert read_certificate(first).names == ("foobar.com", "www.foobar.com")
    assert server.orders == []


def test_it_is_renewed_with_a_third_of_its_life_left_and_not_before(server: Server) -> None:
    server.run()
    begun = server.now
    server.now = begun + 60 * DAY - 120
    server.run()
    assert len(server.orders) == 1
    server.now = begun + 60 * DAY + 1
    serial = read_certificate(server.pem()).serial
    assert server.run() == 0
    assert len(server.orders) == 2
    assert read_certificate(server.pem()).serial != serial


@pytest.mark.parametrize(
    "change",
    [
        lambda server: server.want("foobar.com", "www.foobar.com", "shop.foobar.com"),
        lambda server: server.want("foobar.com"),
        lambda server: server.want(key_type="rsa"),
        lambda server: server.want(profile="shortlived"),
        lambda server: server.want(directory="https://other.example/"),
    ],
    ids=["a name more", "a name less", "another kind of key", "another profile", "another CA"],
)
def test_what_is_wanted_otherwise_is_ordered_anew_once(server: Server, change: Callable[[Server], None]) -> None:
    server.run()
    change(server)
    for _ in range(2):
        assert server.run() == 0
        assert len(server.orders) == 2
    assert read_certificate(server.pem()).names == tuple(server.certificates[0].domains)


def test_the_order_of_the_names_does_not_matter(server: Server) -> None:
    server.run()
    server.want("www.foobar.com", "foobar.com")
    server.run()
    assert len(server.orders) == 1


def test_the_ca_is_obeyed_when_it_wants_a_renewal_and_asked_as_often_as_it_wants(server: Server) -> None:
    server.run()
    server.authority.__dict__["window"] = (server.now + 10 * HOUR, server.now + 10 * HOUR)
    for hours, asked, orders in ((0, 1, 1), (5, 1, 1), (7, 2, 1), (11, 2, 2)):
        start = server.now
        server.now += hours * HOUR
        server.run()
        server.now = start
        assert (server.authority.asked, len(server.orders)) == (asked, orders), hours


def test_a_ca_that_is_down_is_no_failure_while_nothing_is_due(server: Server) -> None:
    server.run()
    server.authority.refuses["foobar.com"] = Refused("the CA is down")
    server.now += 30 * DAY
    assert server.run() == 0


def test_a_failed_order_leaves_the_old_certificate_and_one_sentence_and_waits(server: Server) -> None:
    server.run()
    old = server.pem()
    server.now += 70 * DAY
    server.authority.refuses["www.foobar.com"] = Refused("no certificate was issued: no")
    assert server.run() == 1
    assert server.failed() == {"foobar.com": "foobar.com: no certificate was issued: no.\n"}
    server.now += HOUR / 2
    assert server.run() == 1
    assert len(server.orders) == 2
    assert server.failed()["foobar.com"].startswith(
        "foobar.com: no certificate was issued: no; it is tried again after"
    )
    server.now += HOUR
    server.run()
    assert len(server.orders) == 3
    assert server.pem() == old
    assert server.switch()
    server.authority.refuses.clear()
    server.now += 2 * HOUR + 1
    assert server.run() == 0
    assert server.failed() == {}
    assert server.pem() != old


def test_who_waits_for_a_run_is_not_put_off_but_by_the_ca(server: Server) -> None:
    server.authority.refuses["foobar.com"] = Refused("no")
    server.run()
    server.run(Request())
    assert len(server.orders) == 2
    server.authority.refuses["foobar.com"] = RateLimited("too many", server.now + 5 * HOUR)
    server.run(Request())
    server.run(Request())
    assert len(server.orders) == 3
    server.now += 6 * HOUR
    server.run(Request())
    assert len(server.orders) == 4


def test_a_bad_alias_does_not_cost_the_good_names_their_certificate(server: Server) -> None:
    server.run()
    old = server.pem()
    server.want("foobar.com", "www.foobar.com", "bad.foobar.com")
    server.memory["bad.foobar.com"] = server.memory["foobar.com"]
    server.authority.refuses["bad.foobar.com"] = Refused("bad.foobar.com is blocked")
    assert server.run() == 1
    assert server.pem() == old
    (server.folder / "sites/foobar.com.pem").unlink()
    assert server.run() == 1
    assert server.pem() == old


def test_nothing_is_ordered_for_a_name_that_leads_elsewhere(server: Server) -> None:
    server.unreachable["www.foobar.com"] = "www.foobar.com has no A or AAAA record"
    for _ in range(3):
        assert server.run() == 1
    assert server.orders == []
    assert server.failed() == {"foobar.com": "foobar.com: www.foobar.com has no A or AAAA record.\n"}
    assert not server.switch()
    # It is looked for again at each run, as that costs nothing at the CA.
    server.unreachable.clear()
    assert server.run() == 0


def test_one_failure_does_not_keep_the_others_from_their_turn(server: Server) -> None:
    server.certificates = [wanted(f"{name}.com", f"{name}.com") for name in "abc"]
    server.authority.refuses["b.com"] = Refused("blocked")
    assert server.run() == 1
    assert server.failed() == {"b.com": "b.com: blocked.\n"}
    assert [server.switch(f"{name}.com") for name in "abc"] == [True, False, True]


def test_a_reload_that_fails_brings_the_old_file_back_and_the_next_run_makes_up_for_it(server: Server) -> None:
    server.run()
    old = server.pem()
    server.now += 70 * DAY
    server.refuses_reload = True
    assert server.run() == 1
    assert server.pem() == old
    assert server.failed() == {"foobar.com": "foobar.com: reload failed: no.\n"}
    server.refuses_reload = False
    assert server.run() == 0
    assert server.pem() != old
    assert len(server.orders) == 2


def test_a_reload_that_does_nothing_brings_the_old_file_back(server: Server) -> None:
    server.run()
    old = server.pem()
    server.now += 70 * DAY
    server.ignores_reload = True
    assert server.run() == 1
    assert server.pem() == old
    assert "another certificate than that of" in server.failed()["foobar.com"]


def test_a_reload_that_somebody_missed_is_made_up_for(server: Server) -> None:
    server.run()
    server.memory = dict.fromkeys(server.memory, b"old")
    assert server.run() == 0
    assert server.memory["foobar.com"] == read_certificate(server.pem()).der


def test_a_web_server_that_is_down_is_a_failure_and_leaves_the_switch(server: Server) -> None:
    server.run()
    server.is_up = False
    assert server.run() == 1
    assert server.failed() == {
        "foobar.com": "foobar.com: nothing serves foobar.com at 127.0.0.1:443: Connection refused.\n"
    }
    assert server.switch()


def test_a_new_alias_is_not_redirected_before_the_certificate_names_it(server: Server) -> None:
    server.run()
    assert server.switches() == ["foobar.com", "www.foobar.com"]
    server.want("foobar.com", "www.foobar.com", "new.foobar.com")
    server.reload("")
    server.authority.refuses["new.foobar.com"] = Refused("no")
    assert server.run() == 1
    assert server.switches() == ["foobar.com", "www.foobar.com"]
    server.authority.refuses.clear()
    assert server.run(Request()) == 0
    assert server.switches() == ["foobar.com", "new.foobar.com", "www.foobar.com"]


@pytest.mark.parametrize("is_refused", [True, False])
def test_a_name_that_has_left_the_certificate_is_redirected_no_longer_and_none_of_one_that_is_pruned(
    server: Server, is_refused: bool
) -> None:
    server.run()
    server.want("foobar.com")
    server.authority.refuses |= {"foobar.com": Refused("no")} if is_refused else {}
    assert server.run() == is_refused
    assert server.switches() == ["foobar.com"]
    server.certificates = []
    server.run(Request(prune=True))
    assert server.switches() == []


@pytest.mark.parametrize("is_first", [True, False])
def test_a_name_that_goes_from_one_certificate_to_another_keeps_its_switch(server: Server, is_first: bool) -> None:
    server.certificates = [wanted("foobar.com", "foobar.com", "shop.foobar.com"), wanted("b.com", "b.com")]
    server.run()
    moved = [wanted("foobar.com", "foobar.com"), wanted("b.com", "b.com", "shop.foobar.com")]
    server.certificates = moved if is_first else moved[::-1]
    assert server.run() == 0
    assert server.switches() == ["b.com", "foobar.com", "shop.foobar.com"]


def test_a_name_whose_new_certificate_does_not_name_it_yet_loses_its_switch_with_the_place_holders(
    server: Server,
) -> None:
    server.certificates = [wanted("foobar.com", "foobar.com", "shop.foobar.com"), wanted("b.com", "b.com")]
    server.run()
    server.certificates = [wanted("foobar.com", "foobar.com"), wanted("b.com", "b.com", "shop.foobar.com")]
    Renewal(server.settings).place_holders()
    assert server.switches() == ["b.com", "foobar.com"]
    (server.folder / "sites/foobar.com.pem").unlink()
    Renewal(server.settings).place_holders()
    assert server.switches() == ["b.com"]


def test_a_name_that_goes_to_a_certificate_that_nobody_trusts_loses_the_switch_of_one_that_is_listed_no_longer(
    server: Server,
) -> None:
    lab = replace(wanted("b.com", "b.com", "foobar.com"), provider="self_signed", served=["b.com"])
    server.certificates = [wanted("foobar.com", "foobar.com"), lab]
    server.run()
    assert server.switches() == ["foobar.com"]
    server.certificates = [replace(lab, served=["b.com", "foobar.com"])]
    assert server.run() == 0
    assert server.switches() == []


def test_a_killed_run_leaves_no_switch_that_nobody_knows_of(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, **_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", killed)
        with pytest.raises(KeyboardInterrupt):
            server.run()
    assert server.state().switches == ["foobar.com", "www.foobar.com"]


def test_names_that_the_web_server_does_not_answer_for_are_ordered_and_not_asked_for(server: Server) -> None:
    server.certificates = [replace(wanted("foobar.com", "foobar.com", "mail.foobar.com"), served=["foobar.com"])]
    assert server.run() == 0
    assert server.orders == [["foobar.com", "mail.foobar.com"]]
    assert "mail.foobar.com" not in server.memory
    assert server.switches() == ["foobar.com"]
    assert set(server.looked[0][0].domains) == {"foobar.com", "mail.foobar.com"}
    server.certificates = [wanted("foobar.com", "foobar.com", "mail.foobar.com")]
    server.run()
    assert len(server.orders) == 1


def test_a_wildcard_s_names_are_those_that_are_served(server: Server) -> None:
    server.certificates = [replace(wanted("wild", "*.foobar.com"), served=["www.foobar.com"])]
    assert server.run() == 0
    assert server.switches() == ["www.foobar.com"]
    server.certificates = [replace(wanted("wild", "*.foobar.com"), served=["www.foobar.com", "*.foobar.com"])]
    assert server.run() == 0
    assert sorted(server.switches()) == ["*.foobar.com", "www.foobar.com"]


def test_without_a_place_to_look_at_nobody_looks(server: Server) -> None:
    server.options = {"served_at": ""}
    server.is_up = False
    assert server.run() == 0
    assert server.switch()


def test_the_switch_is_taken_back_when_the_certificate_is_trusted_no_longer(server: Server) -> None:
    server.run()
    server.trusts = False
    assert server.run() == 0
    assert not server.switch()


def test_a_self_signed_one_renews_itself_and_never_sets_the_switch(server: Server) -> None:
    server.want(provider="self_signed")
    assert server.run() == 0
    first = server.pem()
    assert server.run() == 0
    assert server.pem() == first
    server.now += 61 * DAY
    assert server.run() == 0
    assert server.pem() != first
    assert not server.switch()
    assert server.orders == []


def own(server: Server, pem: str) -> None:
    """Give the server a certificate of one's own."""
    server.want(provider="files")
    (server.folder / "files/foobar.com.pem").write_text(pem)


def test_a_certificate_of_one_s_own_is_installed(server: Server) -> None:
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    assert server.run() == 0
    assert "Intermediate" in read_certificate(server.pem()).issuer
    assert server.switch()
    assert server.orders == []


def test_a_bad_one_is_refused_and_the_one_of_before_served_on(server: Server) -> None:
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    server.run()
    good = server.pem()
    own(server, server.issuer.issue("foobar.com"))
    assert server.run() == 1
    assert server.failed() == {"foobar.com": "foobar.com: the certificate does not name www.foobar.com.\n"}
    assert server.pem() == good
    assert server.memory["foobar.com"] == read_certificate(good).der


@pytest.mark.parametrize(("days", "code", "words"), [(59, 0, ""), (61, 0, "expires on"), (84, 1, "expires on")])
def test_one_of_one_s_own_is_warned_of_in_its_last_third_and_fails_in_its_last_week(
    server: Server, capsys: pytest.CaptureFixture[str], days: int, code: int, words: str
) -> None:
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    server.run()
    server.now += days * DAY
    capsys.readouterr()
    assert server.run() == code
    said = capsys.readouterr().err
    assert words in said
    assert bool(said) == bool(words)


def test_one_that_is_no_longer_listed_is_renewed_no_longer_and_removed_where_that_is_wanted(server: Server) -> None:
    server.run()
    listed, server.certificates = server.certificates, []
    server.now += 70 * DAY
    assert server.run() == 0
    assert len(server.orders) == 1
    assert server.pem()
    (server.folder / "sites/somebody-else.pem").write_text("theirs")
    assert (server.folder / "unlisted").read_text() == "foobar.com\n"
    assert server.run(Request()) == 0
    assert server.pem()
    assert server.run(Request(prune=True)) == 0
    assert not (server.folder / "unlisted").exists()
    assert [path.name for path in (server.folder / "sites").iterdir()] == ["somebody-else.pem"]
    assert server.authority.lineage("foobar.com") == ""
    server.certificates = listed
    assert server.run() == 0
    assert len(server.orders) == 2


def test_a_key_of_one_s_own_is_removed_with_its_certificate(server: Server) -> None:
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    server.run()
    server.certificates = []
    assert server.run(Request(prune=True)) == 0
    left = [path.name for path in server.folder.rglob("*") if "foobar.com" in path.name]
    assert left == []


def test_a_file_that_the_web_server_can_t_do_without_is_kept_and_said(server: Server) -> None:
    server.run()
    old, server.certificates = server.pem(), []
    server.refuses_reload = True
    for _ in range(2):
        assert server.run(Request(prune=True)) == 1
        assert server.pem() == old
        assert server.failed() == {"foobar.com": "foobar.com: its files are kept, as reload failed: no.\n"}
    assert server.switch()
    # The timer has no part in it.
    server.run()
    assert server.failed() == {}
    assert (server.folder / "unlisted").exists()
    server.refuses_reload = False
    assert server.run(Request(prune=True)) == 0
    assert [path.name for path in server.folder.rglob("*") if "foobar.com" in path.name] == []


def test_an_address_at_which_this_server_was_once_found_is_remembered(server: Server) -> None:
    server.reached = ["198.18.55.60"]
    server.run()
    assert server.looked[0][1] == []
    assert server.state().reached == ["198.18.55.60"]
    server.reached = []
    server.now += 61 * DAY
    assert server.run() == 0
    assert server.looked[1][1] == ["198.18.55.60"]
    assert server.state().reached == ["198.18.55.60"]


def test_the_controller_s_view_stands_before_the_server_s(server: Server) -> None:
    server.unreachable["foobar.com"] = "foobar.com is not to be reached from here"
    verdict = Verdict(["foobar.com: its A record leads elsewhere"], ["192.0.2.1"])
    assert server.run(Request({"foobar.com": verdict})) == 1
    assert server.failed() == {"foobar.com": "foobar.com: its A record leads elsewhere.\n"}
    assert server.orders == []
    assert server.run(Request({"foobar.com": Verdict([], [])})) == 0
    assert server.looked == []
    assert server.state().reached == ["192.0.2.1"]


@pytest.mark.parametrize("asks", [None, Request()])
def test_without_any_answer_of_dns_no_first_certificate_is_ordered(server: Server, asks: Request | None) -> None:
    server.hears = False
    assert server.run(asks) == 1
    assert server.failed() == {"foobar.com": "foobar.com: no name server of foobar.com answers.\n"}
    assert server.orders == []


def test_what_the_controller_could_not_see_the_server_looks_at_with_what_the_controller_has_seen(
    server: Server,
) -> None:
    seen = Verdict([], ["192.0.2.1"], is_partial=True)
    server.unreachable["foobar.com"] = "foobar.com leads elsewhere"
    assert server.run(Request({"foobar.com": seen})) == 1
    assert server.orders == []
    assert [known for _, known in server.looked] == [["192.0.2.1"]]
    server.unreachable.clear()
    assert server.run(Request({"foobar.com": seen})) == 0
    assert server.state().reached == ["192.0.2.1"]
    wrong = Verdict(["foobar.com leads elsewhere"], [], is_partial=True)
    server.want("foobar.com")
    assert server.run(Request({"foobar.com": wrong})) == 1
    assert len(server.looked) == 2


def test_the_timer_renews_what_is_in_use_though_no_name_server_is_heard_and_the_ca_is_spared(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.run()
    server.now += 61 * DAY
    server.hears = False
    server.authority.refuses["foobar.com"] = Refused("no")
    for _ in range(3):
        assert server.run() == 1
    assert len(server.orders) == 2
    assert "foobar.com: no name server of foobar.com answers; a renewal is tried all the same.\n" in (
        capsys.readouterr().err
    )
    server.authority.refuses.clear()
    server.now += 2 * HOUR
    server.trusts = False
    assert server.run() == 1
    assert len(server.orders) == 2
    server.trusts = True
    assert server.run(Request()) == 1
    assert len(server.orders) == 2
    assert server.run() == 0
    assert len(server.orders) == 3


def test_in_the_last_tenth_of_its_life_the_timer_passes_over_any_verdict(server: Server) -> None:
    server.run()
    server.unreachable["foobar.com"] = "foobar.com leads elsewhere"
    server.now += 81 * DAY - HOUR
    assert server.run() == 1
    assert len(server.orders) == 1
    server.now += 2 * HOUR
    assert server.run() == 0
    assert len(server.orders) == 2


def test_the_names_of_the_certificate_of_before_are_told_apart_from_new_ones(server: Server) -> None:
    server.run()
    server.want("foobar.com", "www.foobar.com", "new.foobar.com")
    server.run()
    assert [check.renewed for check, _ in server.looked] == [[], ["foobar.com", "www.foobar.com"]]


def test_a_certificate_that_can_t_be_looked_at_keeps_no_other_one_from_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.certificates = [wanted("a.com", "a.com"), wanted("b.com", "b.com")]
    real, calls = tls_renewal.make_probe, list[str]()

    def full(webroot: str) -> str:
        calls.append(webroot)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return real(webroot)

    monkeypatch.setattr(tls_renewal, "make_probe", full)
    assert list(Renewal(server.settings, Request()).checks()) == ["b.com"]


def test_without_the_preflight_nobody_looks(server: Server) -> None:
    server.options = {"preflight": False}
    server.hears = False
    assert server.run() == 0
    assert Renewal(server.settings, Request()).checks() == {}


def test_what_has_to_be_looked_at_is_told_where_an_order_is_due_and_no_file_is_left_by_the_server_s_own_look(
    server: Server,
) -> None:
    check = Renewal(server.settings, Request()).checks()["foobar.com"]
    challenges = server.folder / "webroot/.well-known/acme-challenge"
    assert check == Check(["foobar.com", "www.foobar.com"], "http-01", check.probe, ["ca.example"], [])
    assert (challenges / check.probe).read_text() == check.probe
    assert server.run() == 0
    assert [path.name for path in challenges.iterdir()] == [check.probe]
    assert Renewal(server.settings, Request()).checks() == {}
    server.authority.__dict__["window"] = (0, 0)
    server.now += 7 * HOUR
    assert Renewal(server.settings, Request()).checks() == {}


def test_what_one_ca_has_put_off_is_ordered_from_another_one(server: Server) -> None:
    server.authority.refuses["foobar.com"] = RateLimited("too many", server.now + HOUR)
    server.run()
    server.authority.refuses.clear()
    assert server.run(Request()) == 1
    server.want(directory="https://staging.example/")
    assert server.run(Request()) == 0
    assert len(server.orders) == 2


def test_what_the_ca_itself_has_put_off_is_not_looked_at(server: Server) -> None:
    server.authority.refuses["foobar.com"] = RateLimited("too many", server.now + HOUR)
    server.run()
    assert Renewal(server.settings, Request()).checks() == {}


def age(server: Server) -> str:
    """Return whether browsers may keep for long that a site is served over HTTPS."""
    return "long" if (server.folder / "sites/foobar.com.hsts").exists() else "short"


def test_a_new_site_s_hsts_may_be_long_from_its_first_certificate_on(server: Server) -> None:
    Renewal(server.settings).place_holders()
    assert age(server) == "short"
    # By then the web server answers, with the place holder.
    server.is_served = True
    assert server.run(Request()) == 0
    assert age(server) == "long"


def test_that_of_a_site_that_was_served_may_be_long_once_a_renewal_needed_nobody(server: Server) -> None:
    server.is_served = True
    Renewal(server.settings).place_holders()
    server.run(Request())
    assert age(server) == "short"
    server.now += 61 * DAY
    server.run(Request())
    assert (age(server), len(server.orders)) == ("short", 2)
    server.now += 61 * DAY
    assert server.run() == 0
    assert (age(server), len(server.orders)) == ("long", 3)


def test_that_of_a_site_whose_file_was_there_before_is_short_at_first(server: Server) -> None:
    (server.folder / "sites").mkdir()
    (server.folder / "sites/foobar.com.pem").write_text(server.issuer.issue("foobar.com", "www.foobar.com"))
    assert server.run() == 0
    assert age(server) == "short"


def test_that_of_a_certificate_that_nobody_trusts_stays_short(server: Server) -> None:
    server.trusts = False
    assert server.run() == 0
    assert age(server) == "short"


def test_that_of_one_s_own_certificate_may_be_long_once_it_was_replaced(server: Server) -> None:
    server.is_served = True
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    server.run()
    assert age(server) == "short"
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    assert server.run() == 0
    assert age(server) == "long"


@pytest.mark.parametrize("reason", ["preflight", "CA"])
def test_that_of_a_site_whose_first_order_failed_is_short_at_first(server: Server, reason: str) -> None:
    Renewal(server.settings).place_holders()
    server.is_served = True
    if reason == "CA":
        server.authority.refuses["foobar.com"] = Refused("no")
    else:
        server.unreachable["foobar.com"] = "foobar.com leads elsewhere"
    assert server.run(Request()) == 1
    server.authority.refuses.clear()
    server.unreachable.clear()
    assert server.run(Request()) == 0
    assert (server.switch(), age(server)) == (True, "short")


@pytest.mark.parametrize("provider", ["acme", "self_signed"])
def test_that_of_a_site_that_had_a_certificate_that_nobody_trusts_is_short_at_first(
    server: Server, provider: str
) -> None:
    Renewal(server.settings).place_holders()
    server.is_served, server.trusts = True, False
    server.want(provider=provider, directory="https://staging.example/")
    server.run(Request())
    server.trusts = True
    server.want(provider="acme", directory=DIRECTORY)
    assert server.run(Request()) == 0
    assert (server.switch(), age(server)) == (True, "short")


UNTRUSTED = (
    "foobar.com: this system trusts the certificate that is served and not the new one, which is not installed; its "
    "intermediate may be missing.\n"
)


def test_a_renewal_that_nobody_trusts_does_not_replace_one_that_is_trusted_until_that_is_no_longer(
    server: Server,
) -> None:
    server.run()
    old = server.pem()
    server.now += 61 * DAY
    server.distrust_next()
    assert server.run() == 1
    assert server.failed() == {"foobar.com": UNTRUSTED}
    assert (server.pem(), server.switch()) == (old, True)
    server.trusts = False
    assert server.run() == 0
    assert server.pem() != old


def test_a_file_without_its_intermediate_does_not_replace_one_with_it(server: Server) -> None:
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    server.run()
    old = server.pem()
    new = server.issuer.issue("foobar.com", "www.foobar.com").replace(server.issuer.intermediate, "")
    server.distrusts.add(read_certificate(new).serial)
    own(server, new)
    assert server.run() == 1
    assert server.failed() == {"foobar.com": UNTRUSTED}
    assert (server.pem(), server.switch()) == (old, True)


def test_a_test_ca_may_take_the_place_of_another_and_follow_its_own(server: Server) -> None:
    server.run()
    server.distrust_next()
    server.want(directory="https://staging.example/")
    assert server.run() == 0
    assert not server.switch()
    server.now += 61 * DAY
    serial = read_certificate(server.pem()).serial
    assert server.run() == 0
    assert read_certificate(server.pem()).serial != serial


def test_one_s_own_ca_may_take_the_place_of_the_world_s(server: Server) -> None:
    server.run()
    new = server.issuer.issue("foobar.com", "www.foobar.com")
    server.distrusts.add(read_certificate(new).serial)
    own(server, new)
    assert server.run() == 0
    assert not server.switch()


def test_what_a_ca_has_put_off_holds_for_these_names_alone(server: Server) -> None:
    server.want("foobar.com", "www.foobar.com", "new.foobar.com")
    server.authority.refuses["new.foobar.com"] = RateLimited("too many", server.now + 99 * HOUR)
    server.run(Request())
    assert server.run(Request()) == 1
    assert len(server.orders) == 1
    server.want("foobar.com", "www.foobar.com")
    assert server.run(Request()) == 0
    assert len(server.orders) == 2


def test_a_set_of_names_that_has_changed_is_tried_at_once_by_the_timer_too(server: Server) -> None:
    server.authority.refuses["www.foobar.com"] = Refused("no")
    server.run()
    assert server.run() == 1
    assert len(server.orders) == 1
    server.want("foobar.com")
    assert server.run() == 0
    assert len(server.orders) == 2


def test_a_file_of_one_s_own_that_the_system_does_not_trust_is_told_in_the_journal(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.trusts = False
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    assert server.run() == 0
    assert capsys.readouterr().err == (
        "foobar.com: this system does not trust its certificate, so visitors are not redirected to https.\n"
    )


def test_a_certificate_that_comes_from_a_ca_from_now_on_leaves_no_key_of_before(server: Server) -> None:
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    server.run()
    server.want(provider="acme")
    assert server.run() == 0
    assert list((server.folder / "files").iterdir()) == []


def test_one_of_one_s_own_is_not_taken_for_the_server_s_own_when_that_is_wanted_again(server: Server) -> None:
    server.want(provider="self_signed")
    server.run()
    own(server, server.issuer.issue("foobar.com", "www.foobar.com"))
    server.run()
    server.want(provider="self_signed")
    assert server.run() == 0
    assert "CN=self" in issuer_of(server.pem())
    assert "Intermediate" not in (server.folder / "files/foobar.com.pem").read_text()


@pytest.mark.parametrize("moment", ["before the reload", "after the reload"])
def test_a_removal_that_was_killed_is_taken_back_by_the_next_run_whoever_starts_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    server.run()
    old, server.certificates = server.pem(), []

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "before the reload":
            patch.setattr(tls_renewal, "run", killed)
        else:
            real = Path.unlink
            patch.setattr(
                Path, "unlink", lambda path, **_: killed() if path.suffix == ".removed" else real(path, missing_ok=True)
            )
        with pytest.raises(KeyboardInterrupt):
            server.run(Request(prune=True))
    with pytest.raises(FileNotFoundError):
        server.pem()
    assert server.run() == 0
    assert server.pem() == old
    assert list((server.folder / "files").iterdir()) == []
    (server.folder / "sites/.foobar.com.pem.new").write_text("half a key")
    assert server.run(Request(prune=True)) == 0
    assert [path.name for path in server.folder.rglob("*") if "foobar.com" in path.name] == []


def test_a_place_holder_that_was_not_finished_is_made_up_for_and_what_was_seen_first_is_kept(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: list[str]) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tls_renewal, "self_signed", killed)
        with pytest.raises(KeyboardInterrupt):
            Renewal(server.settings).place_holders()
    server.is_served = True
    assert Renewal(server.settings).place_holders() == {"foobar.com": []}
    assert "CN=self" in issuer_of(server.pem())
    assert server.state().was_served is False


def test_a_place_holder_that_can_t_be_made_keeps_no_other_certificate_from_its_turn(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.certificates = [wanted("a.com", "a.com"), wanted("b.com", "b.com")]
    real = tls_renewal.self_signed
    refused = Refused("openssl req says: no")

    def fails(domains: list[str]) -> str:
        if domains == ["a.com"]:
            raise refused
        return real(domains)

    monkeypatch.setattr(tls_renewal, "self_signed", fails)
    server.authority.refuses["a.com"] = Refused("blocked")
    # The web server has no site of the first one's yet.
    monkeypatch.setattr(tls_renewal, "run", lambda _: None)
    server.options = {"served_at": ""}
    assert server.run() == 1
    assert server.switches() == ["b.com"]
    assert list(server.failed()) == ["a.com"]
    assert server.failed()["a.com"].startswith("a.com: openssl req says: no.\na.com: blocked.\n")


@pytest.mark.parametrize("code", [0, 1])
def test_the_step_that_makes_place_holders_says_what_failed(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def fails(_: list[str]) -> str:
        raise Refused("openssl req says: no")

    if code:
        monkeypatch.setattr(tls_renewal, "self_signed", fails)
    monkeypatch.setattr(tls_renewal.Settings, "read", lambda _: server.settings)
    monkeypatch.setattr(tls_renewal.sys, "argv", ["tls_renewal", "place-holders"])
    before = os.umask(0o077)
    try:
        assert tls_renewal.main() == code
    finally:
        os.umask(before)
    assert capsys.readouterr().err == "foobar.com: openssl req says: no.\n" * code
    challenges = server.folder / "webroot/.well-known/acme-challenge"
    for path in (challenges, challenges.parent, challenges.parent.parent):
        assert path.stat().st_mode & 0o777 == 0o755


def test_where_no_challenge_is_answered_over_http_no_webroot_is_made(server: Server) -> None:
    server.want(provider="self_signed")
    assert server.run() == 0
    assert not (server.folder / "webroot").exists()


def test_an_answer_of_any_kind_over_http_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    real = tls_renewal.http.client.HTTPConnection
    port = listener.getsockname()[1]
    monkeypatch.setattr(
        tls_renewal.http.client, "HTTPConnection", lambda host, _, timeout: real(host, port, timeout=timeout)
    )

    def serve() -> None:
        for answer in (b"HTTP/1.1 404 Not Found\r\n\r\n", b""):
            connection, _ = listener.accept()
            with connection:
                assert b"Host: foobar.com" in connection.recv(1000)
                connection.sendall(answer)
        listener.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert tls_renewal.answers_over_http("foobar.com")
    assert not tls_renewal.answers_over_http("foobar.com")
    thread.join()
    assert not tls_renewal.answers_over_http("foobar.com")


def test_what_the_role_asks_for_is_read_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Request | None]()

    def run(renewal: Renewal) -> int:
        asked.append(renewal.request)
        return 0

    folders = {"home": str(tmp_path), "path": str(tmp_path)}
    files = {name: tmp_path / name for name in ("SETTINGS", "PENDING", "REQUEST")}
    for name, path in files.items():
        monkeypatch.setattr(tls_renewal, name, path)
    monkeypatch.setattr(tls_renewal.Settings, "read", lambda _: folders)
    monkeypatch.setattr(tls_renewal.Renewal, "run", run)
    monkeypatch.setattr(tls_renewal.sys, "argv", ["tls_renewal"])
    # What the module templates has written there is its own business.
    files["PENDING"].write_text('["/etc/tls/certificates.json"]')
    verdicts = {"foobar.com": {"mistakes": ["no"], "reached": []}}
    for told in (None, {"verdicts": verdicts, "prune": True}):
        if told:
            files["REQUEST"].write_text(json.dumps(told))
        assert tls_renewal.main() == 0
        assert not files["PENDING"].exists()
        assert not files["REQUEST"].exists()
    assert asked == [None, Request({"foobar.com": Verdict(["no"], [])}, True)]


def test_the_failure_of_one_that_is_no_longer_listed_is_forgotten(server: Server) -> None:
    server.authority.refuses["foobar.com"] = Refused("blocked")
    assert server.run() == 1
    server.certificates = []
    assert server.run() == 0
    assert server.failed() == {}


def test_a_run_that_was_killed_between_the_file_and_the_reload_is_made_up_for(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.run()
    server.now += 70 * DAY

    def killed(_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tls_renewal, "run", killed)
        with pytest.raises(KeyboardInterrupt):
            server.run()
    assert server.run() == 0
    assert server.memory["foobar.com"] == read_certificate(server.pem()).der
    assert len(server.orders) == 2


def test_a_kill_between_the_writing_and_the_rename_leaves_the_old_file_and_costs_no_further_order(
    server: Server,
) -> None:
    server.run()
    old = server.pem()
    server.now += 70 * DAY
    child = os.fork()
    if child == 0:
        rename = Path.replace

        def killed(path: Path, target: Path) -> Path:
            if target.name == "foobar.com.pem":
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(path, target)

        # It is the child alone whose functions are replaced.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            server.run()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert (server.folder / "sites/.foobar.com.pem.new").exists()
    assert server.pem() == old
    assert server.run() == 0
    assert server.pem() != old
    assert [path.name for path in (server.folder / "sites").glob(".*")] == []
    # That of before; the child's, which the parent has not seen, was not lost.
    assert len(server.orders) == 1


def test_what_a_killed_run_has_half_written_is_in_nobody_s_way(server: Server) -> None:
    (server.folder / "sites").mkdir()
    (server.folder / "sites/.foobar.com.pem.new").write_text("hal")
    assert server.run() == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"of": "a later version"}', '{"failures": 0, "more": 1}'])
def test_what_is_broken_in_the_notes_of_before_is_begun_anew(server: Server, content: str) -> None:
    (server.folder / "state").mkdir()
    (server.folder / "state/foobar.com.json").write_text(content)
    assert server.run() == 0


def test_the_settings_are_read_as_the_role_writes_them(tmp_path: Path) -> None:
    authority = {"directory": "d", "ca_bundle": "", "challenge": "http-01", "webroot": "/w", "settings": "/s"}
    authority |= {"other_settings": "/o", "home": "/h"}
    told = {"path": "/p", "group": "g", "home": "/h", "served_at": "", "reload_command": ""}
    entry = {"name": "n", "domains": ["d"], "provider": "acme", "key_type": "rsa", "profile": "", "directory": "d"}
    entry["served"] = ["d"]
    rest = {
        "preflight": True,
        "nameservers": [],
        "authority": {**authority, "environment": {}},
        "certificates": [entry],
    }
    (tmp_path / "settings").write_text(json.dumps(told | rest))
    settings = Settings.read(tmp_path / "settings")
    assert settings.path == Path("/p")
    assert settings.authority.webroot == "/w"
    assert settings.certificates == [Wanted("n", ["d"], "acme", "rsa", "", "d", ["d"])]


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    tls_renewal.run("")
    tls_renewal.run("true")
    with pytest.raises(Refused, match=r"^sh -c 'echo one; echo two\. >&2; exit 3' failed: two$"):
        tls_renewal.run("sh -c 'echo one; echo two. >&2; exit 3'")


@pytest.mark.parametrize(("name", "asked_for"), [("foobar.com", "foobar.com"), ("*.foobar.com", "any.foobar.com")])
def test_what_is_served_is_what_a_visitor_gets(tmp_path: Path, issuer: Authority, name: str, asked_for: str) -> None:
    pem = issuer.issue("foobar.com")
    (tmp_path / "pem").write_text(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    names: list[str | None] = []
    context.sni_callback = lambda _connection, asked, _context: names.append(asked)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as session:
            session.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        found = tls_renewal.served(f"127.0.0.1:{listener.getsockname()[1]}", name)
    assert (found, names) == (read_certificate(pem).der, [asked_for])
