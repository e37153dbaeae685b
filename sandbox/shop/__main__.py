"""Start the shop: `python -m sandbox.shop`."""

import uvicorn

from sandbox.shop.app import create_app
from sandbox.shop.settings import Settings


def main() -> None:
    settings = Settings()
    uvicorn.run(
        create_app(settings),
        host=settings.sandbox_host,
        port=settings.sandbox_shop_port,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
