"""What the role does to a server that is already serving, and what it refuses to do."""

import re
from typing import Any

import pytest

from .conftest import SITES, Ask, Play, changes, wait_until, words

testinfra_hosts = ["ansible://webstack-nginx-trixie"]

LIVE = "/etc/nginx/nginx.conf"
UNIT = "/etc/systemd/system/nginx.service.d/webstack.conf"
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
        # Ansible itself prints each message twice.
        message = words(result.stdout.partition("fatal: ")[2])
        assert message.count('[emerg] unknown directive "frobnicate"') == 1
        assert "[warn]" not in message
        assert "test failed" not in message
        assert "frobnicate on;" in host.check_output(f"sed -n {found[2]}p {REJECTED}")
        assert host.file(LIVE).sha256sum == before
        assert ask("/").status == 200
    host.check_output("systemctl restart nginx")
    assert ask("/").status == 200


def test_a_certificate_that_is_not_there_is_refused_before_anything_is_touched(host: Any, play: Play) -> None:
    before = host.file(LIVE).mtime
    result = play(nginx_sites=[*SITES, new_site(ssl_certificate="/etc/ssl/sites/none.pem")])
    assert (result.returncode, changes(result.stdout)) == (2, 0)
    assert (
        "nginx_sites: /etc/ssl/sites/none.pem is not on webstack-nginx-trixie; put it there first, or set "
        "ssl_certificate_managed if it is made before nginx is configured."
    ) in words(result.stdout)
    assert host.file(LIVE).mtime == before


def test_a_key_that_only_root_reads_is_refused_with_the_reason(play: Play) -> None:
    key = {"ssl_certificate": "/etc/ssl/http2.crt", "ssl_certificate_key": "/etc/shadow"}
    result = play(nginx_sites=[*SITES, new_site(listen=["443 ssl"], options=key)])
    assert result.returncode != 0
    assert 'cannot load certificate key "/etc/shadow"' in words(result.stdout)
    assert "nginx runs as www-data here and never as root: let that user read the file." in words(result.stdout)


def test_a_site_comes_and_goes_with_the_variable(host: Any, ask: Ask, play: Play) -> None:
    host.check_output("install -D -o games -m 0600 /etc/hostname /srv/games/name.txt && chown games: /srv/games")
    files = {"path": "/files/", "alias": "/srv/games/", "user": "games"}
    locations = [*new_site()["locations"], files]
    dry = play("--check", nginx_sites=[*SITES, new_site(locations=locations)])
    assert (dry.returncode, changes(dry.stdout) > 0) == (0, True), dry.stdout
    assert play(nginx_sites=[*SITES, new_site(locations=locations)]).returncode == 0
    assert ask("/", site="new.example").status == 200
    assert ask("/files/name.txt", site="new.example").body.strip() == b"webstack-nginx-trixie"
    assert not host.file(REJECTED).exists
    assert play().returncode == 0
    assert not host.service("nginx-files@games").is_running
    assert not host.service("nginx-files@games").is_enabled
    assert host.run("ls /etc/nginx/webstack-files-games.conf /run/nginx-files-games").rc == 2
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


@pytest.mark.parametrize(
    "drift",
    [
        f"echo '# by hand' >> {LIVE}",
        f"chmod 0600 {LIVE}",
        f"chown www-data:adm {LIVE}",
        f"rm {UNIT}",
        "systemctl disable nginx",
        "systemctl stop nginx",
        "systemctl disable --now nginx-files@uploader",
    ],
)
def test_what_was_changed_by_hand_is_put_right(host: Any, ask: Ask, play: Play, drift: str) -> None:
    before = state(host)
    host.check_output(drift)
    try:
        assert state(host) != before
        mended = play()
        assert (mended.returncode, changes(mended.stdout) > 0) == (0, True), mended.stdout
        assert state(host) == before
        assert ask("/").status == 200
    finally:
        host.check_output("rm -f /run/foobar.webstack/nginx.restart")


def state(host: Any) -> str:
    """Return all that the role sets: files with their attributes, and what systemd makes of the unit."""
    return str(
        host.run(
            f"stat -c '%n %F %U:%G %a' {LIVE} {UNIT}; sha256sum {LIVE} {UNIT};"
            "systemctl is-enabled nginx nginx-files@uploader; systemctl is-active nginx nginx-files@uploader"
        ).stdout
    )


def test_a_run_that_changes_nothing_asks_the_server_once(play: Play) -> None:
    again = play()
    assert (again.returncode, changes(again.stdout)) == (0, 0)
    assert re.findall(r"TASK \[foobar.webstack.nginx : (\w+ \| .*?)\]", again.stdout) == [
        "check | Refuse what cannot work",
        "check | Read the state of the server",
        "check | Refuse to go on without what the sites need",
        "report | Export what waits for a restart",
    ]


@pytest.mark.nightly
def test_a_port_that_is_taken_fails_every_run_until_it_is_free(host: Any, ask: Ask, play: Play) -> None:
    sites = [*SITES, new_site(listen=["80", "8123"])]
    host.check_output("systemd-run --unit squatter python3 -m http.server 8123")
    try:
        wait_until(lambda: "python3" in host.check_output("ss -ltnpH sport = :8123"))
        for _ in range(2):
            result = play(nginx_sites=sites)
            assert result.returncode != 0
            assert "apply | Reload nginx" in result.stdout
            assert (
                "nginx on webstack-nginx-trixie failed to reload: bind() to 0.0.0.0:8123 failed (98: Address already "
                "in use)"
            ) in words(result.stdout)
            assert "It goes on with its previous configuration; once the cause is gone" in words(result.stdout)
            assert ask("/").status == 200
        host.check_output("systemctl stop squatter")
        assert play(nginx_sites=sites).returncode == 0
        assert ask("/", site="new.example").status == 200
    finally:
        host.run("systemctl stop squatter")
        assert play().returncode == 0


def test_a_start_that_fails_says_why_in_the_words_of_nginx(host: Any, ask: Ask, play: Play) -> None:
    host.check_output("systemctl stop nginx && systemd-run --unit squatter python3 -m http.server 80")
    try:
        wait_until(lambda: "python3" in host.check_output("ss -ltnpH sport = :80"))
        result = play()
        assert result.returncode != 0
        assert "nginx on webstack-nginx-trixie failed to start: " in words(result.stdout)
        reason = "bind() to 0.0.0.0:80 failed (98: Address already in use). Once the cause is gone, run this again."
        assert reason in words(result.stdout)
    finally:
        host.check_output("systemctl stop squatter")
        host.check_output("systemctl restart nginx")
    wait_until(lambda: ask("/").status == 200)


@pytest.mark.nightly
def test_a_changed_unit_waits_for_a_restart_that_somebody_wants(host: Any, ask: Ask, play: Play) -> None:
    pending = f"nginx on webstack-nginx-trixie runs with older settings than {UNIT} has, until it is restarted"
    host.check_output(f"echo >> {UNIT}")
    before = master(host)
    for is_first in (True, False):
        result = play()
        assert (result.returncode, changes(result.stdout) > 0) == (0, is_first)
        assert pending in words(result.stdout)
        assert master(host) == before
        assert host.check_output("systemctl show -P NeedDaemonReload nginx") == "no"
    restarted = play(nginx_restart=True)
    assert (restarted.returncode, changes(restarted.stdout)) == (0, 1)
    assert pending not in words(restarted.stdout)
    assert master(host) != before
    before = master(host)
    for variables in ({"nginx_restart": True}, {}):
        again = play(**variables)
        assert (again.returncode, changes(again.stdout)) == (0, 0)
        assert pending not in words(again.stdout)
    assert master(host) == before
    assert ask("/").status == 200


@pytest.mark.nightly
def test_a_restart_by_hand_is_a_restart(host: Any, play: Play) -> None:
    host.check_output(f"echo >> {UNIT}")
    assert "until it is restarted" in words(play().stdout)
    host.check_output("systemctl restart nginx")
    again = play()
    assert (again.returncode, changes(again.stdout)) == (0, 0)
    assert "until it is restarted" not in words(again.stdout)


def master(host: Any) -> str:
    """Return the number of nginx's first process, which a reload leaves alone."""
    return str(host.check_output("systemctl show -P MainPID nginx"))
