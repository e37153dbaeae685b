"""The admin's pages, `/admin`: what needs a person, every order with all that is on record, and every decision.

Rendered here, without scripts. Whoever signs in with ADMIN_TOKEN has a session (sessions.py); every form carries a
token that only this session's pages know (gate.py). Decisions are those of common/admin: the same as by the command
line and the API, with the same audit row.
"""
