"""Stripe's nested form encoding (`line_items[0][price_data][currency]=usd`), turned into dicts and lists."""

import re
from collections.abc import Iterable
from typing import Any

Params = dict[str, Any]

_SEGMENTS = re.compile(r"\[([^\]]*)\]")


def decode(pairs: Iterable[tuple[str, str]]) -> Params:
    """All values stay strings. `name[]` appends; `name[0]`, `name[1]` become a list."""
    tree: Params = {}
    for name, value in pairs:
        _place(tree, _path(name), value)
    return {name: _with_lists(name, branch) for name, branch in tree.items()}


def _path(name: str) -> list[str]:
    head, bracket, _ = name.partition("[")
    return [head, *_SEGMENTS.findall(name)] if bracket else [name]


def _place(tree: Params, path: list[str], value: str) -> None:
    for segment in path[:-1]:
        branch = tree.setdefault(segment, {})
        tree = branch if isinstance(branch, dict) else tree
    tree[path[-1] or str(len(tree))] = value


def _with_lists(name: str, branch: Any) -> Any:
    if not isinstance(branch, dict):
        return branch
    if name == "metadata":  # its keys are the merchant's own: `metadata[0]` is a key, not a place in a list
        return branch
    if branch and all(key.isdigit() for key in branch):
        return [_with_lists("", branch[key]) for key in sorted(branch, key=int)]
    return {key: _with_lists(key, inner) for key, inner in branch.items()}
