"""How a mail is shown without being trusted: nothing in it runs, and nothing in it reaches far.

Three fences stand one behind the other: the page's frame is sandboxed without scripts, the mail's own
answer says so again in its Content-Security-Policy (so that opening it alone changes nothing), and that
policy loads pictures from here and from this machine only.
"""

import re

MAY = "allow-popups allow-popups-to-escape-sandbox"  # links open, in a tab of their own; scripts never run

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = (
    f"sandbox {MAY}; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src 'self' data: http://127.0.0.1:* http://localhost:*; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
PART_POLICY = "sandbox; default-src 'none'"

# Pictures that cannot carry a script; SVG can.
SHOWN_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}
HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
BASE = '<base target="_blank">'


def headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def links_open_outside(html: str) -> str:
    """The HTML with its links leading to a new tab, for inside its frame they would lead nowhere useful."""
    head = HEAD.search(html)
    at = head.end() if head else 0
    return html[:at] + BASE + html[at:]
