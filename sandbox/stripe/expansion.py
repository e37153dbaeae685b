"""`expand[]`: ids replaced by their objects, on request (https://docs.stripe.com/api/expanding_objects)."""

from typing import Any

from sandbox.stripe.records import Refund, Session
from sandbox.stripe.refusals import Refusal
from sandbox.stripe.shapes import Shape, line_items, listed, render
from sandbox.stripe.tables import Tables


def expand(tables: Tables, shape: Shape, paths: list[str]) -> Shape:
    """Paths of lists begin with `data.`, as at Stripe. The shape is changed and answered."""
    for path in paths:
        _open(tables, shape, path.split("."), path)
    return shape


def _open(tables: Tables, node: Any, segments: list[str], path: str) -> None:
    if isinstance(node, list):
        for inner in node:
            _open(tables, inner, segments, path)
        return
    if not segments or node is None:
        return
    name, *rest = segments
    if name not in node:
        node[name] = _included(tables, node, name, path)
    if isinstance(node[name], str):
        record = tables.find(node[name])
        if record is None:
            raise _refusal(path)
        node[name] = render(record)
    if not isinstance(node[name], dict | list | None):
        raise _refusal(path)
    _open(tables, node[name], rest, path)


def _included(tables: Tables, node: Shape, name: str, path: str) -> Shape:
    """Lists that are part of an object, but only shown when asked for."""
    match (node.get("object"), name):
        case ("checkout.session", "line_items"):
            return line_items(tables.get(Session, node["id"]))
        case ("charge", "refunds"):
            refunds = [render(row) for row in reversed(tables.every(Refund)) if row.charge == node["id"]]
            return listed(f"/v1/charges/{node['id']}/refunds", refunds)
        case _:
            raise _refusal(path)


def _refusal(path: str) -> Refusal:
    return Refusal(400, f"This property cannot be expanded ({path}).", None, "expand", saved=False)
