"""What an entry of `sites` says about HTTPS, and what follows from it for its certificate, nginx and DNS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.foobar.webstack.plugins.plugin_utils.ascii_names import ascii_name
from ansible_collections.foobar.webstack.plugins.plugin_utils.site_names import names, stated_zones

Entry = dict[str, Any]

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
YEAR = 365 * 86400
# Keys that say something of an order.
OF_ORDERS = {"caa", "profile", "staging"}
# How CAs call themselves in CAA records, by the host of their directory.
CAA_ISSUERS = {
    "acme-v02.api.letsencrypt.org": "letsencrypt.org",
    "acme-staging-v02.api.letsencrypt.org": "letsencrypt.org",
    "acme.zerossl.com": "sectigo.com",
    "dv.acme-v02.api.pki.goog": "pki.goog",
    "acme.ssl.com": "ssl.com",
}


def with_tls(sites: Iterable[Entry], default: Entry) -> list[Entry]:
    """Return sites with all that is said about each one's certificate: by itself, for all of them, or by nobody.

    What is said of orders for all of them is nothing to a site that orders none.
    """
    complete = []
    for site in sites:
        own = site.get("tls", {})
        source = own.get("provider", default.get("provider", "acme"))
        further = {key: value for key, value in default.items() if source == "acme" or key not in OF_ORDERS}
        complete.append({**site, "tls": {**further, **own, "provider": source}})
    return complete


def provider(site: Entry) -> str:
    """Return where a site's certificate comes from; one that was not given by `with_tls` has none."""
    return str(site.get("tls", {}).get("provider", "none"))


def scheme(site: Entry) -> str:
    """Return the scheme of a visitor's request: a proxy in front that is trusted ends TLS itself."""
    return "http" if provider(site) == "none" and not site.get("trusted_proxies") else "https"


def certificate(site: Entry) -> Entry:
    """Return the entry of `tls_certificates` for a site."""
    tls = site["tls"]
    return {
        "name": site["domain"],
        "domains": list(dict.fromkeys([*names(site), *tls.get("names", [])])),
        "provider": tls["provider"],
        # It may name others, too, and what it says of all names below one is served for each of them.
        **({"served": names(site)} if tls.get("names") or any(name.startswith("*.") for name in names(site)) else {}),
        **{key: tls[key] for key in ("certificate", "private_key", "profile") if key in tls},
        **({"acme_directory": STAGING} if tls.get("staging") else {}),
    }


def nginx_keys(site: Entry, path: str) -> Entry:
    """Return the keys of an entry of `nginx_sites` by which a site is served over HTTPS, from a folder's files."""
    proxies = {"trusted_proxies": site["trusted_proxies"]} if "trusted_proxies" in site else {}
    if provider(site) == "none":
        return proxies
    tls, files = site["tls"], f"{path}/{site['domain']}"
    return {
        **proxies,
        "ssl_certificate": f"{files}.pem",
        # The role tls makes it before nginx reads it.
        "ssl_certificate_managed": True,
        # A new alias is not redirected before the certificate names it.
        "ssl_trusted_file": f"{path}/$host.trusted",
        "hsts_long_file": f"{files}.hsts",
        "hsts_max_age": tls.get("hsts_max_age", YEAR),
        **{key: tls[key] for key in ("hsts_include_subdomains", "hsts_preload") if key in tls},
    }


def served_at(listen: list[str]) -> str:
    """Return where a server can look at its own certificates, by where nginx listens, or nothing where it can't."""
    words = listen[0].split()
    if "proxy_protocol" in words:
        return ""
    host, _, port = words[0].rpartition(":")
    own = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
    return f"{own.get(host, host)}:{port}"


def caa_issuer(directory: str) -> str:
    """Return how the CA of a directory calls itself in CAA records, or nothing where that is not known."""
    return CAA_ISSUERS.get(urlsplit(directory or LETS_ENCRYPT).hostname or "", "")


def caa_records(site: Entry, hosts: list[str], issuer: str) -> list[Entry]:
    """Return the records by which no other CA may issue for some names of a site, or none where nobody asks for it.

    It is added to those that are there, as another certificate of the domain may come from elsewhere.
    """
    if provider(site) != "acme" or not site["tls"].get("caa"):
        return []
    # No issuewild: it would end the wildcards of another CA that is allowed by an issue of its own.
    value = [f'0 issue "{issuer}"']
    return [{"record": host, "type": "CAA", "value": value, "merge": True} for host in hosts]


def tls_mistakes(sites: list[Entry], directory: str, issuer: str, challenge: str) -> Iterator[str]:
    """Find mistakes in names and certificates of sites that are complete, for a CA by its directory and challenge.

    What is wrong with a certificate itself is for the role tls to say.
    """
    given = Counter(name for site in sites for name in names(site))
    for name in (name for name, times in given.items() if times > 1):
        yield f"sites: {name} stands there more than once; give each name to one site, once."
    for site in sites:
        tls, domain = site["tls"], site["domain"]
        zones = stated_zones(site)
        for name in [*names(site), *tls.get("names", [])]:
            if not name.isascii():
                yield f"sites: {name} is {ascii_name(name)} to name servers and CAs; write it like that."
        is_public = tls["provider"] == "acme" and directory in ("", LETS_ENCRYPT, STAGING)
        for name in names(site) if is_public else []:
            if "." not in name or re.fullmatch(r"[\d.]+", name):
                yield f"sites: {name} of {domain} is no name on the internet: set provider: none or self_signed in tls."
        for name in tls.get("names", []):
            if name.isascii() and not any(f".{name}".endswith(f".{zone}") for zone in zones):
                yield f"sites: names in tls of {domain} has {name}, which is not in the zone {zones[0]}; take it out."
            elif tls["provider"] == "acme" and challenge != "dns-01" and not name.startswith("*."):
                yield f"sites: names in tls of {domain} has {name}, at which a CA finds nobody; make it an alias."
        further = site.get("nginx", {}) if tls["provider"] != "none" else {}
        for key in sorted({*further, *further.get("options", {})}):
            if key.startswith(("ssl_certificate", "ssl_redirect", "ssl_trusted", "hsts_")):
                yield f"sites: {key} of nginx of {domain} follows from its tls: take it out, or set provider: none."
        if tls.get("staging") and (tls["provider"] != "acme" or directory not in ("", LETS_ENCRYPT, STAGING)):
            yield f"sites: staging in tls of {domain} is Let's Encrypt's; take it out, or order from that CA."
        if tls.get("caa") and tls["provider"] == "acme" and not issuer:
            yield (
                f"sites: caa in tls of {domain} needs to know how {directory} calls itself in CAA records; set "
                "caa_issuer, such as letsencrypt.org."
            )


def default_mistakes(default: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each key of `default_tls` that only one site can have."""
    return [
        f"default_tls: {key} is one site's; set it in tls of that site."
        for key in ("certificate", "private_key", "names")
        if key in default
    ]
