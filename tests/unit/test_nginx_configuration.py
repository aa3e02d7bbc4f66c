"""What nginx would read from a configuration, and whose it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.foobar.webstack.plugins.module_utils.nginx_configuration import directives, read_configuration
from ansible_collections.foobar.webstack.plugins.modules import nginx_configuration

DISTRIBUTION = "events { }\nhttp {\n  include conf.d/*.conf;\n  include %s/sites-enabled/*;\n}\n"
OURS = "http {\n  map $http_host $visited_port {\n  }\n  server { listen 80 default_server; return 444; }\n%s}\n"


@pytest.fixture
def nginx(tmp_path: Path) -> Path:
    """Return a folder laid out as /etc/nginx."""
    for folder in ("conf.d", "sites-available", "sites-enabled"):
        (tmp_path / folder).mkdir()
    return tmp_path


def found(path: Path) -> list[tuple[str, list[str], list[str]]]:
    """Return file, names and listen directives of each server."""
    servers = read_configuration(str(path)).servers
    return [(Path(server.file).name, server.names, server.listen) for server in servers]


def test_words_are_read_as_nginx_reads_them() -> None:
    text = r"""
    log_format main '$host "{;}" # no comment';  # a comment; with {
    map $uri $a { "~^/x{2}$" 1; ~\; ${b}c; default ""; }
    content_by_lua_block { if x then y = "}" .. "{" end; }
    return 200 it's#fine;
    """
    assert [(words, end) for words, end in directives(text)] == [
        (["log_format", "main", '$host "{;}" # no comment'], ";"),
        (["map", "$uri", "$a"], "{"),
        (["~^/x{2}$", "1"], ";"),
        (["~\\;", "${b}c"], ";"),
        (["default", ""], ";"),
        ([], "}"),
        (["content_by_lua_block"], ";"),
        (["return", "200", "it's#fine"], ";"),
    ]


def test_servers_are_found_in_all_files_and_contexts(nginx: Path) -> None:
    (nginx / "nginx.conf").write_text(
        DISTRIBUTION % nginx + "stream { upstream db { server 127.0.0.1:1; } server { listen 3306; proxy_pass db; } }"
    )
    (nginx / "conf.d/b.conf").write_text("server{server_name b.example www.b.example;include snippet;}")
    (nginx / "snippet").write_text("listen 443 ssl; location / { }")
    (nginx / "conf.d/a.conf").write_text("upstream a { server 127.0.0.1:1; }\n# server { }\n")
    (nginx / "conf.d/not-read").write_text("server { }")
    (nginx / "sites-available/c").write_text("server { listen 80; server_name _; if ($a) { return 403; } listen 81; }")
    (nginx / "sites-enabled/c").symlink_to(nginx / "sites-available/c")
    assert found(nginx / "nginx.conf") == [
        ("b.conf", ["b.example", "www.b.example"], ["443 ssl"]),
        ("c", [], ["80", "81"]),
        ("nginx.conf", [], ["3306"]),
    ]


def test_what_is_missing_broken_or_includes_itself_ends_nothing(nginx: Path) -> None:
    assert found(nginx / "nginx.conf") == []
    (nginx / "nginx.conf").write_text("http { include none; include nginx.conf; } } server { listen 80; server_name a")
    assert found(nginx / "nginx.conf") == [("nginx.conf", [], ["80"])]


def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nginx: Path, *kept: str) -> dict[str, Any]:
    """Run the module on a folder whose sites-available/default is a package's, as it was written first."""
    packaged = f" {nginx}/sites-available/default {hashlib.md5(b'server { listen 80; }').hexdigest()}\n"

    def run_command(_self: Any, command: list[str], **_kwargs: Any) -> tuple[int, str, str]:
        assert command[0] == "dpkg-query"
        return 0, packaged, ""

    monkeypatch.setattr(nginx_configuration.AnsibleModule, "run_command", run_command)
    monkeypatch.setattr(nginx_configuration, "CONFFILE", nginx_configuration.CONFFILE.replace("/etc/", "/"))
    with patch_module_args({"path": f"{nginx}/nginx.conf", "kept": list(kept)}), pytest.raises(SystemExit):
        nginx_configuration.main()
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_an_untouched_file_of_a_package_is_nobody_s_site(
    nginx: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (nginx / "nginx.conf").write_text(DISTRIBUTION % nginx)
    (nginx / "sites-enabled/default").symlink_to(nginx / "sites-available/default")
    for text, serves in [("server { listen 80; }", False), ("server { listen 80; root /srv; }", True)]:
        (nginx / "sites-available/default").write_text(text)
        answer = ask(monkeypatch, capsys, nginx)
        assert (answer["serves"], answer["ours"]) == (serves, False)
        assert [server["packaged"] for server in answer["servers"]] == [not serves]


def test_the_role_s_own_configuration_is_known_and_what_somebody_had_it_include(
    nginx: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (nginx / "conf.d/hand.conf").write_text("server { server_name hand.example; }")
    (nginx / "nginx.conf").write_text(OURS % "")
    answer = ask(monkeypatch, capsys, nginx)
    assert (answer["ours"], answer["modified"], answer["serves"], len(answer["servers"])) == (True, False, False, 1)
    (nginx / "nginx.conf").write_text(OURS % "include conf.d/*.conf; server { server_name site.example; }")
    for kept in ([], [f"{nginx}/conf.d/*.conf"]):
        answer = ask(monkeypatch, capsys, nginx, *kept)
        assert answer["serves"]
        by_hand = [server for server in answer["servers"] if not server["ours"]]
        assert [(server["names"], server["kept"]) for server in by_hand] == [(["hand.example"], bool(kept))]


def test_a_configuration_made_by_hand_is_told_from_a_package_s(
    nginx: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (nginx / "nginx.conf").write_text("http { server { server_name hand.example; } }")
    answer = ask(monkeypatch, capsys, nginx)
    assert (answer["ours"], answer["modified"], answer["serves"]) == (False, True, True)
