"""`./enlarger demo`: buys an enlargement, and one that fails and is refunded."""


def demo() -> None:
    """From nothing to a finished order and a refunded one."""
