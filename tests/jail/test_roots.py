"""What is shown in a jail, and who is who in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cloudkata.jail import JailError, namespaces, visible
from cloudkata.jail.mounts import _resolve, _topmost
from cloudkata.jail.written import remove_scratch


def test_interpreter_paths_hold_what_runs_and_no_prefix_as_a_whole() -> None:
    paths = visible.interpreter_paths()
    assert all(path.exists() for path in paths)
    for needed in (
        Path(sys.executable),
        Path(pytest.__file__),
        Path(visible.__file__),
        Path(sys.prefix, "lib"),
    ):
        assert any(needed.is_relative_to(path) or needed.resolve().is_relative_to(path) for path in paths)
    for prefix in {sys.prefix, sys.base_prefix} - {"/usr"}:
        assert Path(prefix) not in paths
    repository = Path(visible.__file__).parents[3]
    for hidden in ("labs", "solutions"):
        assert not any((repository / hidden).is_relative_to(path) for path in paths)


def test_labs_of_an_installation_are_left_out(tmp_path: Path) -> None:
    labs = tmp_path / "share" / "cloudkata"
    labs.mkdir(parents=True)
    for name in ("lib", "share/zoneinfo", "share/man"):
        (tmp_path / name).mkdir()
    (tmp_path / "a-link").symlink_to(labs)
    shown = visible.without(tmp_path, [labs])
    assert shown == [tmp_path / "lib", tmp_path / "share/man", tmp_path / "share/zoneinfo"]
    assert visible.without(tmp_path / "lib", [labs]) == [tmp_path / "lib"]
    assert visible.without(labs, [labs]) == []


def test_labs_beside_a_system_wide_package_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "share/cloudkata/labs").mkdir(parents=True)
    monkeypatch.setattr(visible, "_SYSTEM", (str(tmp_path),))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    paths = visible.interpreter_paths()
    assert tmp_path / "lib" in paths
    assert not any((tmp_path / "share/cloudkata").is_relative_to(path) for path in paths)


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/does/not/exist"])
def test_odd_readable_paths_are_refused(path: str) -> None:
    with pytest.raises(JailError):
        visible.listed([Path(path)])


def test_links_on_the_way_are_found(tmp_path: Path) -> None:
    real = tmp_path.resolve()
    (real / "data/labs").mkdir(parents=True)
    (real / "shortcut").symlink_to("data")
    (real / "data/again").symlink_to(real / "shortcut/labs")
    links: dict[str, str] = {}
    assert _resolve(real / "shortcut/again", links) == real / "data/labs"
    assert links == {
        f"{real}/shortcut": "data",
        f"{real}/data/again": f"{real}/shortcut/labs",
    }


def test_links_that_go_in_circles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(JailError):
        _resolve(tmp_path / "a", {})


def test_inner_paths_are_covered_by_outer_ones() -> None:
    paths = [Path("/a/b/c"), Path("/a/b"), Path("/a/bc"), Path("/z"), Path("/a/b/d/e")]
    assert _topmost(paths) == [Path("/z"), Path("/a/b"), Path("/a/bc")]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([(0, 4294967295)], "0 0 1000\n5000 1000 1\n1001 1001 3999\n1000 5000 1\n5001 5001 4294962294"),
        ([(0, 1), (4000, 2000)], "0 0 1\n4000 4000 1000\n1000 5000 1\n5001 5001 999"),
        ([(1000, 1), (5000, 1)], "5000 1000 1\n1000 5000 1"),
    ],
)
def test_two_ids_change_places_in_a_map(ranges: list[tuple[int, int]], expected: str) -> None:
    assert namespaces.id_map(ranges, inside=1000, outside=5000) == expected


def test_a_throwaway_id_exists_in_this_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    assert namespaces.throwaway_id() >= 1000
    monkeypatch.setattr(namespaces, "_present_ranges", lambda _: [(0, 1000), (1000, 65536)])
    assert 1000 + 32768 <= namespaces.throwaway_id() < 1000 + 65536
    monkeypatch.setattr(namespaces, "_present_ranges", lambda _: [(0, 1)])
    with pytest.raises(JailError):
        namespaces.throwaway_id()


def test_a_scratch_folder_goes_whatever_is_in_it(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    outside = tmp_path / "kept"
    outside.mkdir()
    (outside / "file").write_text("kept")
    inner = scratch
    for _ in range(30):
        inner = inner / "deep"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    (scratch / "link").symlink_to(outside)
    (inner / "link").symlink_to(outside)
    (scratch / "locked/inside").mkdir(parents=True)
    (scratch / "locked/inside").chmod(0)
    (scratch / "locked").chmod(0)
    remove_scratch(scratch)
    assert not scratch.exists()
    assert (outside / "file").read_text() == "kept"
