"""What can be decided about an order on its page: each verb of common/admin with what its form asks for."""

from collections.abc import Callable
from dataclasses import dataclass

from common.admin import Email, Extend, Fail, Hold, Refund, RefusedError, Release, Resend, Retry, Wake, typed
from common.admin.desk import Verb
from services.ingest.office.gate import Posted


@dataclass(frozen=True, slots=True)
class Act:
    """`name` is the verb's. `does`: the consequence, as the button's page says it. `fields`: what is asked for.

    `make` reads the form; without it the verb needs the form's file. `blank`: the verb as it is without any field, so
    that what it would do can be said beforehand.
    """

    name: str
    title: str
    does: str
    make: Callable[[Posted], Verb] | None
    fields: tuple[str, ...] = ()
    danger: bool = False
    blank: Verb | None = None


def _refund(form: Posted) -> Refund:
    amount = form.text("amount").replace(",", ".")
    return Refund(typed.cents(amount) if amount else None)


def _release(form: Posted) -> Release:
    hours = form.text("promise_hours")
    return Release(typed.hours(hours) if hours else None)


def _hold(form: Posted) -> Hold:
    if not form.text("reason"):
        raise RefusedError("no_reason", "A hold needs its reason: whoever finds it later must understand it.")
    return Hold(typed.instant(form.text("review") or "1d"))


ACTS = {
    act.name: act
    for act in (
        Act("retry", "Do it again", "The picture is made anew, as a new attempt that the provider charges for.",
            lambda form: Retry("force" in form.fields), ("force",), danger=True, blank=Retry()),
        Act("refund", "Refund", "The charge goes back to the customer, all that is left of it or a part.", _refund,
            ("amount",), danger=True, blank=Refund()),
        Act("extend", "New link", "The customer gets a new download link by mail; the older ones end.",
            lambda _: Extend(), blank=Extend()),
        Act("resend", "Send the mail again", "The last mail about the order goes out once more.", lambda _: Resend(),
            blank=Resend()),
        Act("email", "Correct the address", "What was mailed to the old address goes to the new one.",
            lambda form: Email(typed.address(form.text("address"))), ("address",)),
        Act("hold", "Hold", "Nothing acts on the order until it is released. Its promise still runs.", _hold,
            ("review",)),
        Act("release", "Release", "The hold ends, and the order goes on with a new date for its promise.", _release,
            ("promise_hours",), blank=Release()),
        Act("wake", "Look now", "Whatever the order waits for is looked at at once.", lambda _: Wake(), blank=Wake()),
        Act("complete", "Hand in a picture", "A picture that you hand in is checked, stored and delivered like the "
            "provider's.", None, ("picture",), danger=True),
        Act("fail", "Give up", "The order fails, and its charge is refunded.", lambda _: Fail(), danger=True,
            blank=Fail()),
    )
}  # fmt: skip
