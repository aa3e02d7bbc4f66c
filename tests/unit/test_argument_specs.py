"""Values that Ansible's validation converts in its own copy, and what is said about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.types import wrong_role_types, wrong_types
from ansible_collections.foobar.webstack.plugins.plugin_utils.argument_specs import (
    converted,
    entry_points,
    faults,
    missing,
    near_miss,
    unknown_variables,
)

ROOT = Path(__file__).parents[2]
SITES = yaml.safe_load((ROOT / "playbooks/meta/sites.yml").read_text())["sites"]
SITE = {
    "domain": "foobar.com",
    "addresses": ["8.8.8.8"],
    "app": "shop",
    "wsgi_app": "shop:app",
    "health_path": "/",
    "environment": {"EMPTY": None},
    "nginx": {},
    "aliases": [],
}
DATABASE = {"name": "shop", "user": "shop", "password": "canary"}
COMMAND = {"name": "mailer", "command": "mail"}


def options(role: str, name: str) -> dict[str, Any]:
    """Return a role's option of that name."""
    spec = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())
    return dict(spec["argument_specs"]["main"]["options"][name])


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"aliases": "www.foobar.com"}, "aliases of foobar.com must be a list, such as [www.foobar.com]."),
        ({"aliases": "a.com,b.com"}, "aliases of foobar.com must be a list, such as [a.com,b.com]."),
        ({"addresses": "8.8.8.8"}, "addresses of foobar.com must be a list, such as [8.8.8.8]."),
        (
            {"build_commands": "make css\nmake js\n"},
            "build_commands of foobar.com must be a list, such as [make css, mak",
        ),
        ({"packages": ""}, "packages of foobar.com must be a list."),
        ({"background": {"name": "mailer"}}, "background of foobar.com must be a list of dictionaries."),
        ({"background": ["mailer"]}, "entry 1 of background of foobar.com must be a dictionary, such as {key: value}."),
        ({"nginx": None}, "nginx of foobar.com is empty; give it a value or leave it out."),
        ({"aliases": None}, "aliases of foobar.com is empty; give it a value or leave it out."),
        ({"packages": ["a", None]}, "entry 2 of packages of foobar.com is empty; give it a value or leave it out."),
        (
            {"database": {**DATABASE, "password": None}},
            "password of database of foobar.com is empty; give it a value or leave it o",
        ),
        (
            {"build_commands": [{"make": "css"}]},
            "entry 1 of build_commands of foobar.com must be text, not a list or a",
        ),
        (
            {"version": 1.1},
            "version of foobar.com is 1.1, which YAML has made of what you wrote, as it makes 1.1 of 1.10;",
        ),
        (
            {"python_packages": [1.1]},
            "entry 1 of python_packages of foobar.com is 1.1, which YAML has made of what you",
        ),
        ({"zone": ["foobar.com"]}, "zone of foobar.com must be text, not a list or a dictionary."),
    ],
)
def test_a_wrong_type_is_named_with_its_place_and_what_to_write(keys: dict[str, Any], sentence: str) -> None:
    (mistake,) = faults({"sites": [SITE, {**SITE, **keys}]}, {"sites": SITES})
    assert mistake.startswith(f"sites: {sentence}")


def test_a_secret_is_not_shown() -> None:
    (mistake,) = faults({"sites": [{**SITE, "environment": "KEY=canary"}]}, {"sites": SITES})
    assert mistake == "sites: environment of foobar.com must be a dictionary, such as {key: value}."
    assert faults({"keys": "canary"}, {"keys": {"type": "list", "elements": "str", "no_log": True}}) == [
        "keys: it must be a list."
    ]


def test_the_record_of_a_zone_itself_may_be_empty_and_no_other_text_that_is_required() -> None:
    record = {"record": "", "type": "A", "value": ["8.8.8.8"]}
    zone = {"zone": "foobar.com", "provider": {"class": "x"}, "records": [record]}
    spec = {"dns_records_zones": options("dns_records", "dns_records_zones")}
    assert faults({"dns_records_zones": [zone]}, spec) == []
    assert faults({"dns_records_zones": [{**zone, "zone": ""}]}, spec) == [
        "dns_records_zones: zone of entry 1 is empty; give it a value."
    ]


def test_the_variable_itself_and_entries_without_a_name_are_named_too() -> None:
    assert faults({"sites": None}, {"sites": SITES}) == ["sites: it is empty; give it a value or leave it out."]
    assert faults({"sites": "foobar.com"}, {"sites": SITES}) == ["sites: it must be a list of dictionaries."]
    site = {key: value for key, value in SITE.items() if key != "domain"}
    assert faults({"sites": [{**site, "aliases": 1}]}, {"sites": SITES}) == [
        "sites: entry 1 lacks the key domain.",
        "sites: aliases of entry 1 must be a list, such as [1].",
    ]
    assert faults({"sites": [{**SITE, "background": [{**COMMAND, "replicas": None}]}]}, {"sites": SITES}) == [
        "sites: replicas of mailer of background of foobar.com is empty; give it a value or leave it out."
    ]


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        ({"type": "int"}, "many", "it must be a whole number, not many."),
        ({"type": "int"}, 1.5, "it must be a whole number, not 1.5."),
        ({"type": "int"}, True, "it must be a whole number, not true."),
        ({"type": "int"}, [3], "it must be a whole number."),
        ({"type": "int", "no_log": True}, "canary", "it must be a whole number."),
        ({"type": "float"}, "1,5", "it must be a number, not 1,5."),
        ({"type": "bool"}, "maybe", "it must be true or false, not maybe."),
        ({"type": "str", "choices": ["uv", "pip"]}, "poetry", "it must be one of uv, pip, not poetry."),
        ({"type": "list", "elements": "int"}, [1, "two"], "entry 2 must be a whole number, not two."),
    ],
)
def test_what_cannot_be_converted_is_named_with_what_it_should_be(kind: dict[str, Any], value: Any, fault: str) -> None:
    assert faults({"x": value}, {"x": kind}) == [f"x: {fault}"]


def test_numbers_and_booleans_may_be_given_as_text_and_text_as_a_number() -> None:
    app = {"name": 1, "network": "false", "graceful_timeout": "60", "memory_max": 512, "options": {"keepalive": None}}
    app |= {"wsgi_app": "shop:app"}
    option = options("gunicorn", "gunicorn_apps")
    assert faults({"gunicorn_apps": [app]}, {"gunicorn_apps": option}) == []
    (given,) = converted([app], option)
    assert given == {**app, "network": False, "graceful_timeout": 60}


def test_an_unknown_key_is_refused_with_the_one_that_was_meant() -> None:
    assert faults({"sites": [{**SITE, "helth_path": "/x"}]}, {"sites": SITES}) == [
        "sites: foobar.com has the unknown key helth_path: did you mean health_path?"
    ]
    (said,) = faults({"sites": [{**SITE, "database": {**DATABASE, "port": 3306}}]}, {"sites": SITES})
    assert said == (
        "sites: database of foobar.com has the unknown key port: it may have migration_password, migration_user, name, "
        "password, user."
    )


def test_keys_that_need_each_other_are_demanded() -> None:
    (said,) = faults({"sites": [{**SITE, "database": {**DATABASE, "migration_user": "x"}}]}, {"sites": SITES})
    assert said.startswith("sites: database of foobar.com breaks a rule: parameters are required together: migration_")


def test_what_is_required_is_said_with_what_it_is() -> None:
    spec = {"x": {"required": True, "description": "The folder."}, "y": {}}
    assert missing(["y"], spec) == ["x is not set: The folder."]
    assert missing(["x"], spec) == []


def test_what_is_right_passes() -> None:
    assert faults({"sites": [SITE]}, {"sites": SITES}) == []
    hooks = {"after_build": ["make", {"tasks": "notify.yml"}]}
    app = {"name": "shop", "service": "shop", "sockets_path": "/run/shop", "health_path": "/", "hooks": hooks}
    assert faults({"app_deploy_apps": [app]}, {"app_deploy_apps": options("app_deploy", "app_deploy_apps")}) == []
    users = [{"name": "shop", "priv": {"shop.*": "ALL"}}]
    assert faults({"mysql_users": users}, {"mysql_users": options("mysql", "mysql_users")}) == []


def test_the_filters_of_the_former_name_say_the_same() -> None:
    users: dict[str, Any] = {"mysql_users": [{"name": "shop", "priv": None}]}
    said = ["mysql_users: priv of shop is empty; give it a value or leave it out."]
    assert wrong_types(users, {"mysql_users": options("mysql", "mysql_users")}) == said
    assert wrong_role_types(users, str(ROOT / "roles/mysql")) == said


# The names of widely used roles that share a prefix with ours.
OTHERS = {
    "nginx": """default_release dependencies_packages error_log extra_conf_options extra_http_options exporter_port
        exporter_version keepalive_requests keepalive_timeout log_format mime_file_path multi_accept package_name
        pidfile ppa_use ppa_version proxy_cache_path remove_default_vhost sendfile server_names_hash_bucket_size
        service_enabled service_state tcp_nodelay tcp_nopush vhost_template vhosts vhosts_filename
        yum_repo_enabled""",
    "mysql": """apparmor_enabled binlog_format config_file config_include_files daemon enabled_on_startup
        expire_logs_days exporter_version group_concat_max_len hide_passwords innodb_file_per_table
        innodb_flush_log_at_trx_commit innodb_lock_wait_timeout innodb_log_buffer_size innodb_log_file_size
        join_buffer_size key_buffer_size log_bin log_error max_allowed_packet mysqldump_max_allowed_packet pid_file
        replication_master replication_role replication_user root_username server_id skip_name_resolve
        slow_query_log_enabled slow_query_log_file slow_query_time sort_buffer_size syslog_tag
        table_open_cache thread_cache_size
        tmp_table_size user_home user_name user_password""",
}


@pytest.mark.parametrize("role", sorted(OTHERS))
def test_variables_of_other_roles_pass_unless_all_of_them_are_to_be_known(role: str) -> None:
    known = list(entry_points(ROOT / "roles" / role / "meta/argument_specs.yml")["main"])
    names = [f"{role}_{name}" for name in OTHERS[role].split()]
    assert unknown_variables(names, known, role, None) == []
    strangers = [name for name in names if name not in known]
    refused = unknown_variables(names, known, role, [f"{role}_exporter_*"])
    assert len(refused) == len([name for name in strangers if "exporter" not in name])
    assert all("foreign_variables" in sentence for sentence in refused)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("nginx_client_max_body_sise", "nginx_client_max_body_size"),
        ("nginx_client_body_max_size", "nginx_client_max_body_size"),
        ("nginx_site", "nginx_sites"),
        ("nginx_lisen", "nginx_listen"),
        ("nginx_http_option", "nginx_http_options"),
    ],
)
def test_a_slip_of_the_pen_is_refused_with_what_was_meant(name: str, meant: str) -> None:
    known = ["nginx_client_max_body_size", "nginx_sites", "nginx_listen", "nginx_http_options", "nginx_user"]
    for is_strict in (False, True):
        said = unknown_variables([name, "nginx_user", "mysql_port"], known, "nginx", [] if is_strict else None)
        assert said == [f"{name} is no variable of the role nginx: did you mean {meant}?"]
    assert unknown_variables([name], known, "nginx", ["nginx_*"]) == []


def test_a_name_of_its_own_is_no_near_miss() -> None:
    assert near_miss("user", ["users_file", "uid"]) == ""
