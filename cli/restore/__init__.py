"""`./enlarger restore-check`: a restored database learns what was done after its backup (docs/restore.md).

Nothing may be bought, refunded or mailed a second time, and no payment may be lost. What Stripe and the storage know is
written down; what nobody knows is held for a person. Every step may be repeated.
"""
