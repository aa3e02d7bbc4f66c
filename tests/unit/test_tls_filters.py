"""The filters that find mistakes in the tls role's variables, and that make files of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.tls import tls_files, tls_mistakes, tls_wanted

from tests.unit.tls_authority import KINDS, Authority, openssl

ACME = {
    "acme_directory": "https://acme-v02.api.letsencrypt.org/directory",
    "acme_eab_kid": "",
    "acme_eab_hmac_key": "",
    "challenge": "http-01",
    "dns_plugin": "",
    "dns_credentials": {},
    "nameservers": [],
    "webroot": "/var/lib/tls/webroot",
}
DNS: dict[str, Any] = {
    "challenge": "dns-01",
    "dns_plugin": "rfc2136",
    "dns_credentials": {"dns_rfc2136_secret": "canary"},
}


def made(*names: str, kind: str = "ec") -> tuple[str, str]:
    """Return a self-signed certificate for some names, and its key."""
    key = openssl("genpkey", "-algorithm", kind.upper(), *KINDS[kind])
    more = ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)] if names else []
    words = ["-x509", "-key", "/dev/stdin", "-subj", "/CN=own", *more]
    return openssl("req", *words, text=key), key


NAMES = ("foobar.com", "*.foobar.com")
CERTIFICATE, KEY = made(*NAMES)
RSA = made(*NAMES, kind="rsa")
PARAMETERS = openssl("ecparam", "-name", "prime256v1")


def entry(**keys: Any) -> dict[str, Any]:
    """Return a sound certificate with some keys changed."""
    return {"name": "foobar.com", "domains": ["foobar.com", "www.foobar.com"], "provider": "acme", **keys}


def own(**keys: Any) -> dict[str, Any]:
    """Return a sound certificate of one's own with some keys changed."""
    return entry(provider="files", **{"certificate": CERTIFICATE, "private_key": KEY, **keys})


def pair(made: tuple[str, str]) -> dict[str, Any]:
    """Return a certificate of one's own with its key."""
    return own(certificate=made[0], private_key=made[1])


def encrypted(key: str) -> str:
    """Return a key that asks for a passphrase."""
    return openssl("pkcs8", "-topk8", "-passout", "pass:canary", text=key)


def mistakes(*certificates: dict[str, Any], system: str = "Debian 13", **acme: Any) -> list[str]:
    """Return what is wrong with certificates and the usual CA, some of whose variables are changed."""
    distribution, _, version = system.partition(" ")
    facts = {"distribution": distribution, "distribution_version": version}
    return tls_mistakes(list(certificates), {**ACME, **acme}, facts)


@pytest.mark.parametrize(
    ("certificates", "acme"),
    [
        ([], {}),
        ([entry(), entry(name="other", key_type="rsa", profile="shortlived")], {}),
        ([entry(domains=["foobar.com", "*.foobar.com", "xn--bcher-kva.example"])], DNS),
        ([own(), own(name="rsa", certificate=RSA[0], private_key=RSA[1])], {}),
        # As openssl ecparam -genkey and openssl x509 -text leave them.
        ([own(private_key=f"{PARAMETERS}\n{KEY}", certificate=f"Certificate:\n    Data:\n{CERTIFICATE}")], {}),
        ([entry(domains=[f"{'a' * 63}.foobar.com", f"{'a.' * 122}xfoobar.c"])], {}),
        ([entry(provider="self_signed", domains=["*.foobar.com"])], {"acme_directory": ""}),
        ([entry()], {"acme_eab_kid": "kid", "acme_eab_hmac_key": "canary"}),
        ([entry(acme_directory="https://staging.example/dir")], {}),
        ([entry()], {"nameservers": ["192.0.2.1", "192.0.2.1:5353", "ns1.example.com", "2001:db8::1", "[::1]:53"]}),
    ],
)
def test_sound_variables_pass(certificates: list[dict[str, Any]], acme: dict[str, Any]) -> None:
    assert mistakes(*certificates, **acme) == []


def test_a_certificate_that_has_expired_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    request = openssl("req", "-new", "-subj", "/CN=own", "-key", "/dev/stdin", text=KEY)
    names = "subjectAltName=" + ",".join(f"DNS:{name}" for name in NAMES)
    expired = authority.sign(request, "ca", names, time.time() - 3 * 86400, 2)
    (mistake,) = mistakes(own(certificate=expired))
    assert mistake.startswith("tls_certificates: foobar.com: the certificate has expired on 20")


@pytest.mark.parametrize(
    ("certificate", "sentence"),
    [
        (
            entry(name="../x"),
            "tls_certificates: ../x is no name for a file: use lower-case letters, digits, dots, - and _.",
        ),
        (entry(domains=[]), "tls_certificates: foobar.com has no domains."),
        (
            entry(domains=["Bücher.example"]),
            "tls_certificates: foobar.com has the domain Bücher.example, which is no full host name; write it in lower "
            "case without scheme and port, and other letters than ASCII's as xn--bcher-kva.example.",
        ),
        (
            entry(domains=["*.foobar.com"]),
            "tls_certificates: foobar.com has the wildcard *.foobar.com, for which tls_challenge must be dns-01.",
        ),
        (own(certificate=""), "tls_certificates: foobar.com needs a certificate as PEM, which begins with -----BEGIN."),
        (
            own(private_key="canary"),
            "tls_certificates: foobar.com needs a private_key as PEM, which begins with -----BEGIN.",
        ),
        (entry(private_key=KEY), "tls_certificates: foobar.com has a private_key, which only provider: files takes."),
        (own(private_key=RSA[1]), "tls_certificates: foobar.com: the private key is not that of the certificate."),
        (own(private_key=made()[1]), "tls_certificates: foobar.com: the private key is not that of the certificate."),
        (
            own(private_key=encrypted(KEY)),
            "tls_certificates: foobar.com: the private key has a passphrase, which nobody could type; take it off.",
        ),
        (own(private_key=KEY[:60]), "tls_certificates: foobar.com: the private key can't be read."),
        (own(private_key=PARAMETERS), "tls_certificates: foobar.com: the private key can't be read."),
        (own(certificate=CERTIFICATE[:60]), "tls_certificates: foobar.com: the certificate can't be read."),
        (
            own(domains=["foobar.com", "shop.example"]),
            "tls_certificates: foobar.com: the certificate does not name shop.example.",
        ),
        (pair(made()), "tls_certificates: foobar.com: the certificate has no subjectAltName, which browsers want."),
        (
            entry(provider="self_signed", profile="shortlived"),
            "tls_certificates: foobar.com has a profile, which only provider: acme takes.",
        ),
        (
            entry(provider="self_signed", acme_directory="https://ca.example/"),
            "tls_certificates: foobar.com has an acme_directory, which only provider: acme takes.",
        ),
        (
            entry(acme_directory="http://a.example/"),
            "tls_certificates: foobar.com has the acme_directory http://a.example/, which is no https address of a CA.",
        ),
    ],
)
def test_a_mistake_in_a_certificate_is_one_sentence_without_secrets(certificate: dict[str, Any], sentence: str) -> None:
    assert mistakes(certificate) == [sentence]
    assert "canary" not in sentence


@pytest.mark.parametrize(
    "domain",
    [
        "foobar",
        "foobar.com:443",
        "https://foobar.com",
        "Foobar.com",
        "a..b",
        "192.0.2.1:80",
        f"{'a' * 64}.foobar.com",
        f"{'a.' * 123}foobar.com",
    ],
)
def test_what_is_no_host_name_is_refused(domain: str) -> None:
    assert len(mistakes(entry(domains=[domain]))) == 1


def test_two_certificates_can_t_be_one_file() -> None:
    assert mistakes(entry(), entry()) == ["tls_certificates: foobar.com stands there more than once."]


@pytest.mark.parametrize(
    ("acme", "beginning"),
    [
        (
            {"acme_directory": "http://ca.example"},
            "tls_acme_directory must be the https address of a CA, not http://ca.",
        ),
        ({"acme_eab_kid": "kid"}, "tls_acme_eab_kid and tls_acme_eab_hmac_key come together"),
        ({"acme_eab_hmac_key": "canary"}, "tls_acme_eab_kid and tls_acme_eab_hmac_key come together"),
        ({**DNS, "dns_plugin": ""}, "tls_dns_plugin must name certbot's plugin"),
        ({**DNS, "dns_credentials": {}}, "tls_dns_credentials must have what the plugin"),
        ({"webroot": "webroot"}, "tls_webroot must be an absolute path"),
        ({"nameservers": ["192.0.2.1", "dns://192.0.2.2"]}, "tls_nameservers has dns://192.0.2.2, which is no host"),
    ],
)
def test_a_mistake_about_the_ca_is_one_sentence_where_it_is_asked(acme: dict[str, Any], beginning: str) -> None:
    (sentence,) = mistakes(entry(), **acme)
    assert sentence.startswith(beginning)
    assert "canary" not in sentence
    assert mistakes(own(), **acme) == []


@pytest.mark.parametrize(("system", "is_old"), [("Debian 12", True), ("Ubuntu 24.04", True), ("Debian 13", False)])
def test_a_profile_needs_a_certbot_that_knows_of_them(system: str, is_old: bool) -> None:
    found = mistakes(entry(profile="shortlived"), system=system)
    assert bool(found) == is_old
    assert all(sentence.endswith(f"{system} has an older one.") for sentence in found)
    assert mistakes(entry(), system=system) == []


def test_the_server_is_told_no_key() -> None:
    told = tls_wanted([own(), entry(name="other", key_type="rsa", profile="tlsserver")], "ecdsa", "https://ca.example/")
    assert [(one["key_type"], one["profile"]) for one in told] == [("ecdsa", ""), ("rsa", "tlsserver")]
    assert "canary" not in str(told)


def test_what_is_served_is_all_but_wildcards_or_what_is_said() -> None:
    told = tls_wanted([entry(domains=["foobar.com", "*.foobar.com"]), entry(served=["foobar.com"])], "ecdsa", "")
    assert [one["served"] for one in told] == [["foobar.com"], ["foobar.com"]]
    assert mistakes(entry(domains=["foobar.com", "*.foobar.com"], served=["a.foobar.com", "*.foobar.com"]), **DNS) == []


@pytest.mark.parametrize("host", ["shop.example", "*.a.foobar.com", "a.b.foobar.com"])
def test_what_the_certificate_does_not_name_can_t_be_served_with_it(host: str) -> None:
    assert mistakes(entry(domains=["*.foobar.com"], served=[host]), **DNS) == [
        f"tls_certificates: foobar.com has {host} in served, which is no host name that its domains name."
    ]


def test_a_certificate_s_own_ca_stands_before_the_usual_one_and_others_have_none() -> None:
    staging = entry(acme_directory="https://staging.example/")
    told = [one["directory"] for one in tls_wanted([own(), entry(), staging], "ecdsa", "https://ca.example/")]
    assert told == ["", "https://ca.example/", "https://staging.example/"]


def test_a_certificate_of_one_s_own_is_one_file_for_root() -> None:
    assert tls_files([own(certificate=f"\n{CERTIFICATE}\n"), entry()], "/var/lib/tls/files") == [
        {"dest": "/var/lib/tls/files/foobar.com.pem", "content": CERTIFICATE + KEY, "mode": "0600"}
    ]
