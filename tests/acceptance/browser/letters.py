"""What lies in the inbox, and where its links lead."""

import re
from typing import Any

import requests

from local.processes import await_condition
from local.stack import Stack

LINK = re.compile(r"""https?://[^\s"'<>)]+""")


def arrived(site: Stack, to: str, subject: str, count: int = 1) -> str:
    """The newest mail to this address, once there are so many with these words in their subject; as it was sent."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [mail for mail in _mails(site, to) if subject in mail["subject"]]
        return len(found) >= count

    await_condition(there, 40, f"mail {count} to {to}: {subject}")
    newest = max(found, key=lambda mail: int(mail["id"]))
    return requests.get(f"{site.at.inbox}/api/mails/{newest['id']}/html", timeout=10).text


def links(site: Stack, mail: str) -> list[str]:
    """Every address of ours in a mail."""
    return sorted({link for link in LINK.findall(mail.replace("&amp;", "&")) if link.startswith(site.at.ingest)})


def _mails(site: Stack, to: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{site.at.inbox}/api/mails", params={"to": to}, timeout=10)
    answer.raise_for_status()
    return list(answer.json())
