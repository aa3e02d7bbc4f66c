"""The system's time zones, and the SQL that loads them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.time_zones import TimeZoneError, digest, statements

PRINTED = """\
TRUNCATE TABLE time_zone;
TRUNCATE TABLE time_zone_name;
START TRANSACTION;
INSERT INTO time_zone (Use_leap_seconds) VALUES ('N');
INSERT INTO time_zone_name (Name, Time_zone_id) VALUES ('UTC', @time_zone_id);
COMMIT;
"""


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    folder = tmp_path / "zoneinfo"
    (folder / "Europe").mkdir(parents=True)
    (folder / "Europe/Berlin").write_text("TZif2 one")
    (folder / "UTC").write_text("TZif2")
    return folder


def test_time_zones_are_the_same_until_a_package_brings_others(zones: Path) -> None:
    before = digest(zones)
    assert digest(zones) == before
    os.utime(zones / "Europe/Berlin", (1, 1))
    changed = digest(zones)
    assert changed != before
    # As tzdata-legacy does.
    (zones / "US").mkdir()
    (zones / "US/Eastern").write_text("TZif2")
    assert digest(zones) not in (before, changed)


def test_the_machine_s_own_time_zone_is_none_of_the_package_s(zones: Path) -> None:
    before = digest(zones)
    (zones / "localtime").symlink_to("Europe/Berlin")
    assert digest(zones) == before


def test_a_system_without_time_zones_has_nothing_to_load(zones: Path) -> None:
    shutil.rmtree(zones)
    assert digest(zones) == ""


def test_all_zones_are_replaced_in_one_transaction_that_no_binary_log_has() -> None:
    lines = statements(PRINTED).splitlines()
    assert lines[1:5] == [
        "SET SESSION sql_log_bin = 0;",
        "START TRANSACTION;",
        "DELETE FROM time_zone;",
        "DELETE FROM time_zone_name;",
    ]
    assert [line for line in lines if line.startswith("COMMIT")] == lines[-1:]
    # Either ends a transaction.
    assert not any(line.startswith(("TRUNCATE", "START")) for line in lines[3:])


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("", "has printed no time zones"),
        ("TRUNCATE TABLE time_zone;\n", "has printed no time zones"),
        (f"{PRINTED}ALTER TABLE time_zone ORDER BY a;\n", "ends a transaction: ALTER TABLE time_zone"),
    ],
)
def test_what_would_leave_a_server_without_time_zones_is_not_loaded(printed: str, reason: str) -> None:
    with pytest.raises(TimeZoneError, match=reason):
        statements(printed)
