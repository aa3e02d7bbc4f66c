"""When certificates are renewed and failed orders tried again."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.tls_schedule import (
    DAY,
    HOUR,
    renewal_id,
    renewal_time,
    retry_time,
    window_time,
)


@pytest.mark.parametrize(
    ("life", "age"),
    [
        (90 * DAY, 60 * DAY),
        (64 * DAY, 64 * DAY * 2 / 3),
        (45 * DAY, 30 * DAY),
        (10 * DAY, 10 * DAY * 2 / 3),
        (160 * HOUR, 80 * HOUR),
        (6 * DAY, 3 * DAY),
        (24 * HOUR, 12 * HOUR),
        (300, 150),
    ],
)
def test_a_certificate_is_renewed_with_a_third_of_its_life_left_and_a_short_one_with_half(
    life: float, age: float
) -> None:
    assert renewal_time(1000, 1000 + life) == pytest.approx(1000 + age)


@pytest.mark.parametrize(("failures", "hours"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 24), (7, 24), (999, 24)])
def test_a_failed_order_is_tried_again_after_twice_the_time_and_at_least_once_a_day(failures: int, hours: int) -> None:
    assert retry_time(1000, failures, 0) == 1000 + hours * HOUR


def test_a_failed_order_waits_no_longer_than_a_tenth_of_the_life_that_is_left() -> None:
    assert retry_time(1000, 6, 1000 + 3 * DAY) == pytest.approx(1000 + 7.2 * HOUR)
    assert retry_time(1000, 1, 1000 + 3 * DAY) == 1000 + HOUR
    assert retry_time(1000, 1, 1000 + 150) == pytest.approx(1015)


def test_a_moment_in_the_ca_s_window_is_the_same_at_each_run_and_another_one_for_each_certificate() -> None:
    moments = [window_time(1000, 2000, f"{number:X}") for number in range(50)]
    assert all(1000 <= moment <= 2000 for moment in moments)
    assert len(set(moments)) == 50
    assert window_time(1000, 2000, "7") == moments[7]


def test_a_certificate_is_called_as_rfc_9773_has_it_in_its_example() -> None:
    key_id = "69885B6B87464041E1B37B847BA0AE2CDE01C8D4"
    assert renewal_id(key_id, "87654321") == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def test_a_number_below_128_needs_no_byte_for_its_sign() -> None:
    assert renewal_id("00", "7F") == "AA.fw"
