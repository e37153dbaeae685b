"""A stand-in for a mail server: it keeps every mail, shows it on a page, and fails on request."""
