"""What those who grade websites say of the guestbook, once it has lived with its certificate for a while."""

import pytest

from tests.grades import grades

from .server import BESIDE, ROOT_OF_CA, SERVER

HOST = "foobar.com"
# Findings that stay, with their reasons.
ACCEPTED = {
    "cert_revocation": "the CA here has neither a CRL nor OCSP, as Let's Encrypt has a CRL",
    "BREACH": "pages are compressed; the application's tokens are masked anew in each answer",
}


def test_sslyze_has_nothing_against_it_but_a_ca_that_the_world_does_not_know():
    findings = grades.sslyze(HOST, SERVER.address)
    print(f"\nsslyze: {findings}")
    assert [finding.partition(":")[0] for finding in findings] == ["certificate_path_validation"]


@pytest.fixture
def grader():
    """Return a machine with testssl.sh, which finds the zone's records."""
    if not BESIDE.is_so("test -x /usr/bin/testssl"):
        BESIDE.shell(
            "apt-get update -qq && apt-get install -qq --yes --no-install-recommends testssl.sh bind9-dnsutils"
        )
    BESIDE.shell("echo nameserver 127.0.0.1 > /etc/resolv.conf")
    yield BESIDE
    BESIDE.shell("echo nameserver 127.0.0.11 > /etc/resolv.conf")


def test_testssl_gives_it_the_best_grade_and_finds_what_is_known(grader):
    found = grades.testssl(grader, HOST, SERVER.address, ROOT_OF_CA.read_text())
    worse = {
        name: finding for name, finding in found.items() if finding["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    }
    print(f"\ntestssl.sh: {found['overall_grade']['finding']}")
    for name, finding in worse.items():
        print(f"  {name}: {finding['severity']}, {finding['finding']}")
    assert found["overall_grade"]["finding"] == "A+"
    assert worse.keys() <= ACCEPTED.keys()


def test_mdn_s_observatory_has_more_than_all_points_for_the_guestbook(tmp_path):
    grades.install_observatory(tmp_path)
    report = grades.observatory(tmp_path, HOST, SERVER.address, ROOT_OF_CA)
    print(f"\nMDN observatory: {report['scan']['grade']}, {report['scan']['score']}")
    assert report["scan"]["score"] >= 130, report
