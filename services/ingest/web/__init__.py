"""The HTTP machinery: what every route stands on, whatever it is about."""
