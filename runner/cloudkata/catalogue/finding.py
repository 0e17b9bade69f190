"""Where labs and their solutions are, and what there is to choose from.

Importing this and listing the labs stays light: what reads a whole lab is imported when one is asked for.
"""

from __future__ import annotations

import ast
import difflib
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cloudkata.catalogue.errors import LabError, listed, reason, shown
from cloudkata.catalogue.layout import LAB_FILES, LEVELS

if TYPE_CHECKING:
    from cloudkata.catalogue.lab import Lab

_FAILS = re.compile(r"Fails: (test_\w+)")


class UnknownLab(LookupError):
    """No lab, or more than one, goes by that name; the sentence offers the nearest."""


class LabEntry(NamedTuple):
    """One line of the list of labs. A broken lab has its `error` and is otherwise empty."""

    id: str
    folder: Path
    title: str = ""
    level: str = ""
    minutes: int = 0
    services: tuple[str, ...] = ()
    error: str | None = None
    """The sentence that says what is broken."""


class Mistake(NamedTuple):
    """A wrong solution kept beside the right one."""

    path: Path
    fails: str
    """The first check it must fail."""
    why: str
    """Why people write it."""


def lab_roots() -> list[Path]:
    """The folders that hold labs as `<service>/<slug>`.

    In a checkout that is `labs/` beside `runner/`, otherwise where the wheel put them.
    """
    source = Path(__file__).resolve().parents[2]
    beside = source.parent / "labs"
    if source.name == "runner" and beside.is_dir():
        return [beside]
    return [Path(sys.prefix) / "share" / "cloudkata" / "labs"]


def all_labs(roots: Sequence[Path] | None = None) -> list[LabEntry]:
    """Every lab below `roots` (the installed ones when None), by id.

    A lab is listed with an error when what the list shows is wrong or one of its files is missing; the rest
    of it is not looked at.
    """
    return [_entry(name, folder) for name, folder in _folders(roots).items()]


def find_lab(name: str, roots: Sequence[Path] | None = None) -> Lab:
    """The lab called `name`: its id, its slug when only one lab has it, or a path to its folder.

    Raises `UnknownLab` when there is no such lab or several, `LabError` when it is broken.
    """
    from cloudkata.catalogue.lab import load_lab

    if name.startswith(("/", "./", "../", "~")) or name in (".", ".."):
        return load_lab(_at_path(name))
    wanted = name.strip().strip("/")
    folders = _folders(roots)
    matches = [wanted] if wanted in folders else [lab for lab in folders if lab.partition("/")[2] == wanted]
    if len(matches) > 1:
        raise UnknownLab(f'"{wanted}" is the name of several labs; say {listed(matches)}.')
    if matches:
        return load_lab(folders[matches[0]])
    if wanted and (Path(name) / "lab.toml").is_file():
        return load_lab(Path(name))
    raise UnknownLab(_no_such_lab(wanted, list(folders), roots))


def solutions_folder(lab: Lab) -> Path | None:
    """The folder with the lab's solution, mistakes and alternatives; None when it came without."""
    labs = lab.folder.parent.parent
    if labs.name != "labs":
        return None
    folder = labs.with_name("solutions") / lab.id
    return folder if folder.is_dir() else None


def solution_of(lab: Lab) -> Path | None:
    """The lab's reference solution; None when it came without."""
    folder = solutions_folder(lab)
    return folder / "solution.py" if folder and (folder / "solution.py").is_file() else None


def alternatives_of(lab: Lab) -> list[Path]:
    """Other right solutions of the lab, by name."""
    return _programs(lab, "alternatives")


def mistakes_of(lab: Lab) -> list[Mistake]:
    """The lab's mistakes, by name.

    Raises `LabError` when one does not say in its docstring which check it fails and why people write it.
    """
    return [_mistake(path) for path in _programs(lab, "mistakes")]


def _folders(roots: Sequence[Path] | None) -> dict[str, Path]:
    """Id and folder of each lab, sorted by id; the first root that has an id wins."""
    found: dict[str, Path] = {}
    for root in lab_roots() if roots is None else roots:
        try:
            for folder in _lab_folders(root):
                found.setdefault(f"{folder.parent.name}/{folder.name}", folder)
        except OSError as error:
            raise LabError(f"The labs in {shown(root)} cannot be listed: {reason(error)}.") from None
    return dict(sorted(found.items()))


def _lab_folders(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        return
    for service in root.iterdir():
        if service.is_dir() and not service.name.startswith((".", "_")):
            for folder in service.iterdir():
                # One of a lab's files is enough: what lacks the others is a broken lab, not none.
                if any((folder / name).is_file() for name in LAB_FILES):
                    yield folder


def _entry(name: str, folder: Path) -> LabEntry:
    try:
        toml = tomllib.loads((folder / "lab.toml").read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return _broken(name, folder)
    match toml:
        case {"title": str(title), "level": str(level), "minutes": int(minutes), "services": list(services)}:
            texts = all(isinstance(service, str) for service in services)
            if texts and level in LEVELS and all((folder / file).is_file() for file in LAB_FILES):
                return LabEntry(name, folder, title, level, minutes, tuple(services))
    return _broken(name, folder)


def _broken(name: str, folder: Path) -> LabEntry:
    """The entry of a lab that is broken, or was when it was first read."""
    from cloudkata.catalogue.lab import load_lab

    try:
        lab = load_lab(folder)
    except LabError as error:
        return LabEntry(name, folder, error=str(error))
    return LabEntry(name, folder, lab.title, lab.level, lab.minutes, tuple(lab.services))


def _at_path(name: str) -> Path:
    try:
        path = Path(name).expanduser()
    except RuntimeError:
        path = Path(name)
    if path.name == "lab.toml":
        path = path.parent
    if not path.is_dir():
        raise UnknownLab(f"There is no folder {name}; name a lab by its id or by the path of its folder.")
    if not any((path / file).is_file() for file in LAB_FILES):
        raise UnknownLab(
            f"{name} is not the folder of a lab, because it holds no lab.toml; name one that does."
        )
    return path


def _no_such_lab(wanted: str, known: list[str], roots: Sequence[Path] | None) -> str:
    if not known:
        looked = " or ".join(shown(root) for root in (lab_roots() if roots is None else roots))
        return f"There are no labs in {looked}; install cloudkata again or name a lab by its folder."
    names = {alias: lab for lab in known for alias in (lab, lab.partition("/")[2])}
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    if not close:
        return f'There is no lab "{wanted}"; choose one of the {len(known)} labs in the list.'
    offered = dict.fromkeys(names[alias] for alias in close)
    return f'There is no lab "{wanted}"; did you mean {listed(offered)}?'


def _programs(lab: Lab, kind: str) -> list[Path]:
    folder = solutions_folder(lab)
    return sorted((folder / kind).glob("*.py")) if folder else []


def _mistake(path: Path) -> Mistake:
    try:
        text = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    except OSError as error:
        raise LabError(f"{shown(path)} cannot be read: {reason(error)}.") from None
    except (SyntaxError, ValueError) as error:
        place = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise LabError(f"{shown(path)}{place}: this is not Python: {error.args[0]}.") from None
    first, _, rest = text.partition("\n")
    fails = _FAILS.fullmatch(first.strip())
    if not fails:
        raise LabError(
            f"{shown(path)}, line 1: a mistake begins with a docstring whose first line names "
            'the first check it fails, as in "Fails: test_link_dies_after_an_hour".'
        )
    if not rest.strip():
        raise LabError(f"{shown(path)}, line 1: say below its first line why people write this mistake.")
    return Mistake(path, fails[1], rest.strip())
