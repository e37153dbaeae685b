"""All of the office's routes. They stand in no description of the API: people use them, not programs."""

from fastapi import APIRouter

from services.ingest.office import deciding, letters, operation, order, orders, overview, reports, signing_in
from services.ingest.office.rendering import PREFIX

router = APIRouter(include_in_schema=False)
for _room in (signing_in, overview, orders, letters, operation, reports, deciding, order):
    router.include_router(_room.router, prefix=PREFIX)
