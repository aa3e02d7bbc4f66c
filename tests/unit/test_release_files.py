"""Files of the user's own in a release: filled in on the controller, and named without a value where they can't be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.template import trust_as_template

from tests import calls
from tests.repositories import write

OVERLAY = """from config.settings import *

DEBUG = False
ALLOWED_HOSTS = ["{{ domain }}"]
SECRET_KEY = "{{ vault_shop_secret_key }}"
"""


def filled_in(folder: Path, template: str, **variables: Any) -> list[dict[str, Any]]:
    """Return the files of an app with one template in a user's folder."""
    write(folder, {"files/local.py.j2": template, "group_vars/all/sites.yml": ""})
    app = {"name": "shop", "files": [{"src": "files/local.py.j2", "dest": "config/local.py"}]}
    apps = [app, {"name": "blog"}]
    found = calls.action("release_files", {"apps": apps}, {"inventory_dir": str(folder), **variables})
    # The output of no run shows what is in them.
    assert found["_ansible_no_log"]
    assert list(found["files"]) == ["shop"]
    return list(found["files"]["shop"])


def test_a_template_is_filled_in_with_secrets_for_the_eyes_of_root_and_the_app(tmp_path: Path) -> None:
    (file,) = filled_in(tmp_path, OVERLAY, domain="shop.example", vault_shop_secret_key="canary")
    assert file.pop("content") == (
        'from config.settings import *\n\nDEBUG = False\nALLOWED_HOSTS = ["shop.example"]\nSECRET_KEY = "canary"\n'
    )
    assert file == {
        "dest": "/srv/shop/releases/%i/config/local.py",
        "owner": "root",
        "group": "shop",
        "mode": "0640",
        "in_release": True,
    }


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ vault_shop_secret_key }}{{ missing }}", "'missing' is undefined"),
        ("{{ indirect }}", "'missing' is undefined"),
        ("one\n{% if %}\n", "line 2: "),
        ("{{ vault_shop_secret_key | int_of }}", "line 1: No filter named 'int_of'"),
        ("{{ vault_shop_secret_key | from_json }}", "JSONDecodeError"),
        ("{{ {}.secret }}", "has no attribute 'secret'"),
        ("{{ vault_shop_secret_key | extract([]) }}", "AnsibleUndefinedVariable"),
    ],
)
def test_what_can_t_be_filled_in_is_named_without_a_value(tmp_path: Path, template: str, words: str) -> None:
    indirect = trust_as_template("{{ vault_shop_secret_key }}{{ missing }}")
    with pytest.raises(AnsibleActionFail) as error:
        filled_in(tmp_path, template, vault_shop_secret_key="canary", indirect=indirect)
    start = f"app_deploy_apps: {tmp_path}/files/local.py.j2 in files of shop can't be filled in: "
    assert str(error.value).startswith(start)
    assert words in str(error.value)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\xff", "größe".encode("utf-16")])
def test_what_is_no_text_is_no_template(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "logo.png").write_bytes(content)
    app = {"name": "shop", "files": [{"src": "logo.png", "dest": "logo.png"}]}
    with pytest.raises(AnsibleActionFail, match=r"files of shop has .*/logo\.png, which is no text in UTF-8"):
        calls.action("release_files", {"apps": [app]}, {"inventory_dir": str(tmp_path)})


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    app = {"name": "shop", "files": [{"src": "files/local.py.j2", "dest": "local.py"}]}
    with pytest.raises(AnsibleActionFail, match=r"files of shop has .*/files/local\.py\.j2, which is no file"):
        calls.action("release_files", {"apps": [app]}, {"inventory_dir": str(tmp_path)})
