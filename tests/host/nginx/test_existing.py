"""What the role does on a server whose nginx somebody has set up by hand."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from .conftest import SITES, Ask, Play, changes, run, words

testinfra_hosts = ["ansible://existing"]

LIVE = "/etc/nginx/nginx.conf"
REFUSED = "nginx on webstack-nginx-existing has sites that this role did not write and would no longer serve: "
PENDING = "until it is restarted"


@pytest.fixture(autouse=True)
def by_hand(host: Any) -> None:
    """Begin with nginx as somebody has left it."""
    host.check_output(
        "systemctl stop nginx; cd /etc; rm -rf nginx systemd/system/nginx.service.d /run/nginx /run/foobar.webstack "
        "/var/cache/nginx; cp -a /srv/nginx.by-hand nginx; systemctl daemon-reload; systemctl start nginx"
    )


@pytest.fixture
def play(host: Any) -> Play:
    """Run the role on this machine."""
    return partial(run, host, "molecule/nginx/converge.yml", target="existing")


@pytest.fixture
def state(host: Any) -> Iterator[None]:
    """Expect that nothing on the server changes but logs."""
    command = "find /etc/nginx /etc/systemd /run/nginx* /var/cache -ls | sort; systemctl show -P MainPID nginx"
    before = host.run(command).stdout
    yield
    assert host.run(command).stdout == before


def master(host: Any) -> str:
    return str(host.check_output("systemctl show -P MainPID nginx"))


def by_hand_answers(host: Any, ask: Ask) -> bool:
    """Tell whether both sites answer as ever: one passes on an error, one has a key and a page that only root reads."""
    secure = host.run("curl -sk --resolve '*:443:127.0.0.1' https://secure.example")
    return (
        (secure.stdout == "secure\n")
        and ask("/", site="blog.example").body == b"blog\n"
        and ask("/api/", site="blog.example").status == 502
    )


@pytest.mark.usefixtures("state")
def test_sites_made_by_hand_are_refused_by_name_before_anything_is_touched(host: Any, ask: Ask, play: Play) -> None:
    for options in ([], ["--check"]):
        result = play(*options)
        assert (result.returncode, changes(result.stdout)) == (2, 0)
        assert REFUSED + (
            "/etc/nginx/conf.d/secure.conf (secure.example), /etc/nginx/sites-enabled/blog (blog.example). "
        ) in words(result.stdout)
        assert "TASK [foobar.webstack.nginx : Install" not in result.stdout
    assert by_hand_answers(host, ask)


def test_they_can_be_kept_without_a_restart(host: Any, ask: Ask, play: Play) -> None:
    before = master(host)
    result = play(nginx_include_existing=True)
    assert result.returncode == 0, result.stdout
    assert by_hand_answers(host, ask)
    assert ask("/").seen["name"] == "shop"
    assert master(host) == before
    again = play(nginx_include_existing=True)
    assert (again.returncode, changes(again.stdout)) == (0, 0)
    for run_ in (result, again):
        assert PENDING in words(run_.stdout)
    restarted = play(nginx_include_existing=True, nginx_restart=True)
    assert (restarted.returncode, changes(restarted.stdout)) == (0, 1)
    assert PENDING not in words(restarted.stdout)
    assert by_hand_answers(host, ask)
    assert ask("/").seen["name"] == "shop"
    forgotten = play()
    assert REFUSED in words(forgotten.stdout)
    assert by_hand_answers(host, ask)


def test_they_can_be_given_up(host: Any, ask: Ask, play: Play) -> None:
    before = master(host)
    result = play(nginx_take_over=True)
    assert result.returncode == 0, result.stdout
    assert PENDING in words(result.stdout)
    assert master(host) == before
    assert ask("/").seen["name"] == "shop"
    with pytest.raises(ConnectionResetError):
        ask("/", site="blog.example")
    assert host.file("/etc/nginx/sites-available/blog").exists
    for command in ["systemctl reload nginx", "nginx -t", "systemctl reload nginx", "systemctl restart nginx"]:
        host.check_output(command)
    again = play()
    assert (again.returncode, changes(again.stdout)) == (0, 0)
    assert PENDING not in words(again.stdout)
    assert "does not read /etc/nginx/conf.d/options.conf, /etc/nginx/conf.d/secure.conf, " in words(again.stdout)
    assert set(host.check_output("ps -o user= -C nginx").split()) == {"www-data", "uploader"}


def test_sites_in_nginx_conf_itself_and_elsewhere_are_named_and_a_copy_is_kept(host: Any, ask: Ask, play: Play) -> None:
    host.check_output("rm /etc/nginx/sites-enabled/blog /etc/nginx/conf.d/*")
    host.check_output("echo 'server { listen 8081; server_name far.example; }' > /srv/far.conf")
    own = "include /srv/*.conf; server { listen 8082; server_name own.example; return 204; }"
    host.check_output(f"sed -i 's,^http {{,&\\n{own},' {LIVE} && systemctl reload nginx")
    by_hand = host.file(LIVE).content_string
    found = "/srv/far.conf (far.example), /etc/nginx/nginx.conf (own.example). "
    assert REFUSED + found in words(play().stdout)
    assert f"these sites of webstack-nginx-existing are elsewhere: {found}" in words(
        play(nginx_include_existing=True).stdout
    )
    assert host.file(LIVE).content_string == by_hand
    assert play(nginx_take_over=True).returncode == 0
    assert host.file(f"{LIVE}.before-webstack").content_string == by_hand


def test_a_name_in_both_is_refused(host: Any, play: Play) -> None:
    sites = [*SITES, {"server_name": "blog.example", "locations": [{"path": "/", "return": "204"}]}]
    result = play(nginx_include_existing=True, nginx_sites=sites)
    assert (result.returncode, changes(result.stdout)) == (2, 0)
    assert "nginx_sites: blog.example is also in /etc/nginx/sites-enabled/blog, for the same port 80" in words(
        result.stdout
    )


def test_what_nginx_refuses_of_the_kept_sites_changes_nothing(host: Any, ask: Ask, play: Play) -> None:
    host.check_output("echo 'server_names_hash_bucket_size 64;' > /etc/nginx/conf.d/options.conf")
    result = play(nginx_include_existing=True)
    assert result.returncode != 0
    assert '"server_names_hash_bucket_size" directive is duplicate in /etc/nginx/conf.d/options.conf:1' in words(
        result.stdout
    )
    assert "sites-enabled" in host.file(LIVE).content_string
    assert by_hand_answers(host, ask)


def test_the_distribution_s_own_page_is_no_site_and_gives_way_at_once(host: Any, ask: Ask, play: Play) -> None:
    host.check_output("rm /etc/nginx/sites-enabled/blog /etc/nginx/conf.d/* && systemctl restart nginx")
    assert b"Welcome to nginx!" in ask("/").body
    result = play()
    assert result.returncode == 0, result.stdout
    assert PENDING not in words(result.stdout)
    assert ask("/").seen["name"] == "shop"
    assert set(host.check_output("ps -o user= -C nginx").split()) == {"www-data", "uploader"}
    assert not host.file(f"{LIVE}.before-webstack").exists
    # What somebody puts there now has no effect, and is said to have none.
    host.check_output("touch /etc/nginx/sites-enabled/new")
    again = play()
    assert (again.returncode, changes(again.stdout)) == (0, 0)
    assert "does not read /etc/nginx/sites-enabled/new: " in words(again.stdout)
