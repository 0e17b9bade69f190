"""Reads CloudFormation templates as CloudFormation does: data and intrinsic functions, nothing that runs.

moto parses templates with PyYAML's `Loader`, which makes any Python object a template asks for. It looks the
name up at every call: replacing PyYAML's unsafe names in this process is enough, and imports nothing of moto.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

from __future__ import annotations

from typing import Any, NoReturn

import yaml

LONGEST = 1_000_000
"""Bytes a template may have: what CloudFormation reads from S3 (its quotas page: 1 MB)."""

_INTRINSIC_FUNCTIONS = frozenset(
    f"!{name}"
    for name in (
        *("And", "Base64", "Cidr", "Condition", "Contains", "EachMemberEquals", "EachMemberIn", "Equals"),
        *(
            "FindInMap",
            "GetAZs",
            "GetAtt",
            "If",
            "ImportValue",
            "Join",
            "Length",
            "Not",
            "Or",
            "Ref",
            "RefAll",
        ),
        *("Select", "Split", "Sub", "ToJsonString", "Transform", "ValueOf", "ValueOfAll"),
    )
)
_WITHOUT_PREFIX = ("!Ref", "!Condition")
_UNSAFE_LOADERS = ("Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader")
_UNSAFE_FUNCTIONS = ("load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all")


class TemplateLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """PyYAML's safe loader with CloudFormation's short forms and, like CloudFormation, without aliases."""

    def __init__(self, stream: Any) -> None:
        if hasattr(stream, "__len__") and len(stream) > LONGEST:
            raise _error(f"Template may not exceed {LONGEST} bytes in size.")
        super().__init__(stream)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node; raises CloudFormation's ValidationError for an alias."""
        if self.check_event(yaml.AliasEvent):
            _refuse("YAML aliases are not allowed in CloudFormation templates", self.peek_event().start_mark)
        return super().compose_node(parent, index)


def install() -> None:
    """Put the loader in the place of every unsafe one of PyYAML, in this process."""
    for name in _UNSAFE_LOADERS:
        setattr(yaml, name, TemplateLoader)
    for name in _UNSAFE_FUNCTIONS:
        setattr(yaml, name, None)


def _error(message: str) -> Exception:
    # It brings all of moto's CloudFormation along, which takes 0.3 s; whoever gets here has it loaded
    # already.
    from moto.cloudformation.exceptions import ValidationError

    # Not one of PyYAML's own errors: moto would go on and read the template as JSON, and fail in another way.
    return ValidationError(message=message)


def _refuse(why: str, mark: Any) -> NoReturn:
    raise _error(f"Template format error: {why} (line {mark.line + 1}, column {mark.column + 1})")


def _intrinsic(loader: TemplateLoader, tag: str, node: Any) -> dict[str, Any]:
    if tag not in _INTRINSIC_FUNCTIONS:
        _refuse(f"unresolved tag {tag}", node.start_mark)
    if isinstance(node, yaml.MappingNode):
        value: Any = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = node.value.split(".", 1) if tag == "!GetAtt" else node.value
    return {tag[1:] if tag in _WITHOUT_PREFIX else f"Fn::{tag[1:]}": value}


def _refuse_kind(_loader: TemplateLoader, node: Any) -> NoReturn:
    _refuse(f"unresolved tag {node.tag}", node.start_mark)


TemplateLoader.add_multi_constructor("", _intrinsic)
# Version: 2012-10-17 stays text.
TemplateLoader.add_constructor("tag:yaml.org,2002:timestamp", TemplateLoader.construct_yaml_str)
for _kind in ("set", "omap", "pairs", "binary"):
    TemplateLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _refuse_kind)
