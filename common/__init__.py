"""What all workers share."""

import sys

if "rich" not in sys.modules:  # structlog would load it for tracebacks that we do not draw: 4 MB in each worker
    sys.modules["rich"] = None  # type: ignore[assignment]  # so the import system knows what cannot be imported
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
