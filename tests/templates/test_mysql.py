"""What the server is told, computed without a machine."""

from __future__ import annotations

from typing import Any

import pytest

from . import value

FACTS = {"distribution": "Ubuntu", "distribution_release": "noble", "memtotal_mb": 10240}


@pytest.mark.parametrize(
    ("dedicated", "size"), [(False, "2560M"), ("false", "2560M"), (True, "7168M"), ("yes", "7168M")]
)
def test_only_a_dedicated_server_takes_most_of_the_memory(dedicated: Any, size: str) -> None:
    given = {"ansible_facts": FACTS, "mysql_dedicated_server": dedicated}
    assert value("mysql", "__mysql_innodb_buffer_pool_size", **given) == size


@pytest.mark.parametrize(("given", "written"), [(True, "ON"), ("yes", "ON"), (False, "OFF"), ("no", "OFF")])
def test_a_boolean_is_written_in_mysql_s_words(given: Any, written: str) -> None:
    options = value("mysql", "__mysql_options", ansible_facts=FACTS, mysql_slow_query_log=given)
    assert options["slow_query_log"] == written
