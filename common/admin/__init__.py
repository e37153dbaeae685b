"""What people decide about jobs: the one module behind the admin's API and command line (design section 4).

A decision is one transaction: the job's row is locked, its state allows the verb or refuses it with a sentence, the
change goes through common.jobs, and the audit row says who decided it and why. Nothing is published but the override
of `retry`: everything else sets the job's wake-up to now, and the clock emits its event.
"""

from common.admin.audit import Decision
from common.admin.desk import Desk, Done, RefusedError
from common.admin.handing import Complete
from common.admin.verbs import Email, Extend, Fail, Hold, Refund, Release, Resend, Retry, Wake

__all__ = [
    "Complete", "Decision", "Desk", "Done", "Email", "Extend", "Fail", "Hold", "Refund", "RefusedError", "Release",
    "Resend", "Retry", "Wake",
]  # fmt: skip
