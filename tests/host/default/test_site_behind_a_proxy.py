"""The site behind a proxy that ends TLS: who the visitor is, and how he came, is for that proxy alone to say."""

import re
import warnings
from functools import partial

import pytest
import requests
import yaml

from tests import playbook
from tests.playbook import ROOT, said

MACHINE, ADDRESS, PROXY, US = "webstack-default", "198.18.55.10", "198.18.55.53", "198.18.55.1"

testinfra_hosts = [f"ansible://{MACHINE}"]
play = partial(playbook.play, "site.yml", "--tags=nginx,tls")


@pytest.fixture(scope="module")
def behind(host):
    """Put the site behind the proxy, and bring it back to a certificate of its own."""
    (site,) = yaml.safe_load((ROOT / "group_vars/all/sites.yml").read_text())["sites"]
    finished = play(sites=[{**site, "tls": {"provider": "none"}, "trusted_proxies": [PROXY]}])
    assert finished.returncode == 0, said(finished)
    yield
    finished = play()
    assert finished.returncode == 0, said(finished)
    # It was there over HTTP in the meantime; as if its certificate had been renewed since.
    host.check_output('sed -i \'s/"is_proven": false/"is_proven": true/\' /var/lib/tls/state/foobar.com.json')
    host.check_output("systemctl start tls-renew")


@pytest.fixture
def visitor(behind):
    """Return a visitor's session, which asks with the site's name and follows nothing."""
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session.trust_env, session.verify = False, False
        session.headers["Host"] = "foobar.com"
        yield partial(session.request, timeout=10, allow_redirects=False)


def fields(page):
    """Return the hidden fields of a page's form."""
    return dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', page.text))


def test_a_visitor_behind_the_proxy_is_on_https_and_is_led_nowhere(visitor):
    page = visitor("GET", f"https://{PROXY}/")
    assert page.status_code == 200
    assert page.headers["Set-Cookie"].startswith("__Host-session=")
    moved = visitor("GET", f"https://{PROXY}/x?y=1", headers={"Host": "www.foobar.com"})
    assert (moved.status_code, moved.headers["Location"]) == (301, "https://foobar.com/x?y=1")


def test_a_form_is_taken_from_there(visitor):
    page = visitor("GET", f"https://{PROXY}/")
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    form = {**fields(page), "name": "A visitor", "message": "Behind a proxy"}
    headers = {"Referer": "https://foobar.com/", "Origin": "https://foobar.com", "Cookie": cookie}
    answer = visitor("POST", f"https://{PROXY}/", data=form, headers=headers)
    assert answer.status_code == 303
    assert "Behind a proxy" in visitor("GET", f"https://{PROXY}/").text


def test_nobody_else_can_say_how_he_came_or_who_he_is(visitor, host):
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.66", "X-Request-ID": "x"}
    page = visitor("GET", f"http://{ADDRESS}/?forged", headers=forged)
    assert page.status_code == 200
    assert page.headers["Set-Cookie"].startswith("session=")
    moved = visitor("GET", f"http://{ADDRESS}/", headers={**forged, "Host": "www.foobar.com"})
    assert moved.headers["Location"] == "http://foobar.com/"
    visitor("GET", f"https://{PROXY}/?through")
    log = host.check_output("journalctl --identifier=nginx --since=-1min --output=cat")
    assert re.search(rf"^{re.escape(US)} .*\?forged", log, re.MULTILINE)
    # The proxy has told who it was.
    assert re.search(rf"^{re.escape(US)} .*\?through", log, re.MULTILINE)


def test_no_certificate_is_kept_for_a_site_whose_proxy_has_one(visitor, host):
    assert host.file("/etc/ssl/sites").listdir() == []
    listeners = host.check_output("ss -Hltn")
    assert ":443 " not in listeners
