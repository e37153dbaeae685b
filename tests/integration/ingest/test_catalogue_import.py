"""The operator's own list of pictures."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.database import Database
from services.ingest.selling.catalogue import CatalogueError, import_pictures
from tests.integration.ingest.shop import API, Shop
from tests.integration.sandbox.standin import ROOT, encoded, photograph

HEADING = "attachment_id,source_url,width,height\n"


def _import(shop: Shop, lines: str) -> int:
    database = Database(shop.database_url)
    database.open()
    try:
        with database.transaction() as tx:
            return import_pictures(tx, csv.DictReader(io.StringIO(HEADING + lines)))
    finally:
        database.close()


def test_imported_pictures_are_for_sale(shop: Shop) -> None:
    url = f"{shop.wordpress.url}/photos/cat.jpg"
    assert _import(shop, f"801,{url},100,80\n802,{url},10,10\n801,{url},200,160\n") == 2
    prices = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": 801, "post_id": 7}).json()
    assert prices["image_info"] == {"width": 200, "height": 160}


@pytest.mark.parametrize("line", ["x,https://a.example/b.jpg,1,1", "803,ftp://a/b,1,1", "803,https://a.example/b,0,1"])
def test_a_wrong_line_is_named_and_nothing_is_imported(shop: Shop, line: str) -> None:
    with pytest.raises(CatalogueError, match="line 3: "):
        _import(shop, f"803,https://a.example/b.jpg,1,1\n{line}\n")
    assert shop.rows("SELECT 1 FROM pictures WHERE attachment_id = 803") == []


def _command(shop: Shop, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"DATABASE_URL": shop.database_url}
    command = [sys.executable, "-m", "cli", "pictures", *words]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_a_folder_is_imported_under_ids_that_stay(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "alps").mkdir()
    (tmp_path / "alps" / "blue lake.jpg").write_bytes(encoded(photograph((400, 300)), "JPEG"))
    (tmp_path / "zinnia.png").write_bytes(encoded(photograph((200, 100)), "PNG"))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("nothing to sell")
    base = "https://images.example.com/sold"
    assert "--base-url" in _command(shop, str(tmp_path)).stderr
    first = _command(shop, str(tmp_path), "--base-url", base)
    assert first.stdout == "imported 2 pictures\n", first.stderr
    assert "broken.png is left out" in first.stderr
    select = "SELECT attachment_id, title, width, height FROM pictures WHERE source_url LIKE %s ORDER BY source_url"
    rows = shop.rows(select, f"{base}/%")
    assert [(row["title"], row["width"], row["height"]) for row in rows] == [
        ("blue lake", 400, 300),
        ("zinnia", 200, 100),
    ]
    (tmp_path / "acorn.png").write_bytes(encoded(photograph((60, 50)), "PNG"))
    _command(shop, str(tmp_path), "--base-url", base)
    assert [row for row in shop.rows(select, f"{base}/%") if row["title"] != "acorn"] == rows


def test_what_is_gone_from_the_operators_file_is_not_sold_any_more(shop: Shop, tmp_path: Path) -> None:
    table = tmp_path / "sold.csv"
    for numbers in ((811, 812), (812,)):
        lines = "".join(f"{number},https://images.example.com/{number}.jpg,10,10,,\n" for number in numbers)
        table.write_text("attachment_id,source_url,width,height,title,thumbnail_url\n" + lines)
        assert _command(shop, str(table), "--only").returncode == 0
    assert shop.rows("SELECT 1 FROM pictures WHERE attachment_id = 811") == []
    assert shop.rows("SELECT 1 FROM pictures WHERE attachment_id = 812") != []


def test_a_picture_that_wordpress_has_no_more_leaves_the_catalogue(shop: Shop) -> None:
    """While it is remembered it is sold; the provider's own look at it then decides (services/submitter)."""
    shop.rows(
        """INSERT INTO pictures (attachment_id, source_url, width, height, origin, fetched_at)
           VALUES (990, %s, 10, 10, 'wordpress', now() - interval '2 hours')""",
        f"{shop.wordpress.url}/photos/gone.jpg",
    )
    assert shop.post(f"{API}/calculate-all-prices", data={"attachment_id": 990, "post_id": 7}).status_code == 404
    assert shop.rows("SELECT 1 FROM pictures WHERE attachment_id = 990") == []


def test_a_picture_that_changed_is_sold_as_it_is_now(shop: Shop) -> None:
    shop.rows(
        """INSERT INTO pictures (attachment_id, source_url, width, height, origin, fetched_at)
           VALUES (106, %s, 10, 10, 'wordpress', now() - interval '2 hours')
           ON CONFLICT (attachment_id) DO UPDATE SET width = 10, height = 10, fetched_at = excluded.fetched_at""",
        f"{shop.wordpress.url}/photos/before.jpg",
    )
    told = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": 106, "post_id": 7}).json()
    assert told["image_info"]["width"] > 10
    again = shop.rows(
        "SELECT source_url, fetched_at > now() - interval '1 minute' AS fresh FROM pictures WHERE attachment_id = 106"
    )[0]
    assert "before" not in again["source_url"]
    assert again["fresh"]
