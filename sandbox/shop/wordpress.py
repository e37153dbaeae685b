"""The two answers of WordPress's REST API that the shop gives: a media item, and an error.

Shapes as in the REST API handbook (developer.wordpress.org/rest-api/reference/media/), context `view`.
"""

from typing import Any

from sandbox.shop.catalogue import Photo

MEDIA_ROUTE = "/wp-json/wp/v2/media"


def media_item(photo: Photo, site_url: str) -> dict[str, Any]:
    """What `GET /wp-json/wp/v2/media/{id}` answers; `site_url` has no trailing slash."""
    hung_at = photo.hung_at.isoformat(timespec="seconds")
    source_url = f"{site_url}/photos/{photo.file}"
    return {
        "id": photo.attachment_id,
        "date": hung_at,
        "date_gmt": hung_at,
        "guid": {"rendered": source_url},
        "modified": hung_at,
        "modified_gmt": hung_at,
        "slug": photo.slug,
        "status": "inherit",
        "type": "attachment",
        "link": f"{site_url}/?attachment_id={photo.attachment_id}",
        "title": {"rendered": photo.title},
        "author": 1,
        "featured_media": 0,
        "comment_status": "closed",
        "ping_status": "closed",
        "template": "",
        "meta": [],
        "description": {"rendered": ""},
        "caption": {"rendered": f"<p>{photo.caption}</p>\n"},
        "alt_text": photo.alt,
        "media_type": "image",
        "mime_type": photo.mime_type,
        "media_details": _media_details(photo, source_url),
        "post": None,
        "source_url": source_url,
        "_links": _links(photo, site_url),
    }


def _media_details(photo: Photo, source_url: str) -> dict[str, Any]:
    """Stored dimensions, as PHP's `getimagesize` reports them: it does not look at EXIF.

    The only size is the full one, since the shop keeps no smaller copies.
    """
    width, height = photo.stored_size
    full = {
        "file": photo.file,
        "width": width,
        "height": height,
        "mime_type": photo.mime_type,
        "source_url": source_url,
    }
    return {
        "width": width,
        "height": height,
        "file": f"{photo.hung_at:%Y/%m}/{photo.file}",
        "filesize": photo.path.stat().st_size,
        "sizes": {"full": full},
        "image_meta": {},
    }


def _links(photo: Photo, site_url: str) -> dict[str, Any]:
    return {
        "self": [{"href": f"{site_url}{MEDIA_ROUTE}/{photo.attachment_id}"}],
        "collection": [{"href": f"{site_url}{MEDIA_ROUTE}"}],
        "about": [{"href": f"{site_url}/wp-json/wp/v2/types/attachment"}],
    }


def error_body(code: str, message: str, status: int) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"status": status}}
