"""The rows of customers' corrected addresses: what was asked, what was confirmed, and the mail between the two."""

from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from common.database import Transaction
from common.orders import BY_TICKET
from common.signing import hash_token

DOMAIN = "address"  # of the signature that the mail's link carries


@dataclass(frozen=True, slots=True)
class Wish:
    """A customer's wish to be written to at `address`. `live`: in time."""

    job_id: UUID
    number: int
    address: str
    confirmed: bool = False
    live: bool = True


@dataclass(frozen=True, slots=True)
class Correction:
    """What an order's page shows. `asked`: the address that is not confirmed yet; `refused`: no mail gets there."""

    possible: bool
    asked: str | None = None
    refused: bool = False


def of_order(tx: Transaction, ticket: str) -> Correction:
    """Whether the order with this ticket may be written to elsewhere, and what was asked last."""
    row = tx.execute(
        f"""SELECT {_POSSIBLE}, w.address, m.state = 'failed'
            FROM jobs j
            LEFT JOIN LATERAL (
                SELECT number, address FROM address_wishes WHERE job_id = j.job_id
                  AND confirmed_at IS NULL AND expires_at > now()
                  AND number = (SELECT max(number) FROM address_wishes WHERE job_id = j.job_id)
            ) w ON true
            LEFT JOIN mails m ON m.kind = 'address' AND m.about = j.job_id || ':' || w.number AND m.number = 1
            WHERE j.job_id = {BY_TICKET}""",
        {"ticket": ticket},
    ).fetchone()
    return Correction(bool(row[0]), row[1], bool(row[2])) if row else Correction(possible=False)


def possible(tx: Transaction, job_id: UUID) -> bool:
    """Paid, not to be forgotten, and nothing was downloaded: whoever has the picture has the right address."""
    row = tx.execute(f"SELECT {_POSSIBLE} FROM jobs j WHERE job_id = %(job)s", {"job": job_id}).fetchone()
    return bool(row and row[0])


def find(tx: Transaction, token: str) -> Wish | None:
    """The wish that this token confirms, when it is the newest of its order."""
    return (
        tx.cursor(row_factory=class_row(Wish))
        .execute(
            """SELECT w.job_id, w.number, w.address, w.confirmed_at IS NOT NULL AS confirmed,
                      w.expires_at > now() AS live
               FROM address_wishes w WHERE w.token_hash = %(hash)s
                 AND NOT EXISTS (SELECT FROM address_wishes n WHERE n.job_id = w.job_id AND n.number > w.number)""",
            {"hash": hash_token(token)},
        )
        .fetchone()
    )


def counted(tx: Transaction, job_id: UUID, within_s: float) -> tuple[int, int]:
    """The number of the last wish, 0 where there is none, and how many were asked within these seconds."""
    row = tx.execute(
        """SELECT COALESCE(max(number), 0), count(*) FILTER (WHERE asked_at > now() - make_interval(secs => %(s)s))
           FROM address_wishes WHERE job_id = %(job)s""",
        {"job": job_id, "s": within_s},
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def write(tx: Transaction, wish: Wish, token: str, life_s: float) -> None:
    """The wish, and the row of its mail: the notifier sends it, and makes the token again to do so."""
    about = f"{wish.job_id}:{wish.number}"
    tx.execute(
        """WITH wish AS (
               INSERT INTO address_wishes (job_id, number, address, token_hash, expires_at)
               VALUES (%(job)s, %(number)s, %(address)s, %(hash)s, now() + make_interval(secs => %(life_s)s))
               RETURNING job_id
           )
           INSERT INTO mails (kind, about, job_id, state, claim_no, claimed_until, message_id)
           SELECT 'address', %(about)s, job_id, 'waiting', 0, now(), %(local)s FROM wish""",
        {
            "job": wish.job_id,
            "number": wish.number,
            "address": wish.address,
            "hash": hash_token(token),
            "life_s": life_s,
            "about": about,
            "local": f"address.{about.replace(':', '.')}.1",
        },
    )


def was_mailed(tx: Transaction, job_id: UUID) -> bool:
    """Whether the old address may have learnt where the order's page is."""
    row = tx.execute(
        """SELECT EXISTS (SELECT FROM mails WHERE job_id = %(job)s AND claim_no > 0
                          AND kind IN ('ready', 'refunded', 'expiring'))""",
        {"job": job_id},
    ).fetchone()
    return bool(row and row[0])


def confirm(tx: Transaction, wish: Wish) -> None:
    tx.execute(
        "UPDATE address_wishes SET confirmed_at = now() WHERE job_id = %(job)s AND number = %(number)s",
        {"job": wish.job_id, "number": wish.number},
    )


_POSSIBLE = """
    j.paid_at IS NOT NULL AND j.forgotten_at IS NULL AND j.forget_asked_at IS NULL AND NOT EXISTS (
        SELECT FROM links l WHERE l.job_id = j.job_id AND l.downloads > 0)
"""
