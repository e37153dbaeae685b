"""The other contestants. They run in an environment of their own, and know nothing of Enlarger but its tables."""
