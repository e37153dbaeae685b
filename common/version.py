"""The version of all of it. This is the one place where it stands."""

VERSION = "0.1.0"
