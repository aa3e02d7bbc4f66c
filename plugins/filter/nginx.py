"""The filters of the nginx role: what is wrong with its variables, and what its server has besides."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx_locations import location_mistakes
from ansible_collections.foobar.webstack.plugins.plugin_utils.systems import without_packages

# A site, one of its locations, or an upstream.
Entry = Mapping[str, Any]

# The first version of each system whose own nginx is 1.22 or newer.
_FIRST_MAJORS = {"Debian": 12, "Ubuntu": 24}
_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_HOST_NAME = re.compile(rf"(\*\.)?({_LABEL}\.)*{_LABEL}", re.IGNORECASE)
_LISTEN = re.compile(r"([0-9.]+:|\[[0-9a-fA-F:]+\]:|\*:)?[0-9]{1,5}( (ssl|http2|proxy_protocol))*")
_SERVER = re.compile(r"unix:/.*|[^/ ]+:[0-9]{1,5}")


def nginx_system_mistakes(facts: Mapping[str, Any]) -> list[str]:
    """Return why the distribution's own nginx is too old, by the facts of a server, or nothing."""
    system, version = str(facts.get("distribution", "")), str(facts.get("distribution_version", ""))
    major = re.match(r"\d+", version)
    if not major or int(major[0]) >= _FIRST_MAJORS.get(system, 0):
        return []
    return [f"nginx_repository: {system} {version} has an nginx older than 1.22; set nginx.org."]


def nginx_syntax(version: str) -> dict[str, bool]:
    """Return what the configuration has to mind of a version of nginx, such as `1.22.1-9+deb12u3`.

    Without a version it is a recent one. `http2_on_listen` says that HTTP/2 is a word of the listen directive, after
    which plain connections speak nothing else, and `rotates_ticket_keys` that session tickets stay safe.
    """
    numbers = tuple(int(number) for number in re.findall(r"\d+", re.split("[^0-9.]", version)[0])) or (9,)
    return {"http2_on_listen": numbers < (1, 25, 1), "rotates_ticket_keys": numbers >= (1, 23, 2)}


def nginx_completed(sites: list[Entry], listen: list[str], listen_ssl: list[str], ipv6: bool) -> list[dict[str, Any]]:
    """Return sites with the keys that follow from their others: what they listen on, HTTP/2, key and redirect.

    `listen` is for those that don't say it themselves, `listen_ssl` is added for those with a certificate. Without
    `ipv6` its addresses are left out.
    """
    return [_completed(site, listen, listen_ssl, ipv6) for site in sites]


def _completed(site: Entry, listen: list[str], listen_ssl: list[str], ipv6: bool) -> dict[str, Any]:
    """Return one site with these keys."""
    has_certificate = "ssl_certificate" in site
    key = {"ssl_certificate_key": site["ssl_certificate"]} if has_certificate else {}
    wanted = [*site.get("listen", listen), *(listen_ssl if has_certificate else [])]
    by_address: dict[str, str] = {}
    for words in map(str, wanted):
        if ipv6 or not words.startswith("["):
            by_address.setdefault(_address(words), words)
    usual = {"http2": has_certificate, "ssl_redirect": has_certificate, **key}
    return {**usual, **site, "listen": list(by_address.values())}


def nginx_mistakes(
    sites: list[Entry],
    upstreams: list[Entry],
    listen: list[str],
    http_options: Mapping[str, Any],
    proxy_headers: Mapping[str, str],
) -> list[str]:
    """Return one sentence for each mistake in the variables; `proxy_headers` are the role's own."""
    names = {str(upstream["name"]) for upstream in upstreams}
    return [
        *_name_mistakes(sites, listen),
        *_listen_mistakes(sites, listen),
        *_network_mistakes(sites),
        *(f"nginx_sites: {mistake}" for site in sites for mistake in location_mistakes(site, names, proxy_headers)),
        *_upstream_mistakes(upstreams),
        *_option_mistakes(sites, http_options),
    ]


def _name_mistakes(sites: list[Entry], listen: list[str]) -> Iterator[str]:
    """Find what is no host name, what two sites claim, and what can't be redirected to."""
    places: list[tuple[str, str]] = []
    for site in sites:
        server_name = str(site["server_name"])
        names = _names(site)
        ports = [port for words in site.get("listen", listen) for port in str(words).split()[:1]]
        places += [(name.lower(), port) for name in names for port in ports]
        for name in names:
            if not _HOST_NAME.fullmatch(name):
                yield (
                    f"nginx_sites: {name} is no host name; leave out scheme, port and path, and write other letters "
                    "than ASCII's as xn--…"
                )
        if not server_name.strip() or server_name.startswith("*"):
            yield f"nginx_sites: server_name must begin with a full name, not {json.dumps(server_name)}."
    for (name, port), times in Counter(places).items():
        if times > 1:
            yield f"nginx_sites: {name} stands there more than once for {port}; give each name to one site."


def _names(site: Entry) -> list[str]:
    """Return every name that a site answers for."""
    return [
        *str(site["server_name"]).split(),
        *(str(name) for key in ("redirect_from", "preview_names") for name in site.get(key, [])),
    ]


def _listen_mistakes(sites: list[Entry], listen: list[str]) -> Iterator[str]:
    """Find what is no address to listen on, and words that are for the role to say, such as default_server."""
    for words in dict.fromkeys(map(str, listen + [words for site in sites for words in site.get("listen", [])])):
        if not _LISTEN.fullmatch(words):
            yield (
                f"nginx_listen: {words} is neither a port nor address:port, such as 80 or [::]:80, with ssl, http2 or "
                "proxy_protocol behind it at most."
            )


def _network_mistakes(sites: list[Entry]) -> Iterator[str]:
    """Find what nobody can come from: during maintenance, or as a proxy in front."""
    for key in ("maintenance_allow", "trusted_proxies"):
        for network in dict.fromkeys(str(network) for site in sites for network in site.get(key, [])):
            if not _is_network(network):
                yield f"nginx_sites: {network} in {key} is neither an address nor a network, such as 192.0.2.0/24."


def _is_network(text: str) -> bool:
    """Tell whether nginx takes a text for an address or a network; it knows no netmasks and no scopes."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return not re.search(r"/.*\.|%", text)


def _upstream_mistakes(upstreams: list[Entry]) -> Iterator[str]:
    """Find upstreams that can't be named, and those whose servers nginx would refuse."""
    times = Counter(str(upstream["name"]) for upstream in upstreams)
    for upstream in upstreams:
        name, method, servers = str(upstream["name"]), upstream.get("method", ""), upstream["servers"]
        backups = [boolean(server.get("backup", False), strict=False) for server in servers]
        if times[name] > 1 or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            yield f"nginx_upstreams: {name} must be unique and made of letters, digits, - and _."
        if all(backups):
            yield f"nginx_upstreams: {name} needs a server that is no backup."
        if method in ("ip_hash", "random") and any(backups):
            yield f"nginx_upstreams: {name} can't have a backup with the method {method}."
        for server in servers:
            if not _SERVER.fullmatch(str(server["address"])):
                yield f"nginx_upstreams: {server['address']} in {name} is neither unix:/path nor host:port."


def _option_mistakes(sites: list[Entry], http_options: Mapping[str, Any]) -> Iterator[str]:
    """Find values that nginx would not take, and options that would undo what the role does for safety."""
    for site in sites:
        name = site["server_name"]
        if not re.fullmatch(r"\d+[kKmMgG]?", str(site.get("client_max_body_size", 0))):
            yield f"nginx_sites: client_max_body_size of {name} must be a number with k, m or g behind it, such as 10m."
        if not re.fullmatch(r"\d+r/[sm]", str(site.get("limit_req_rate", "1r/s"))):
            yield f"nginx_sites: limit_req_rate of {name} must be a number with r/s or r/m behind it, such as 10r/s."
    blocks = sites + [location for site in sites for location in site["locations"]]
    if any(
        "proxy_set_header" in options for options in [http_options, *(block.get("options", {}) for block in blocks)]
    ):
        yield (
            "nginx_sites: proxy_set_header under options would drop the headers that nothing may forge; use the "
            "location's own key."
        )


def nginx_conflicts(
    servers: list[Entry], host: str, sites: list[Entry], listen: list[str], include: bool, take_over: bool
) -> list[str]:
    """Return one sentence for each way in which the role would end what nginx on a host answers for today.

    `servers` are those of the module nginx_configuration; `include` and `take_over` are what the user has decided.
    """
    lost = [server for server in servers if not (server["kept"] or server["ours"] or server["packaged"])]
    if lost and not (include or take_over):
        return [
            f"nginx on {host} has sites that this role did not write and would no longer serve: {_by_file(lost)}. "
            "Set nginx_include_existing: true to keep them beside nginx_sites, or nginx_take_over: true to serve "
            "nginx_sites only (the files stay on disk, unread)."
        ]
    if lost and include:
        return [
            "nginx_include_existing keeps /etc/nginx/conf.d/*.conf and /etc/nginx/sites-enabled/*, and these sites of "
            f"{host} are elsewhere: {_by_file(lost)}. Move them into a file in /etc/nginx/conf.d, or name their file "
            "in nginx_http_options: {include: /path/of/the/file}."
        ]
    return list(_double_names([server for server in servers if server["kept"]], sites, listen)) if include else []


def _by_file(servers: list[Entry]) -> str:
    """Name the files of servers, each with its host names."""
    names: dict[str, list[str]] = {}
    for server in servers:
        names.setdefault(server["file"], []).extend(server["names"])
    return ", ".join(
        f"{file} ({', '.join(dict.fromkeys(found)) or 'without a server_name'})" for file, found in names.items()
    )


def _double_names(kept: list[Entry], sites: list[Entry], listen: list[str]) -> Iterator[str]:
    """Find the names that an entry of nginx_sites and a kept server both claim for the same port."""
    claimed = {
        (name.lower(), _port(words)): server
        for server in kept
        for name in server["names"]
        for words in server["listen"] or ["80"]
    }
    for site in sites:
        for name in _names(site):
            for port in dict.fromkeys(_port(str(words)) for words in site.get("listen", listen)):
                if server := claimed.get((name.lower(), port)):
                    yield (
                        f"nginx_sites: {name} is also in {server['file']}, for the same port {port}; take it out of "
                        "one of them."
                    )


def nginx_free_addresses(addresses: list[str], servers: list[Entry]) -> list[str]:
    """Return those of some addresses to listen on, in nginx's own words, at which no kept server listens."""
    kept = [server for server in servers if server["kept"]]
    taken = {_address(words) for server in kept for words in server["listen"] or ["80"]}
    return [words for words in addresses if _address(words) not in taken]


def _address(words: str) -> str:
    """Return the address and port of a listen directive in one form."""
    address = words.split()[0].lower()
    # Without a port it is 80.
    if not (address.isdecimal() or re.search(r"^unix:|:\d+$", address)):
        address += ":80"
    return address.removeprefix("*:").removeprefix("0.0.0.0:")


def _port(words: str) -> str:
    """Return the port of a listen directive."""
    return _address(words).rpartition(":")[2]


# What the distribution's nginx consists of beside its modules.
_PARTS = ("nginx-common", "nginx-core", "nginx-extras", "nginx-full", "nginx-light")


def nginx_installation(state: Mapping[str, Any], packages: list[str], may_restart: bool) -> dict[str, list[str]]:
    """Return which packages are to be installed, by the result of the module server_state.

    `missing` are to be installed now; of these `replaced` take the place of an nginx that is there, and `removable` are
    the packages that go with it. `postponed` would be replaced, too, if a restart were wanted.
    """
    missing = [name for name in packages if name in state["missing_packages"]]
    is_there = state["packages"]["nginx"]["status"] == "installed"
    replaced = [name for name in missing if is_there and name.startswith("nginx=")]
    postponed = [] if may_restart else replaced
    lists = state["paths"]["/var/lib/dpkg/info/libnginx-mod-*.list"]
    modules = [re.sub(r".*/|:.*|\.list$", "", path) for path in lists]
    return {
        "missing": [name for name in missing if name not in postponed],
        "replaced": [name for name in replaced if name not in postponed],
        "removable": [*_PARTS, *modules] if replaced and may_restart else [],
        "postponed": postponed,
    }


def nginx_repository_refusal(release: Mapping[str, Any], host: str, url: str, suite: str) -> str:
    """Return why a host can't get nginx from the repository of nginx.org, by what that has told, or an empty text."""
    refusal = without_packages(host, release, f"nginx_repository_url ({url}, suite {suite})")
    return refusal and (
        f"{refusal}: set nginx_repository to distribution, or name a repository that has nginx for "
        f"{release['architecture']}."
    )


def nginx_action(service: Mapping[str, Any], has_new_files: bool, is_outdated: bool, may_restart: bool) -> str:
    """Return what a running nginx needs: `reload`, `restart` or nothing.

    `service` is the unit's state, `has_new_files` says that a reload takes something up, and `is_outdated` that only a
    restart takes something else up.
    """
    if service["active_state"] not in ("active", "activating", "reloading", "refreshing"):
        return ""  # It is started instead, and reads everything.
    # What is started again and again can't be reloaded.
    if (is_outdated and may_restart) or (has_new_files and service["active_state"] == "activating"):
        return "restart"
    # A reload that nginx turned down, whoever asked for it, is asked for again.
    return "reload" if has_new_files or service["reload_result"] != "success" else ""


def nginx_pending_restart(host: str, package: bool, unit: bool, drop_in: str) -> str:
    """Return the sentence about what waits for a restart of nginx on a host, its package or its unit, or nothing."""
    way_out = "add -e nginx_restart=true to the next run"
    if package:
        return (
            f"nginx on {host} is still the package of the distribution: replacing it by the one of nginx.org restarts "
            f"nginx; {way_out}."
        )
    if unit:
        return (
            f"nginx on {host} runs with older settings than {drop_in} has, until it is restarted; {way_out}, or run "
            "systemctl restart nginx there."
        )
    return ""


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {
            "nginx_mistakes": nginx_mistakes,
            "nginx_syntax": nginx_syntax,
            "nginx_completed": nginx_completed,
            "nginx_system_mistakes": nginx_system_mistakes,
            "nginx_conflicts": nginx_conflicts,
            "nginx_free_addresses": nginx_free_addresses,
            "nginx_installation": nginx_installation,
            "nginx_repository_refusal": nginx_repository_refusal,
            "nginx_action": nginx_action,
            "nginx_pending_restart": nginx_pending_restart,
        }
