"""Whether a CA will find what it looks for: records, this server at each address, and no CAA record against it.

It is asked of the names' own servers, as CAs do, by the server and, where a run waits for an order, by the controller.
Addresses are texts, name servers host or host:port.
"""

from __future__ import annotations

import http.client
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.resolver
except ImportError:
    HAS_DNS = False
else:
    HAS_DNS = True

CHALLENGES = ".well-known/acme-challenge"
# Seconds that a name server and a web server get to answer.
QUERY_TIMEOUT, PROBE_TIMEOUT = 3.0, 10.0
# Seconds after which nobody asks for a file any longer.
PROBE_LIFE = 86400
# Aliases of aliases that CAs follow.
ALIASES = 8
# Redirects that CAs follow.
REDIRECTS = 10
# Of a flag in a CAA record: a CA that does not know its tag issues nothing.
CRITICAL = 128
KNOWN_TAGS = {"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}


class Unanswered(Exception):
    """No name server was heard, so nothing is known of a name; the text is a sentence without its full stop."""


class Silent(Exception):
    """Nobody answers at an address; the text is the end of a sentence, without its full stop."""


class Broken(Exception):
    """The name servers of a name answer with an error; the text is a sentence without its full stop."""


@dataclass(frozen=True)
class Check:
    """What is looked at for one certificate.

    `probe` is a file's name and content, `identities` are the CA's in CAA records, `renewed` the names that a
    certificate of before has.
    """

    domains: list[str]
    challenge: str
    probe: str = ""
    identities: list[str] = field(default_factory=list)
    nameservers: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """What was found: a sentence for each mistake, and the addresses at which this server has answered.

    It is partial where something could not be looked at from there.
    """

    mistakes: list[str]
    reached: list[str]
    is_partial: bool = False


@dataclass
class View:
    """Where it is looked from, by the server itself or not, and what is known and found of addresses."""

    is_server: bool
    known: set[str]
    reached: set[str] = field(default_factory=set)
    is_partial: bool = False

    def excuses(self, address: str, has_route: bool) -> bool:
        """Tell whether a wrong answer of an address, or none, says nothing about what a CA will get there."""
        if not has_route and not self.is_server:
            self.is_partial = True
            return True
        return address in self.known and not is_own(address)


@dataclass
class Answer:
    """What the servers of a name say of a kind of record: its values, what it is an alias of, and who has neither."""

    values: set[str] = field(default_factory=set)
    target: str = ""
    lacking: list[str] = field(default_factory=list)


class Zones:
    """The name servers of the names that are asked for, each of them asked as a CA's resolver would."""

    def __init__(self, nameservers: list[str]) -> None:
        """Take the servers to ask for all names; without any, those that the public tree names are found."""
        self.nameservers = nameservers
        self.cuts: dict[str, list[str]] = {}
        self.silent: set[tuple[str, int]] = set()

    def servers(self, name: str) -> list[str]:
        """Return the servers of the zone that a name is in; raise Unanswered or Broken where they can't be found."""
        if self.nameservers:
            return self.nameservers
        labels = name.split(".")
        for zone in (".".join(labels[start:]) for start in range(len(labels))):
            if zone not in self.cuts:
                self.cuts[zone] = found_servers(zone)
            if self.cuts[zone]:
                return self.cuts[zone]
        raise Unanswered(f"{name} is in no zone that the resolver knows of")

    def ask(self, name: str, kind: str) -> Answer:
        """Return what all servers of a name say together; raise Broken where each answers with an error."""
        found, errors = Answer(), []
        heard = False
        for server in self.servers(name):
            reply = self.reply(server, name, kind)
            if reply is None:
                continue
            if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                errors.append(f"{dns.rcode.to_text(reply.rcode())} at {server}")
                continue
            heard = True
            self.read(reply, name, kind, server, found)
        if heard:
            return found
        if errors:
            raise Broken(
                f"the name servers of {name} answer {', '.join(errors)}: they, or the zone's DNSSEC, are broken"
            )
        raise Unanswered(f"no name server of {name} answers")

    def read(self, reply: dns.message.Message, name: str, kind: str, server: str, found: Answer) -> None:
        """Add what one server says."""
        own = [rrset for rrset in reply.answer if rrset.name == dns.name.from_text(name)]
        values = {rdata.to_text() for rrset in own if rrset.rdtype == dns.rdatatype.from_text(kind) for rdata in rrset}
        targets = [rrset[0].target for rrset in own if rrset.rdtype == dns.rdatatype.CNAME]
        found.values |= values
        if targets:
            found.target = targets[0].to_text(omit_final_dot=True).lower()
        elif not values:
            found.lacking.append(server)

    def reply(self, server: str, name: str, kind: str) -> dns.message.Message | None:
        """Return a server's answer to one question, or None where it gives none."""
        # It asks for recursion, as tls_nameservers may name a resolver; others pass over that.
        query = dns.message.make_query(name, kind)
        for address, port in addresses(server):
            if (address, port) in self.silent:
                continue
            # A packet may get lost.
            for _ in range(2):
                with suppress(dns.exception.DNSException, OSError):
                    return dns.query.udp_with_fallback(query, address, timeout=QUERY_TIMEOUT, port=port)[0]
            self.silent.add((address, port))
        return None

    def followed(self, name: str, kind: str) -> tuple[str, Answer]:
        """Return the name that a name is an alias of in the end, which may be itself, and what its servers say."""
        for _ in range(ALIASES):
            answer = self.ask(name, kind)
            if not answer.target:
                return name, answer
            name = answer.target
        raise Broken(f"{name} is an alias of an alias, more often than CAs follow")


def found_servers(zone: str) -> list[str]:
    """Return the name servers of a zone, by this system's resolver, or nothing where the name is no zone of its own."""
    try:
        answer = dns.resolver.resolve(f"{zone}.", "NS", raise_on_no_answer=False, lifetime=3 * QUERY_TIMEOUT)
    except dns.resolver.NXDOMAIN:
        return []
    except dns.resolver.NoNameservers as error:
        # A resolver that nothing leads out of says so of all names.
        if "SERVFAIL" in str(error) and is_heard(zone.rpartition(".")[2]):
            raise Broken(f"the resolver answers SERVFAIL for {zone}: its DNSSEC, or a name server, is broken") from None
        raise Unanswered(f"the resolver does not answer for {zone}") from None
    except (dns.exception.DNSException, OSError):
        raise Unanswered(f"the resolver does not answer for {zone}") from None
    # Of an alias, these would be the servers of what it leads to.
    own = [rrset for rrset in answer.response.answer if rrset.name == dns.name.from_text(zone)]
    found = (rdata for rrset in own if rrset.rdtype == dns.rdatatype.NS for rdata in rrset)
    return sorted(rdata.target.to_text(omit_final_dot=True).lower() for rdata in found)


def is_heard(zone: str) -> bool:
    """Tell whether this system's resolver knows anything of a zone, be it that it is not there."""
    try:
        dns.resolver.resolve(f"{zone}.", "NS", raise_on_no_answer=False, lifetime=3 * QUERY_TIMEOUT)
    except dns.resolver.NXDOMAIN:
        return True
    except (dns.exception.DNSException, OSError):
        return False
    return True


def addresses(server: str) -> list[tuple[str, int]]:
    """Return addresses and port of a name server; those of IPv6 only where it has no other."""
    host, port = server, "53"
    if server.count(":") == 1 or "]:" in server:
        host, _, port = server.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
    except (OSError, ValueError):
        return []
    legacy = [place for place in found if place[0] == socket.AF_INET]
    return [(str(place[4][0]), int(port)) for place in legacy or found]


def look(check: Check, known: list[str] | None = None) -> Verdict:
    """Return the verdict on a certificate's names; raise Unanswered where nothing is known of a name.

    At `known` addresses this server has been found before: where they are not its own and it can't reach them itself,
    a router that sends nobody back is the reason, and nothing is said. Without `known` it is not the server that looks:
    to what no way leads from there, such as to IPv6, is left to the server, and the verdict is partial.
    """
    if not HAS_DNS:
        raise Unanswered("dnspython is missing (python3-dnspython, in tls_packages)")
    zones, mistakes = Zones(check.nameservers), list[str]()
    view = View(known is not None, set(known or []))
    for domain in check.domains:
        host = domain.removeprefix("*.")
        try:
            if check.challenge == "dns-01":
                mistakes += delegated(zones, host)
            else:
                mistakes += unreachable(zones, host, check, view)
            mistakes += forbidden(zones, domain, check)
        except Broken as broken:
            mistakes.append(f"{domain}: {broken}")
        except dns.exception.DNSException as error:
            mistakes.append(f"{domain} can't be asked for: {str(error).rstrip('.')}")
    return Verdict(list(dict.fromkeys(mistakes)), sorted(view.reached), view.is_partial)


def make_probe(webroot: str) -> str:
    """Put a file where the challenges will be, and return its name, which is its content, too."""
    folder = challenge_folder(webroot)
    for old in folder.glob("probe-*"):
        # Of a run that was killed.
        if time.time() - old.stat().st_mtime > PROBE_LIFE:
            old.unlink(missing_ok=True)
    probe = folder / f"probe-{secrets.token_hex(8)}"
    probe.write_text(probe.name)
    probe.chmod(0o644)
    return probe.name


def challenge_folder(webroot: str) -> Path:
    """Make the folder of the challenges, which web servers can read whatever this process's umask is, and return it."""
    folder = Path(webroot)
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    for name in CHALLENGES.split("/"):
        folder = folder / name
        folder.mkdir(exist_ok=True)
        mode = folder.stat().st_mode
        if mode & 0o755 != 0o755:
            folder.chmod(mode | 0o755)
    return folder


def remove_probe(webroot: str, probe: str) -> None:
    """Remove a file that make_probe has made."""
    if probe.startswith("probe-"):
        Path(webroot, CHALLENGES, Path(probe).name).unlink(missing_ok=True)


def unreachable(zones: Zones, domain: str, check: Check, view: View) -> Iterator[str]:
    """Return a sentence for each address of a name at which another than this server answers, or nobody.

    A web server that is down keeps no name from its renewal that is found at another address.
    """
    found, lacking = dict[str, str](), dict[str, list[str]]()
    for kind in ("A", "AAAA"):
        target, answer = zones.followed(domain, kind)
        found |= dict.fromkeys(answer.values, kind)
        lacking[kind] = answer.lacking
    # Each server must have one of the two.
    if without := [server for server in lacking["A"] if server in lacking["AAAA"]]:
        alias = f" is an alias of {target}, which" if target != domain else ""
        more = f" and {len(without) - 3} others" if len(without) > 3 else ""
        yield f"{domain}{alias} has no A or AAAA record at {', '.join(without[:3])}{more}"
    mistakes, silent = dict[str, str](), set[str]()
    for address in sorted(found):
        try:
            mistakes[address] = asked(address, domain, check.probe)
        except Silent as error:
            mistakes[address] = str(error)
            silent.add(address)
    here = {address for address, mistake in mistakes.items() if not mistake}
    view.reached |= here
    passed = here | (silent if here and domain in check.renewed else set())
    for address in (address for address in mistakes if address not in passed):
        if not view.excuses(address, address not in silent or is_routed(address)):
            yield f"{domain}: its {found[address]} record leads to {address}, where {mistakes[address]}"


def asked(address: str, domain: str, probe: str) -> str:
    """Return what is wrong with the answer of an address that is asked for a probe file, or nothing; raise Silent.

    As a CA does, it follows redirects, also to https, whatever certificate is there.
    """
    url, status = f"http://{domain}/{CHALLENGES}/{probe}", 0
    for _ in range(REDIRECTS):
        target = urlsplit(url)
        host = target.hostname or ""
        is_secure = target.scheme == "https"
        try:
            status, location, body = fetched(address if host == domain else host, target, is_secure, len(probe))
        except (OSError, ValueError, http.client.HTTPException) as error:
            port = 443 if is_secure else 80
            raise Silent(f"port {port} does not answer ({error or type(error).__name__})") from None
        if status == http.client.OK and body.strip() == probe.encode():
            return ""
        url = urljoin(url, location)
        if status not in (301, 302, 303, 307, 308) or not location or not url.startswith(("http://", "https://")):
            break
    return f"another server answers, or this one not from its webroot (status {status})"


def fetched(address: str, target: SplitResult, is_secure: bool, length: int) -> tuple[int, str, bytes]:
    """Return status, Location and the beginning of what an address answers for a URL; raise OSError and others."""
    connection = http.client.HTTPConnection(address, 443 if is_secure else 80, timeout=PROBE_TIMEOUT)
    try:
        if is_secure:
            connection.connect()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection.sock = context.wrap_socket(connection.sock, server_hostname=target.hostname)
        path = target.path or "/"
        connection.request("GET", f"{path}?{target.query}" if target.query else path, headers={"Host": target.netloc})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", ""), answer.read(length + 1)
    finally:
        connection.close()


def is_own(address: str) -> bool:
    """Tell whether an address is one of this machine's."""
    try:
        with socket.socket(family(address), socket.SOCK_DGRAM) as here:
            here.bind((address, 0))
    except OSError:
        return False
    return True


def is_routed(address: str) -> bool:
    """Tell whether a way leads from this machine to an address; nothing is sent."""
    try:
        with socket.socket(family(address), socket.SOCK_DGRAM) as here:
            here.connect((address, 80))
    except OSError:
        return False
    return True


def family(address: str) -> socket.AddressFamily:
    """Return the family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def delegated(zones: Zones, domain: str) -> Iterator[str]:
    """Return a sentence where the challenge's name is an alias, which certbot's plugins would write beside."""
    name = f"_acme-challenge.{domain}"
    if target := zones.ask(name, "CNAME").target:
        yield f"{name} is a CNAME to {target}, which certbot's plugins do not follow: remove it"


def forbidden(zones: Zones, domain: str, check: Check) -> Iterator[str]:
    """Return a sentence where CAA records let others issue for a name, and not this CA by this challenge (RFC 8659)."""
    if not check.identities:
        return
    labels = domain.removeprefix("*.").split(".")
    # A top-level domain is nobody's to set records in.
    for name in (".".join(labels[start:]) for start in range(len(labels) - 1)):
        try:
            owner, answer = zones.followed(name, "CAA")
        except (Broken, Unanswered):
            # Servers that were named for the site's zone need not know the one above it.
            if zones.nameservers and name != ".".join(labels):
                return
            raise
        if answer.values:
            if not allows(answer.values, domain.startswith("*."), check):
                where = f" (by {owner})" if owner != name else ""
                shown = ", ".join(sorted(answer.values))
                yield f"{domain}: the CAA record of {name}{where}, {shown}, does not let {check.identities[0]} issue"
            return


def allows(records: set[str], is_wildcard: bool, check: Check) -> bool:
    """Tell whether a set of CAA records lets a CA issue by a challenge."""
    tags: dict[str, list[str]] = {}
    for record in records:
        flags, tag, value = record.split(" ", 2)
        if int(flags) & CRITICAL and tag.lower() not in KNOWN_TAGS:
            return False
        tags.setdefault(tag.lower(), []).append(value.strip('"'))
    kind = "issuewild" if is_wildcard and "issuewild" in tags else "issue"
    return kind not in tags or any(names(value, check) for value in tags[kind])


def names(value: str, check: Check) -> bool:
    """Tell whether the value of a CAA record names a CA, and a challenge where it names any."""
    authority, *parameters = (part.strip() for part in value.split(";"))
    # To which account it binds is known to the CA alone.
    methods = [text.partition("=")[2].split(",") for text in parameters if text.startswith("validationmethods=")]
    return authority.lower() in check.identities and all(check.challenge in listed for listed in methods)
