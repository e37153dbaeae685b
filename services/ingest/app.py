"""The application: routes, middleware, one shape for errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from services.ingest import admin, probes, webhooks
from services.ingest.customer import addresses, downloads, pages, previews, ratings, renewals, status, wishes
from services.ingest.edge import Parts
from services.ingest.office import gate
from services.ingest.office import routes as office
from services.ingest.selling import checkout, orders, prices, shopfront, uploads
from services.ingest.web import errors
from services.ingest.web.answers import refusals
from services.ingest.web.limits import BodyLimit
from services.ingest.web.middleware import Observed
from services.ingest.web.pace import Pace
from services.ingest.web.templating import HERE

ROUTERS = (
    prices,
    checkout,
    uploads,
    status,
    downloads,
    orders,
    admin,
    office,
    webhooks,
    pages,
    previews,
    renewals,
    wishes,
    addresses,
    shopfront,
    ratings,
    probes,
)


def create_app(edge: Parts) -> FastAPI:
    """Everything that ingest answers. Routes are plain functions in as many threads as there are connections."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = edge.settings.http_threads
        yield

    app = FastAPI(
        title="Enlarger",
        description="Sells, makes and delivers enlargements of photographs.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=sorted(edge.settings.origins),
                allow_methods=["GET", "HEAD", "POST"],
                allow_headers=["X-WP-Nonce", "Content-Type"],
                max_age=600,
            ),
            Middleware(Observed),
            Middleware(Pace, edge.settings.rate_limit_per_min, edge.settings.trusted_proxies),
            Middleware(BodyLimit, edge.settings.client_patience_s),
        ],
    )
    app.state.edge = edge
    errors.install(app)
    gate.install(app)
    for module in ROUTERS:
        app.include_router(module.router, responses=refusals(422) if module is admin else None)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    return app
