"""Logs: structlog, JSON in production and readable in a terminal; every line with its service. No personal data."""

import logging
import sys

import structlog


def configure(service: str, log_format: str, level: str) -> None:
    """Set up logging for this process. `log_format`: json or console."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the pretty one prints locals: secrets and tickets
        )
    )
    exceptions = [structlog.processors.format_exc_info] if log_format == "json" else []

    def name_service(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"service": service, **line}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            name_service,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *exceptions,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    # The libraries' own lines: warnings only, and none of pika's (its errors are reported by common.broker).
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)
