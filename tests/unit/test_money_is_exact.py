"""No float anywhere near money: a rule of the house, read from the code itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.layout import ROOT

# What names an amount of money, or what money is made of.
MONEY = re.compile(
    r"(^|_)(cents?|price|prices|amount|cost|credits?|fee|markup|charged|refunded|owed|balance)(_|$)", re.IGNORECASE
)
# Where an amount leaves us as a number, for a program that wants one. Nothing is calculated with it.
SHOWN = {("services/ingest/selling/quotes.py", "dollars"), ("services/ingest/selling/quotes.py", "shown")}
ANSWERS = {"services/ingest/web/answers.py"}  # the shapes of what is shown so, described for the API's readers
OTHER_CREDIT = {"services/ingest/web/pace.py"}  # how often a client may ask
FILES = sorted(
    path
    for part in ("common", "services")
    for path in (ROOT / part).rglob("*.py")
    if str(path.relative_to(ROOT)) not in OTHER_CREDIT | ANSWERS
)


def names(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.arg):
            yield inner.arg


def about_money(*nodes: ast.AST) -> bool:
    return any(MONEY.search(name) for node in nodes for name in names(node))


def floats(node: ast.AST) -> bool:
    """Whether an expression or annotation has a float in it: the type, a literal, a true division of integers."""
    return any(
        (isinstance(inner, ast.Name) and inner.id == "float")
        or (isinstance(inner, ast.Constant) and isinstance(inner.value, float))
        for inner in ast.walk(node)
    )


def offences(tree: ast.AST, file: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (file, node.name) in SHOWN:
            node.body, node.returns = [], None
    for node in ast.walk(tree):
        told = declared(node) or calculated(node)
        if told:
            yield f"{file}:{getattr(node, 'lineno', 0)} {told}"


def declared(node: ast.AST) -> str | None:
    """Money that is said to be a float."""
    match node:
        case ast.AnnAssign(target=target, annotation=annotation) if about_money(target) and floats(annotation):
            return "declares money as float"
        case ast.arg(arg=name, annotation=ast.AST() as annotation) if MONEY.search(name) and floats(annotation):
            return "takes money as float"
        case ast.FunctionDef(name=name, returns=ast.AST() as returns) if MONEY.search(name) and floats(returns):
            return "returns money as float"
    return None


def calculated(node: ast.AST) -> str | None:
    """Money that becomes a float."""
    match node:
        case ast.Call(func=ast.Name(id="float"), args=args) if about_money(*args):
            return "makes a float of money"
        case ast.BinOp(left=left, right=right) if about_money(left, right) and (floats(left) or floats(right)):
            return "calculates money with a float"
        case ast.BinOp(left=left, op=ast.Div(), right=right) if about_money(left, right) and not exact(node):
            return "divides money without Decimal"
    return None


def exact(division: ast.BinOp) -> bool:
    """A true division is exact where a Decimal stands in it; percentages are Decimals by their settings' types."""
    told = set(names(division))
    return "Decimal" in told or any(name.endswith("percent") for name in told)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_uses_a_float_for_money(path: Path) -> None:
    file = str(path.relative_to(ROOT))
    assert list(offences(ast.parse(path.read_text()), file)) == []


@pytest.mark.parametrize(
    "code",
    [
        "def pay(amount: float) -> None: ...",
        "price_cents: float = 0",
        "total = price_cents * 1.5",
        "half = amount_cents / 2",
        "x = float(job.charged_cents)",
        "def cost() -> float: ...",
    ],
)
def test_the_rule_bites(code: str) -> None:
    assert list(offences(ast.parse(code), "sample.py"))


def test_no_column_of_money_is_a_float() -> None:
    for path in (ROOT / "common" / "migrations").glob("*.sql"):
        for line in path.read_text().splitlines():
            assert not re.search(r"\b\w*(cents|credits|markup)\w*\s+(real|float\d?|double|money)\b", line), line
