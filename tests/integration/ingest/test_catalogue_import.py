"""The operator's own list of pictures."""

import csv
import io

import pytest

from common.database import Database
from services.ingest.catalogue import CatalogueError, import_pictures
from tests.integration.ingest.shop import API, Shop

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
