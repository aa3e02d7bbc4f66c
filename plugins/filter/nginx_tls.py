"""The filters of the nginx role about HTTPS: what is wrong with it, and what a server has for it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

# An entry of nginx_sites.
Site = Mapping[str, Any]

# The first version of each system whose OpenSSL is 3.5, the first one with ML-KEM.
_FIRST_POST_QUANTUM = {"Debian": (13, 0), "Ubuntu": (25, 10)}
_GROUPS = "X25519:prime256v1:secp384r1"
# A year: with less no browser takes a site into its list.
_PRELOAD_MIN_AGE = 31_536_000
_FILES = ("ssl_certificate", "ssl_certificate_key", "ssl_trusted_file", "hsts_long_file")
# What nginx takes for one word without quotes, and for one file.
_PATH = re.compile(r"(/[\w.@:+,~%-]+)+")
# The one variable that a path may hold: nginx has made it lower case, and lets neither a slash nor two dots in.
_HOST = re.compile(r"\$host\b|\$\{host\}")
_CHALLENGES = "/.well-known/acme-challenge/"
_IPV6 = "/proc/net/if_inet6"


def nginx_ecdh_curve(facts: Mapping[str, Any]) -> str:
    """Return the groups for the key exchange that a server's OpenSSL knows, by its facts, the best first.

    nginx does not start with one that OpenSSL doesn't know, so of an unknown system the oldest is thought.
    """
    numbers = [int(number) for number in re.findall(r"\d+", str(facts.get("distribution_version", "")))[:2]]
    first = _FIRST_POST_QUANTUM.get(str(facts.get("distribution", "")))
    return f"X25519MLKEM768:{_GROUPS}" if first and (*numbers, 0, 0)[:2] >= first else _GROUPS


def nginx_certificates(sites: Sequence[Site]) -> list[str]:
    """Return the paths of the files that must be on a server before nginx is configured."""
    own = [site for site in sites if not _is_on(site, "ssl_certificate_managed")]
    files = [str(site[key]) for site in own for key in ("ssl_certificate", "ssl_certificate_key") if key in site]
    return list(dict.fromkeys(files))


def nginx_lacks(paths: Mapping[str, list[str]], host: str, sites: Sequence[Site], addresses: list[str]) -> list[str]:
    """Return one sentence for each thing that a host lacks for its sites and for the addresses to listen on.

    `paths` is what the module server_state has found of the certificates and of /proc/net/if_inet6.
    """
    six = next((words.split()[0] for words in map(str, addresses) if words.startswith("[")), None)
    lacking = [] if six is None or paths[_IPV6] else [six]
    return [
        *(
            f"nginx_sites: {file} is not on {host}; put it there first, or set ssl_certificate_managed if it is made "
            "before nginx is configured."
            for file in nginx_certificates(sites)
            if not paths[file]
        ),
        *(
            f"nginx_ipv6: {host} has no IPv6, so nginx can't listen on {words}; set nginx_ipv6: false."
            for words in lacking
        ),
    ]


def nginx_tls_mistakes(
    sites: Sequence[Site], listen_ssl: list[str], acme_root: str, acme_peers: list[str]
) -> list[str]:
    """Return one sentence for each mistake in what the variables say about HTTPS and challenges.

    `sites` are those of the filter nginx_completed.
    """
    return [
        *(f"nginx_sites: {mistake}" for site in sites for mistake in _site_mistakes(site)),
        *(
            f"nginx_listen_ssl: {words} lacks the word ssl, as in 443 ssl."
            for words in map(str, listen_ssl)
            if "ssl" not in words.split()
        ),
        *_challenge_mistakes(sites, acme_root, acme_peers),
    ]


def _site_mistakes(site: Site) -> Iterator[str]:
    """Find what is wrong with a site's HTTPS, as the rest of a sentence."""
    name = str(site["server_name"])
    for key in (key for key in _FILES if key in site):
        path = str(site[key])
        if not _PATH.fullmatch(_HOST.sub("host", path) if key == "ssl_trusted_file" else path):
            yield f"{key} of {name} must be the path of one file, without spaces, quotes, variables and patterns."
    if "ssl_certificate_key" in site and "ssl_certificate" not in site:
        yield f"ssl_certificate_key of {name} needs ssl_certificate."
    has_https = bool(site.get("trusted_proxies")) or any("ssl" in str(words).split() for words in site["listen"])
    if not has_https and (_is_on(site, "ssl_redirect") or "hsts_max_age" in site):
        key = "hsts_max_age" if "hsts_max_age" in site else "ssl_redirect"
        yield f"{key} of {name} needs ssl_certificate, or trusted_proxies that speak HTTPS with visitors."
    yield from _hsts_mistakes(site, name)


def _hsts_mistakes(site: Site, name: str) -> Iterator[str]:
    """Find what browsers would not take for HSTS, as the rest of a sentence."""
    age = int(site.get("hsts_max_age", 0))
    if age < 0:
        yield f"hsts_max_age of {name} must be a number of seconds, 0 or more."
    if _is_on(site, "hsts_preload") and (age < _PRELOAD_MIN_AGE or not _is_on(site, "hsts_include_subdomains")):
        yield f"hsts_preload of {name} needs hsts_include_subdomains and an hsts_max_age of {_PRELOAD_MIN_AGE} or more."


def _challenge_mistakes(sites: Sequence[Site], root: str, peers: list[str]) -> Iterator[str]:
    """Find what would keep a CA from its challenges."""
    if root and not _PATH.fullmatch(root):
        yield "nginx_acme_root must be the path of a folder, without spaces, quotes, variables and patterns."
    if peers and not root:
        yield "nginx_acme_peers needs nginx_acme_root, below which a server looks first."
    for peer in peers:
        if not _is_address(str(peer)):
            yield f"nginx_acme_peers: {peer} is no IP address."
    for site in sites:
        paths = [str(location["path"]) for location in site["locations"]]
        if root and any(path.split()[-1:] == [_CHALLENGES] for path in paths):
            yield (
                f"nginx_sites: location {_CHALLENGES} of {site['server_name']} is the role's own with "
                "nginx_acme_root; take one of them out."
            )


def _is_on(site: Site, key: str) -> bool:
    """Tell whether a site's key is there and true, in whatever words."""
    return bool(boolean(site.get(key, False), strict=False))


def _is_address(text: str) -> bool:
    """Tell whether a text is an IP address that nginx can connect to."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {
            "nginx_ecdh_curve": nginx_ecdh_curve,
            "nginx_certificates": nginx_certificates,
            "nginx_lacks": nginx_lacks,
            "nginx_tls_mistakes": nginx_tls_mistakes,
        }
