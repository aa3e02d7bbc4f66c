"""What the role does to a server that is already serving, and what it refuses to do."""

import re
from typing import Any

import pytest

from .conftest import SITES, Ask, Play

testinfra_hosts = ["ansible://webstack-nginx-trixie"]

LIVE = "/etc/nginx/nginx.conf"
REJECTED = "/etc/nginx/nginx.conf.rejected"


def new_site(**keys: Any) -> dict[str, Any]:
    return {"server_name": "new.example", "locations": [{"path": "/", "proxy_pass": "http://shop"}], **keys}


def test_a_broken_configuration_fails_every_run_while_the_old_one_serves(host: Any, ask: Ask, play: Play) -> None:
    before = host.file(LIVE).sha256sum
    for _ in range(2):
        result = play(nginx_sites=[*SITES, new_site(options={"frobnicate": True})])
        assert result.returncode != 0
        found = re.search(r'unknown directive "frobnicate" in (\S+):(\d+)', result.stdout)
        assert found, result.stdout
        assert found[1] == REJECTED
        assert "frobnicate on;" in host.check_output(f"sed -n {found[2]}p {REJECTED}")
        assert host.file(LIVE).sha256sum == before
        assert ask("/").status == 200
    host.check_output("systemctl restart nginx")
    assert ask("/").status == 200


def test_a_site_comes_and_goes_with_the_variable(host: Any, ask: Ask, play: Play) -> None:
    assert play(nginx_sites=[*SITES, new_site()]).returncode == 0
    assert ask("/", site="new.example").status == 200
    assert not host.file(REJECTED).exists
    assert play().returncode == 0
    with pytest.raises(ConnectionResetError):
        ask("/", site="new.example")
    assert host.run("grep -r new.example /etc/nginx").rc == 1


def test_a_misspelt_key_is_refused_by_name_before_anything_is_touched(host: Any, play: Play) -> None:
    before = host.file(LIVE).mtime
    for site, key in [
        (new_site(server_nam="x"), "nginx_sites.server_nam"),
        (new_site(locations=[{"path": "/", "proxy_pas": "http://shop"}]), "nginx_sites.locations.proxy_pas"),
    ]:
        result = play(nginx_sites=[site])
        assert result.returncode != 0
        assert key in result.stdout
        assert "nginx : install" not in result.stdout
    assert host.file(LIVE).mtime == before


def test_a_mistake_between_variables_is_refused_before_anything_is_touched(play: Play) -> None:
    result = play(nginx_sites=[new_site(locations=[{"path": "/", "proxy_pass": "http://shopp"}])])
    assert result.returncode != 0
    assert "location / of new.example passes to http://shopp, which is no entry of nginx_upstreams" in " ".join(
        result.stdout.split()
    )
    assert "nginx : install" not in result.stdout


def test_a_configuration_broken_by_hand_is_repaired(host: Any, ask: Ask, play: Play) -> None:
    host.check_output(f"echo '}}' >> {LIVE}")
    assert host.run("systemctl reload nginx").rc != 0
    assert ask("/").status == 200
    assert play().returncode == 0
    assert host.run("systemctl reload nginx").rc == 0
    host.check_output(f"echo '}}' >> {LIVE} && systemctl stop nginx")
    assert host.run("systemctl start nginx").rc != 0
    assert play().returncode == 0
    assert ask("/").status == 200


def test_a_port_that_is_taken_fails_every_run_until_it_is_free(host: Any, ask: Ask, play: Play) -> None:
    sites = [*SITES, new_site(listen=["80", "8123"])]
    host.check_output("systemd-run --unit squatter python3 -m http.server 8123")
    try:
        for _ in range(2):
            result = play(nginx_sites=sites)
            assert result.returncode != 0
            assert "RUNNING HANDLER [foobar.webstack.nginx : Reload nginx]" in result.stdout
            assert ask("/").status == 200
    finally:
        host.check_output("systemctl stop squatter")
    assert play(nginx_sites=sites).returncode == 0
    assert ask("/", site="new.example").status == 200


def test_a_changed_unit_restarts_nginx_once(host: Any, ask: Ask, play: Play) -> None:
    host.check_output("echo >> /etc/systemd/system/nginx.service.d/webstack.conf")
    result = play()
    assert "Restart nginx" in result.stdout
    assert "Reload nginx" not in result.stdout
    assert ask("/").status == 200
