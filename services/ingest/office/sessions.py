"""Who is signed in: a row per sign-in, so that signing out really ends it. The database's clock says when it is over.

The row holds the hash of the cookie and a signature of ADMIN_TOKEN: another ADMIN_TOKEN (or SECRET_KEY) ends them all.
"""

import secrets

from common.database import Transaction
from common.signing import Signer, hash_token
from services.ingest.settings import IngestSettings


def begin(tx: Transaction, settings: IngestSettings, signer: Signer, actor: str) -> str:
    """A new session's cookie. Those that are over go."""
    tx.execute(f"DELETE FROM admin_sessions WHERE NOT {_GOES_ON}", _limits(settings))
    cookie = secrets.token_hex(32)
    tx.execute(
        "INSERT INTO admin_sessions (token_hash, admin_mac, actor) VALUES (%(hash)s, %(mac)s, %(actor)s)",
        {"hash": hash_token(cookie), "mac": _mac(settings, signer), "actor": actor},
    )
    return cookie


def actor_of(tx: Transaction, settings: IngestSettings, signer: Signer, cookie: str) -> str | None:
    """Who this session belongs to; None when it is over, or never was. It goes on from now."""
    row = tx.execute(
        f"""UPDATE admin_sessions SET seen_at = now()
            WHERE token_hash = %(hash)s AND admin_mac = %(mac)s AND {_GOES_ON} RETURNING actor""",
        _limits(settings) | {"hash": hash_token(cookie), "mac": _mac(settings, signer)},
    ).fetchone()
    return str(row[0]) if row else None


def end(tx: Transaction, cookie: str) -> None:
    tx.execute("DELETE FROM admin_sessions WHERE token_hash = %(hash)s", {"hash": hash_token(cookie)})


def _mac(settings: IngestSettings, signer: Signer) -> str:
    return signer.sign("admin-token", settings.admin_token.get_secret_value() if settings.admin_token else "")


def _limits(settings: IngestSettings) -> dict[str, object]:
    return {"hours": settings.admin_session_hours, "minutes": settings.admin_idle_minutes}


_GOES_ON = """(created_at > now() - make_interval(secs => %(hours)s * 3600)
               AND seen_at > now() - make_interval(secs => %(minutes)s * 60))"""
