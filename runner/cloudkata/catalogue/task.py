"""The task of a lab, told with the inputs of one run."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import jinja2
from jinja2 import meta, nodes

from cloudkata.catalogue.errors import LabError, nearest, reason, shown
from cloudkata.catalogue.lab import Lab

_COMPILED = "<template>"
"""File name of a template's frames when it was compiled from text."""


def render_task(lab: Lab, inputs: Mapping[str, str]) -> str:
    """The lab's task.md, a Jinja2 template, filled with `inputs`.

    Raises `LabError` naming file and line when the template is wrong or uses a name that is no input,
    even where these inputs would not lead to it.
    """
    path = lab.folder / "task.md"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LabError(f"{shown(path)} cannot be read: {reason(error)}.") from None
    except UnicodeDecodeError:
        raise LabError(f"{shown(path)} is not UTF-8; save it as UTF-8.") from None
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    try:
        tree = environment.parse(text)
        unknown = meta.find_undeclared_variables(tree) - set(inputs)
        for found in tree.find_all(nodes.Name):
            if found.name in unknown:
                meant = nearest(found.name, inputs)
                advice = f"did you mean {meant}?" if meant else "lab.toml has no inputs."
                raise LabError(f"{shown(path)}, line {found.lineno}: {found.name} is not an input; {advice}")
        return environment.from_string(tree).render(inputs)
    except jinja2.TemplateSyntaxError as error:
        raise LabError(
            f"{shown(path)}, line {error.lineno}: {_sentence(error.message or 'wrong syntax')}"
        ) from None
    except LabError:
        raise
    except Exception as error:  # whatever an expression of the author's raises
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _COMPILED
        ]
        place = f", line {lines[-1]}" if lines else ""
        raise LabError(f"{shown(path)}{place}: {_sentence(str(error) or type(error).__name__)}") from None


def _sentence(words: str) -> str:
    return f"the template cannot be filled: {words.rstrip('.')}."
