"""A stand-in for Stripe in its own process: Checkout, refunds, disputes and signed webhooks, no account needed.

It speaks Stripe's wire format, so stripe-python works against it unchanged; the tests hold every object it
answers against stripe-python's own annotations. `/sandbox/*` is its remote control and its ledger.
"""
