"""What the demo says of its time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo import demo


@pytest.mark.parametrize(
    ("complete", "expected"),
    [
        (1060.0, {"tools": 60.0, "engine": 30.0}),
        # Tools of another day took no time of this one.
        (900.0, {"tools": 0.0, "engine": 90.0}),
        (None, {"tools": 0.0, "engine": 90.0}),
    ],
)
def test_the_preparations_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complete: float | None, expected: dict[str, float]
) -> None:
    monkeypatch.setattr(demo, "BIN", tmp_path)
    if complete:
        (tmp_path / ".complete").touch()
        os.utime(tmp_path / ".complete", (complete, complete))
    assert demo.preparations(began=1000.0, now=1090.0) == expected
