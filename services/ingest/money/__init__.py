"""Stripe: payments taken, money given back, disputes, and the books read."""
