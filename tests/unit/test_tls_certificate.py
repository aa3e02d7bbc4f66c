"""What is read in a certificate, and which ones are refused, with real ones that openssl makes."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import tls_certificate
from ansible_collections.foobar.webstack.plugins.module_utils.tls_certificate import (
    CERTIFICATE,
    Refused,
    check,
    is_trusted,
    read_certificate,
    self_signed,
)

from tests.unit.tls_authority import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a CA with an intermediate one."""
    return Authority(tmp_path_factory.mktemp("ca"))


def test_names_dates_and_numbers_are_read(authority: Authority) -> None:
    pem = authority.issue("foobar.com", "www.foobar.com", days=90)
    found = read_certificate(pem)
    assert found.names == ("foobar.com", "www.foobar.com")
    assert found.not_after - found.not_before == 90 * 86400
    assert abs(found.not_before - time.time()) < 60
    assert "Test Intermediate" in found.issuer
    assert re.fullmatch("[0-9A-F]{40}", found.authority_key_id)
    assert (
        found.serial
        in subprocess.run(
            ["openssl", "x509", "-noout", "-serial"], input=pem, capture_output=True, text=True, check=True
        ).stdout
    )


def test_a_good_certificate_passes_with_its_chain(authority: Authority) -> None:
    assert check(authority.issue("foobar.com"), ["foobar.com"]).names == ("foobar.com",)


def test_a_self_signed_one_passes_and_has_no_more_than_its_names() -> None:
    names = ["foobar.com", "www.foobar.com"]
    assert check(self_signed(names), names).names == tuple(names)


def test_a_wildcard_stands_for_one_label(authority: Authority) -> None:
    pem = authority.issue("*.foobar.com")
    check(pem, ["www.foobar.com", "*.foobar.com"])
    for domain in ("foobar.com", "a.b.foobar.com", "www.example.com"):
        with pytest.raises(Refused, match=f"does not name {domain}"):
            check(pem, [domain])


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_another_key_is_refused_of_the_same_kind_and_of_another(authority: Authority, kind: str) -> None:
    chain = CERTIFICATE.findall(authority.issue("foobar.com"))
    with pytest.raises(Refused, match="the private key is not that of the certificate"):
        check("\n".join([*chain, authority.key(kind)]), ["foobar.com"])


def test_a_file_without_key_or_without_certificate_is_refused(authority: Authority) -> None:
    pem = authority.issue("foobar.com")
    with pytest.raises(Refused, match="openssl pkey says"):
        check("\n".join(CERTIFICATE.findall(pem)), ["foobar.com"])
    for empty in ("", authority.key("ec")):
        with pytest.raises(Refused, match="there is no certificate in the file"):
            check(empty, ["foobar.com"])


def test_a_missing_name_is_named(authority: Authority) -> None:
    with pytest.raises(Refused, match=r"does not name www.foobar.com, shop.foobar.com$"):
        check(authority.issue("foobar.com"), ["foobar.com", "www.foobar.com", "shop.foobar.com"])


def test_dates_are_looked_at(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, now = authority.issue("foobar.com", days=90), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 91 * 86400)
    with pytest.raises(Refused, match=r"has expired on \d{4}-\d\d-\d\d$"):
        check(pem, ["foobar.com"])
    monkeypatch.setattr(time, "time", lambda: now - 86400)
    with pytest.raises(Refused, match=r"begins on \d{4}-\d\d-\d\d only"):
        check(pem, ["foobar.com"])


def test_a_chain_that_leads_elsewhere_is_refused(authority: Authority, tmp_path: Path) -> None:
    leaf, *_ = CERTIFICATE.findall(pem := authority.issue("foobar.com"))
    key = pem[pem.index("-----BEGIN PRIVATE KEY") :]
    with pytest.raises(Refused, match="do not lead from one to the next"):
        check("\n".join([leaf, Authority(tmp_path).intermediate, key]), ["foobar.com"])


def test_only_what_the_system_trusts_is_trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = authority.issue("foobar.com")
    assert not is_trusted(pem)
    assert not is_trusted(self_signed(["foobar.com"]))
    assert not is_trusted("")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.folder / "root.pem"))
    assert is_trusted(pem)
    leaf, *_ = CERTIFICATE.findall(pem)
    assert not is_trusted(leaf)


def test_let_s_encrypt_s_staging_is_not_trusted_even_by_a_system_that_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = Authority(tmp_path, name="(STAGING) Test Intermediate")
    monkeypatch.setenv("SSL_CERT_FILE", str(staging.folder / "root.pem"))
    pem = staging.issue("foobar.com")
    assert tls_certificate.verifies(pem)
    assert not is_trusted(pem)
