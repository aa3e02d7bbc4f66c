"""Releases of an application whose server changes: gunicorn, uWSGI and back, while visitors come."""

import pytest
from conftest import App
from test_load import visitors

from tests.playbook import play

testinfra_hosts = ["ansible://webstack-releases"]


def serving(app):
    """Return the services that run releases of an app, whichever server is theirs."""
    return {
        f"{server}-{app.name}@{release}"
        for server in ("gunicorn", "uwsgi")
        for release in app.running(f"{server}-{{}}@*.service")
    }


def goes_live(app: App, server: str) -> None:
    """Release new code that a server is to run, and see to it that it alone serves."""
    version = app.renew()
    result = app.deploy(board_server=server)
    assert result.returncode == 0, result.stdout
    assert app.version() == version
    assert serving(app) == {f"{server}-{app.name}@{app.live()}"}


@pytest.fixture
def board_on_gunicorn(board):
    """Return the Django site, which runs with gunicorn again after the test."""
    yield board
    assert board.deploy().returncode == 0


def test_an_application_goes_from_gunicorn_to_uwsgi_and_back_and_loses_no_request(board_on_gunicorn):
    board = board_on_gunicorn
    with visitors(board, "gunicorn, uWSGI, gunicorn") as seen:
        for server in ("uwsgi", "gunicorn", "uwsgi"):
            goes_live(board, server)
            assert board.works() == {board.live()}
        for server in ("gunicorn", "uwsgi"):
            # The release before is the other server's.
            result = board.rollback(board_server="uwsgi")
            assert result.returncode == 0, result.stdout
            assert serving(board) == {f"{server}-{board.name}@{board.live()}"}
            result = board.deploy(board_server="uwsgi", app_deploy_retry_bad=True)
            assert result.returncode == 0, result.stdout
            assert serving(board) == {f"uwsgi-{board.name}@{board.live()}"}
            goes_live(board, "uwsgi")
    assert seen["failed"] == seen["raced"] == 0, seen


def test_releases_and_settings_of_uwsgi_lose_no_request(board_on_gunicorn):
    board = board_on_gunicorn
    with visitors(board, "6 deploys, 2 rollbacks and a changed setting with uWSGI") as seen:
        for number in range(6):
            goes_live(board, "uwsgi")
            if number in (2, 4):
                result = board.rollback(board_server="uwsgi")
                assert result.returncode == 0, result.stdout
        before = board.live()
        result = play("site.yml", board_server="uwsgi", uwsgi_harakiri=61)
        assert result.returncode == 0, result.stdout
        assert board.live() != before
        assert "harakiri = 61" in board.host.check_output(f"cat /etc/uwsgi/board/{board.live()}/uwsgi.ini")
        # The same settings again are no release.
        assert "changed=0 " in play("site.yml", board_server="uwsgi", uwsgi_harakiri=61).stdout
    assert seen["failed"] == seen["raced"] == 0, seen


def test_a_release_that_uwsgi_can_not_load_leaves_the_one_before_to_serve(board_on_gunicorn):
    board = board_on_gunicorn
    goes_live(board, "uwsgi")
    before = serving(board)
    wsgi = board.source / "config/wsgi.py"
    code = wsgi.read_text()
    try:
        wsgi.write_text(code.replace("application = ", "something_else = "))
        result = board.deploy(board_server="uwsgi")
    finally:
        wsgi.write_text(code)
    assert result.returncode != 0
    assert "unable to load app 0" in result.stdout, result.stdout
    assert serving(board) == before


def test_what_serves_comes_back_after_a_restart_of_the_server_s_systemd_units(board_on_gunicorn):
    board = board_on_gunicorn
    goes_live(board, "uwsgi")
    (unit,) = serving(board)
    board.host.check_output(f"systemctl kill --kill-whom=main --signal=KILL {unit}.service")
    assert board.ask("/health").status_code == 200
    board.host.check_output(f"systemctl disable {unit}.service")
    result = play("site.yml", board_server="uwsgi")
    assert result.returncode == 0, result.stdout
    assert board.host.check_output(f"systemctl is-enabled {unit}.service") == "enabled"
