"""A lab to write on disk, whole unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

LAB_TOML = """\
format = 1
title = "Share one report"
services = ["s3"]
level = "core"
minutes = 15
questions = ["d2.59"]
worlds = ["calm", "renamed"]

[inputs]
BUCKET = "reports-{word}-{number}"
REPORT_KEY = "{year}/q{quarter}.csv"
"""

WriteLab = Callable[..., Path]


@pytest.fixture
def write_lab(tmp_path: Path) -> WriteLab:
    """Write a lab and return its folder; `files` replace its files by name, None leaves one out."""

    def write(
        lab_id: str = "s3/share-one-report", toml: str = LAB_TOML, files: dict[str, str | None] | None = None
    ) -> Path:
        folder = tmp_path / "labs" / lab_id
        folder.mkdir(parents=True)
        contents: dict[str, str | None] = {
            "lab.toml": toml,
            "task.md": "Share `{{ REPORT_KEY }}` in `{{ BUCKET }}`.\n",
            "setup.py": "def setup(aws, inputs, clock): ...\n",
            "check.py": "",
            "starter.py": "import boto3\n",
            **(files or {}),
        }
        for name, content in contents.items():
            if content is not None:
                (folder / name).write_text(content, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def beside_labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages name files relative to the folder that holds `labs/`."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lab_toml() -> str:
    """The lab.toml of a whole lab."""
    return LAB_TOML
