"""What the benchmarks print and draw is what they were told; nothing is measured here."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench.bench import in_turn, popular_roles, table
from bench.deploy import medians, plot, split_marks, split_tasks, steps_table, times_table, ways_table
from bench.handshakes import BY_HAND, ROLE, Round
from bench.handshakes import table as handshakes_table
from bench.machines import BenchError, markdown, refuse_changes
from bench.mixed import BESIDE, USUAL, WAYS, apps
from bench.mixed import table as mixed_table
from bench.scale import APPLICATION, FILES, make_source, servers_table, sites_table

ROOT = Path(__file__).parents[2]
OURS = {"floor": 20.0, "ours first run": 40.0, "ours second run": 10.0, "tasks": 49.0}

PROFILE = """
TASK [foobar.webstack.app_deploy : build | Unpack the source] **************
changed: [web] => (item=true)

PLAY RECAP *********************************************************************
web : ok=2 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0

TASKS RECAP ********************************************************************
foobar.webstack.app_deploy : lock | Take the lock, and write what the release runs with --- 0.75s
foobar.webstack.app_deploy : build | Unpack the source, install its dependencies --- 2.00s
foobar.webstack.app_deploy : migrate | Migrate -------------------------- 2.00s
foobar.webstack.app_deploy : switch | Start the release beside the live one --- 0.50s
foobar.webstack.app_deploy : cleanup | Let old instances finish --------- 0.25s
"""
STEPS = ("upload", "environment", "build", "migrate", "start", "switch", "rest")


def summary(failed: int, worst: float | None) -> dict[str, Any]:
    """Return what the load client says, as far as tables and plots need it."""
    return {"requests": 1000, "failed": failed, "worst": worst, "p99": 0.02, "longest_pause": 0.5}


def figures(total: float, environment: float = 0.0, disk: float = 1.0) -> dict[str, float]:
    """Return the figures of a release."""
    return {**dict.fromkeys(STEPS, 0.0), "environment": environment, "live": total - 3, "total": total, "disk": disk}


def times(site: float, deploy: float) -> dict[str, float]:
    """Return the seconds of both playbooks."""
    return {"site.yml": site, "deploy.yml": deploy}


def test_a_table_has_text_on_the_left_and_numbers_on_the_right() -> None:
    assert markdown(["a", "b"], [["x", "1"], ["y", "2"]]) == "| a | b |\n|---|--:|\n| x | 1 |\n| y | 2 |"


def test_tasks_count_for_the_step_that_their_file_names() -> None:
    assert split_tasks(PROFILE, 10.0) == {
        "environment": 0.0,
        "upload": 0.75,
        "build": 2.0,
        "migrate": 2.0,
        "start": 0.5,
        "switch": 0.0,
        "rest": 4.75,
        "total": 10.0,
    }


def test_the_upload_of_the_script_is_what_its_marks_leave() -> None:
    output = "upload 100.000000000\nenvironment 103.5\na warning 7\nbuild 104.0\nmigrate 105.0\nstart 106.5\n"
    assert split_marks(output, 7.5) == {
        **dict.fromkeys(STEPS, 0.0),
        "upload": 1.0,
        "environment": 3.5,
        "build": 0.5,
        "migrate": 1.0,
        "start": 1.5,
        "total": 7.5,
    }


def test_each_figure_has_a_median_of_its_own() -> None:
    assert medians([{"a": 1.0, "b": 9.0}, {"a": 2.0, "b": 7.0}, {"a": 30.0, "b": 8.0}]) == {"a": 2.0, "b": 8.0}


def test_ways_are_told_with_counts_and_shares() -> None:
    lines = ways_table({"restart": summary(60, 1.25), "ours": summary(0, None)}, "released by").splitlines()
    assert lines[0].startswith("| released by | requests | failed |")
    assert lines[2] == "| systemctl restart | 1000 | 60 (6.0%) | 1.25 s | 0.02 s | 0.50 s |"
    assert lines[3] == "| deploy.yml | 1000 | 0 | - | 0.02 s | 0.50 s |"


def test_times_are_medians_and_set_against_the_script_with_and_without_its_environment() -> None:
    times = {"code": {"ours": [figures(12.0)], "script": [figures(10.0, environment=4.0, disk=30.0)]}}
    assert (
        times_table(times).splitlines()[2]
        == "| code | 9.0 s | 12.0 s | 10.0 s | 6.0 s | 1.20 | 2.00 | 1.0 MiB | 30.0 MiB |"
    )


def test_steps_have_a_line_for_each_kind_and_each_side() -> None:
    lines = steps_table({"code": {"ours": [figures(12.0)], "script": [figures(10.0, 4.0)]}}).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| code: deploy.yml", "| code: script"]
    assert "4.0 s" in lines[1]


def test_the_longest_bars_are_as_long_as_each_other_and_none_is_drawn_for_nothing() -> None:
    root = ET.fromstring(plot({"restart": summary(60, 1.25), "ours": summary(0, 0.05)}))
    bars = [(bar.get("class"), float(bar.get("width", ""))) for bar in root.findall(".//{*}rect")]
    assert bars == [("bar", 170.0), ("ours", 6.8), ("bar", 170.0), ("ours", 0.0)]


@pytest.mark.parametrize("worst", [0.0, None])
def test_a_plot_of_nothing_is_a_plot(worst: float | None) -> None:
    assert ET.fromstring(plot({"ours": summary(0, worst)})).tag.endswith("svg")


def test_the_plot_follows_the_page_into_the_dark_and_says_what_it_shows() -> None:
    drawn = plot({"hup": summary(3, 1.0)})
    assert "prefers-color-scheme:dark" in drawn
    assert "HUP to the master: 1.00 s, 3 (0.3%)</title>" in drawn


def test_the_popular_roles_stand_beside_ours_and_are_set_against_the_floor() -> None:
    lines = table([{**OURS, "popular first run": 70.0, "popular second run": 25.0}]).splitlines()
    assert lines[0].endswith(
        "| popular first run | popular second run | popular first / floor | popular second / floor |"
    )
    assert lines[2] == "| 1 | 20.0 s | 40.0 s | 10.0 s | 49 | 2.00 | 0.50 | 70.0 s | 25.0 s | 3.50 | 1.25 |"


def test_where_the_popular_roles_are_missing_their_columns_are_dashes() -> None:
    lines = table([OURS, {**OURS, "floor": 25.0, "ours first run": 45.0}, {**OURS, "floor": 10.0}]).splitlines()
    assert lines[2] == "| 1 | 20.0 s | 40.0 s | 10.0 s | 49 | 2.00 | 0.50 | - | - | - | - |"
    assert lines[5] == "| **median** | 20.0 s | 40.0 s | 10.0 s | 49 | 2.00 | 0.50 | - | - | - | - |"
    assert {line.count("|") for line in lines} == {12}


def test_each_side_is_the_first_of_as_many_rounds() -> None:
    orders = [in_turn(["plain", "ours", "popular"], number) for number in range(1, 7)]
    assert sorted(order[0] for order in orders) == ["ours", "ours", "plain", "plain", "popular", "popular"]
    assert {len(set(order)) for order in orders} == {3}


def test_the_popular_roles_come_from_a_folder_that_has_them_all(tmp_path: Path) -> None:
    for role in ("mysql", "nginx", "pip"):
        (tmp_path / f"geerlingguy.{role}").mkdir()
    assert popular_roles(tmp_path, tmp_path) == tmp_path


def test_a_folder_without_the_popular_roles_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "geerlingguy.nginx").mkdir()
    assert popular_roles(tmp_path, tmp_path) is None
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"The popular roles are left out: {tmp_path} has no geerlingguy.mysql, geerlingguy.pip"]


def test_a_run_that_changes_something_is_none_of_unchanged_sites() -> None:
    refuse_changes("web : ok=2 changed=0 unreachable=0\napp : ok=2 changed=0 unreachable=0\n")
    with pytest.raises(BenchError, match="changed=12"):
        refuse_changes("web : ok=2 changed=0 unreachable=0\napp : ok=20 changed=12 unreachable=0\n")


def test_a_further_site_costs_seconds_beside_one_site_of_the_same_kind() -> None:
    folders = {30: times(12.9, 8.0), 1: times(10.0, 5.1), 10: times(10.9, 5.1)}
    lines = sites_table({"repo": {1: times(11.0, 6.0), 10: times(10.1, 7.8)}, "directory": folders}).splitlines()
    assert lines[0].startswith("| sites, sources | site.yml, unchanged | each further site | deploy.yml, unchanged |")
    assert lines[2:] == [
        "| 1, folders | 10.0 s | - | 5.1 s | - |",
        "| 10, folders | 10.9 s | 0.10 s | 5.1 s | 0.00 s |",
        "| 30, folders | 12.9 s | 0.10 s | 8.0 s | 0.10 s |",
        "| 1, repositories | 11.0 s | - | 6.0 s | - |",
        "| 10, repositories | 10.1 s | -0.10 s | 7.8 s | 0.20 s |",
    ]


def test_a_further_server_costs_a_share_of_the_first() -> None:
    lines = servers_table({1: times(10.0, 6.0), 2: times(11.0, 6.0), 4: times(16.0, 10.5)}).splitlines()
    assert lines[0].startswith("| servers | site.yml, unchanged | each further server | deploy.yml, new code |")
    assert lines[2:] == [
        "| 1 | 10.0 s | - | 6.0 s | - |",
        "| 2 | 11.0 s | 10% | 6.0 s | 0% |",
        "| 4 | 16.0 s | 20% | 10.5 s | 25% |",
    ]


def test_sites_have_as_many_files_and_none_in_common_but_the_application(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        make_source(tmp_path / name)
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file() and ".git" not in path.parts]
        assert len(files) == FILES
        contents.append({path.read_text() for path in files})
    assert contents[0] & contents[1] == {APPLICATION, "1\n"}


def test_the_ratios_of_handshakes_are_those_of_the_same_round() -> None:
    rounds = {ROLE: [Round(100, 2.0), Round(300, 1.0), Round(80, 4.0)], BY_HAND: [Round(100, 1.0), Round(200, 2.0)]}
    rounds[BY_HAND].append(Round(100, 4.0))
    assert handshakes_table(rounds).splitlines()[2:] == [
        "| role nginx | 100 | 2.00 ms |",
        "| by hand | 100 | 2.00 ms |",
        "| ratio | 1.00 | 1.00 |",
    ]


def test_each_kind_of_workers_is_compared_round_by_round_with_those_that_most_people_take() -> None:
    rounds = {
        BESIDE: [{"p50": 0.2, "p99": 1.0, "memory": 2**27}, {"p50": 0.4, "p99": 2.0, "memory": 2**27}],
        USUAL: [{"p50": 0.1, "p99": 0.1, "memory": 2**26}, {"p50": 0.1, "p99": 0.1, "memory": 2**26}],
    }
    *_, before, usual = mixed_table(rounds).splitlines()
    assert before == f"| {BESIDE} | 300 ms | 1500 ms | 128 MiB | 1.00 | 1.00 | 1.00 |"
    # Medians of 0.5 and 0.25, of 0.1 and 0.05.
    assert usual == f"| {USUAL} | 100 ms | 100 ms | 64 MiB | 0.38 | 0.08 | 0.50 |"


def test_each_kind_of_workers_is_an_app_and_the_usual_one_is_what_the_role_does_unasked() -> None:
    assert len({app["name"] for app in apps()}) == len(apps())
    (unasked,) = [app for app in apps() if not {"worker_class", "workers", "threads"} & set(app)]
    assert apps().index(unasked) == list(WAYS).index(USUAL)
