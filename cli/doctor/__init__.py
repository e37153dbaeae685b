"""`./enlarger doctor`: every setting and every connection looked at, and for what is wrong, the fix."""
