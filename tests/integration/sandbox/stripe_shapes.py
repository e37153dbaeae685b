"""Holds Stripe's JSON against stripe-python's own annotations, so that stand-in and client cannot share a mistake.

Stricter than the library: every field that is not Optional must be there, with its type; no field may be unknown;
and where the library says `Literal[...] | str` (a list that may grow), only the listed values pass.
"""

import ast
import importlib
import inspect
import sys
import types
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import stripe
from stripe import ListObject, StripeObject
from stripe._stripe_object import UntypedStripeObject

OBJECTS: dict[str, type[StripeObject]] = {
    "checkout.session": stripe.checkout.Session,
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "balance_transaction": stripe.BalanceTransaction,
    "event": stripe.Event,
}


def faults_of(shape: Any) -> list[str]:
    """What is wrong with one of Stripe's objects, or a list of them; an event is checked with what it carries."""
    if shape.get("object") == "list":
        return [fault for inner in shape["data"] for fault in faults_of(inner)]
    kind = OBJECTS.get(shape.get("object"))
    if kind is None:
        return [f"unknown object {shape.get('object')!r}"]
    faults = _object(shape, kind, shape["object"])
    if kind is stripe.Event and "object" in shape["data"]["object"]:
        faults += [f"{shape['type']}: {fault}" for fault in faults_of(shape["data"]["object"])]
    return faults


def _object(value: Any, kind: type[StripeObject], path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no {kind.__qualname__}"]
    fields = _fields(kind)  # type: ignore[arg-type] # a class is hashable; mypy asks its instances
    unknown = [f"{path}.{name}: unknown" for name in value if name not in fields]
    missing = [f"{path}.{name}: missing" for name, hint in fields.items() if name not in value and not _optional(hint)]
    known = [
        fault
        for name, inner in value.items()
        if name in fields
        for fault in _value(inner, fields[name], f"{path}.{name}")
    ]
    return unknown + missing + known


def _value(value: Any, hint: Any, path: str) -> list[str]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or (value is None and type(None) in arguments):
        return []
    if isinstance(hint, type) and issubclass(hint, StripeObject):
        return _object(value, hint, path)
    check = _GENERIC.get(origin)
    return check(value, arguments, path) if check else _plain(value, hint, path)


def _union(value: Any, choices: tuple[Any, ...], path: str) -> list[str]:
    """The faults of the choice that fits best."""
    closed = [choice for choice in choices if get_origin(choice) is Literal]
    left = [choice for choice in choices if choice is not type(None) and not (closed and choice is str)]
    hashes = [choice for choice in left if choice is not str]
    fitting = hashes if isinstance(value, dict) and hashes else left
    return min((_value(value, choice, path) for choice in fitting), key=len)


def _literal(value: Any, allowed: tuple[Any, ...], path: str) -> list[str]:
    return [] if value in allowed else [f"{path}: {value!r} is none of {', '.join(map(repr, allowed))}"]


def _items(values: Any, hints: tuple[Any, ...], path: str) -> list[str]:
    if not isinstance(values, list):
        return [f"{path}: {values!r} is no list"]
    return [fault for number, inner in enumerate(values) for fault in _value(inner, hints[0], f"{path}[{number}]")]


def _hash(values: Any, hints: tuple[Any, ...], path: str) -> list[str]:
    if not isinstance(values, dict):
        return [f"{path}: {values!r} is no hash"]
    return [fault for name, inner in values.items() for fault in _value(inner, hints[0], f"{path}.{name}")]


def _list_object(value: Any, hints: tuple[Any, ...], path: str) -> list[str]:
    if not isinstance(value, dict) or set(value) != {"object", "url", "has_more", "data"}:
        return [f"{path}: no list object"]
    return _items(value["data"], hints, f"{path}.data")


def _plain(value: Any, hint: Any, path: str) -> list[str]:
    if hint is Decimal:  # travels as text
        try:
            fits = isinstance(value, str) and Decimal(value).is_finite()
        except InvalidOperation:
            fits = False
    elif hint is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = type(value) is hint
    return [] if fits else [f"{path}: {value!r} is no {hint.__name__}"]


_GENERIC: dict[Any, Callable[[Any, tuple[Any, ...], str], list[str]]] = {
    Union: _union,
    types.UnionType: _union,
    Literal: _literal,
    list: _items,
    ListObject: _list_object,
    UntypedStripeObject: _hash,
}


def _optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


@cache
def _fields(kind: type[StripeObject]) -> dict[str, Any]:
    hints = get_type_hints(kind, localns=_names(kind.__module__))
    return {name: hint for name, hint in hints.items() if not name.startswith("_") and get_origin(hint) is not ClassVar}


@cache
def _names(module: str) -> dict[str, Any]:
    """The names that stripe-python imports for type checkers only, but writes into its annotations."""
    imports = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module])))
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.startswith("stripe.")
        and ".params" not in node.module
    ]
    return {
        alias.asname or alias.name: getattr(importlib.import_module(str(node.module)), alias.name)
        for node in imports
        for alias in node.names
    }
