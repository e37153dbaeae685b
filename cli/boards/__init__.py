"""The four dashboards, as data: what each panel shows, in which unit, why, and which alert's runbook entry helps."""

from cli.boards.money import MONEY
from cli.boards.operations import OPERATIONS
from cli.boards.pipeline import PIPELINE
from cli.boards.provider import PROVIDER

BOARDS = (PIPELINE, PROVIDER, MONEY, OPERATIONS)
