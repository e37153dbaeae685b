"""Delivered files keep what shows the picture (pixels, colour profile, orientation) and lose what tells of its owner.

Nothing is decoded again: each format's own segments are kept, dropped or written anew, and what is not known to be
needed is dropped. So GPS, serial numbers, thumbnails, XMP, comments and bytes behind the picture's end are gone.
"""
