"""What a dispute means for its order and the order's link, as SQL conditions: decided from rows, wherever it is asked.

A dispute counts while it is open, and for good once it is lost; one that was won leaves nothing behind. An inquiry
(`warning_…`) has taken nothing and means nothing.
"""


def counts(job_id: str) -> str:
    """Whether the bank has, or may keep, the money of the order in this column."""
    return _exists(job_id, "true")


def freezes(job_id: str) -> str:
    """Whether the download link of the order in this column is dead because of it (REVOKE_ON_DISPUTE)."""
    return _exists(job_id, "d.revokes")


def _exists(job_id: str, condition: str) -> str:
    return f"""EXISTS (SELECT FROM disputes d WHERE d.job_id = {job_id} AND {condition}
                       AND NOT starts_with(d.state, 'warning') AND (d.closed_at IS NULL OR d.state = 'lost'))"""
