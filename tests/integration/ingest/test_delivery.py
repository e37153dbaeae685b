"""What surrounds a download: fresh links for old ones, small pictures, each client counted once, uploads swept."""

from pathlib import Path

from common.database import Database
from common.storage import Storage
from services.ingest.sweeping import Keep, Sweep
from tests.integration.ingest.finished import Finished, change, deliver
from tests.integration.ingest.shop import API, Shop
from tests.integration.sandbox.standin import encoded, photograph, until

READY = "notifier.job.completed"


def _expired(shop: Shop) -> Finished:
    finished = deliver(shop, shop.paid())
    shop.rows("UPDATE links SET expires_at = now() - interval '1 s' WHERE job_id = %s", finished.job_id)
    return finished


def _links(shop: Shop, finished: Finished) -> int:
    return int(shop.rows("SELECT count(*) FROM links WHERE job_id = %s", finished.job_id)[0]["count"])


def test_the_page_of_an_old_link_sends_a_fresh_one_to_the_orders_address(shop: Shop) -> None:
    finished = _expired(shop)
    page = shop.get(f"/d/{finished.token}")
    assert page.status_code == 410
    assert "a…@example.org" in page.text
    assert "anna@" not in page.text
    assert _links(shop, finished) == 1, "opening the page changes nothing"

    shop.messages(READY)
    answer = shop.post(f"/d/{finished.token}/renew")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/d/{finished.token}?sent=1")
    assert _links(shop, finished) == 2
    assert shop.job(finished.ticket)["stage"] == "announce"
    until(lambda: str(finished.job_id) in str(shop.messages(READY)))
    assert "sent a fresh link" in shop.get(answer.headers["Location"]).text


def test_a_machine_that_presses_the_button_mails_once(shop: Shop) -> None:
    finished = _expired(shop)
    for _ in range(3):
        assert shop.post(f"/d/{finished.token}/renew").status_code == 303
        shop.rows("UPDATE links SET expires_at = now() - interval '1 s' WHERE job_id = %s", finished.job_id)
    assert _links(shop, finished) == 2


def test_a_link_that_works_is_not_renewed(shop: Shop) -> None:
    finished = deliver(shop, shop.paid())
    shop.post(f"/d/{finished.token}/renew")
    assert _links(shop, finished) == 1


def test_nothing_is_offered_where_no_picture_is_kept(shop: Shop) -> None:
    gone, refunded = _expired(shop), _expired(shop)
    shop.rows("UPDATE deliveries SET removed_at = now() WHERE job_id = %s", gone.job_id)
    change(shop, refunded.ticket, status="refunded")
    for finished in (gone, refunded):
        page = shop.get(f"/d/{finished.token}")
        assert page.status_code == 410
        assert "/renew" not in page.text
        shop.post(f"/d/{finished.token}/renew")
        assert _links(shop, finished) == 1
    assert shop.post(f"/d/{'0' * 64}/renew").status_code == 303, "and nobody learns which tokens are known"


def test_a_client_is_counted_once_an_hour(shop: Shop) -> None:
    finished = deliver(shop, shop.paid())
    for part in ({}, {}, {"Range": "bytes=5-"}):
        shop.get(finished.path, headers=part)
    until(lambda: shop.rows("SELECT downloads FROM links WHERE job_id = %s", finished.job_id)[0]["downloads"] == 1)
    row = shop.rows("SELECT client FROM downloads JOIN links USING (token_hash) WHERE job_id = %s", finished.job_id)[0]
    assert b"127.0.0.1" not in bytes(row["client"])
    shop.rows("UPDATE downloads SET began = began - interval '1 hour'")
    shop.get(finished.path)
    until(lambda: shop.rows("SELECT downloads FROM links WHERE job_id = %s", finished.job_id)[0]["downloads"] == 2)


def test_before_and_after_stand_on_the_orders_page(shop: Shop) -> None:
    finished = deliver(shop, shop.paid())
    assert "/before" not in shop.get(f"/jobs/{finished.ticket}").text
    assert shop.get(f"/jobs/{finished.ticket}/after").status_code == 404
    small = encoded(photograph((512, 341)), "JPEG")
    storage = Storage(f"file://{shop.storage}")
    storage.write(f"references/{finished.job_id}", encoded(photograph((512, 341)), "PNG"))
    storage.write(f"previews/{finished.job_id}/1.png", small)
    shop.rows("UPDATE deliveries SET preview_size = %s WHERE job_id = %s", len(small), finished.job_id)
    shop.rows(
        """INSERT INTO sources (job_id, claimed_until, looked_at, reference_key)
           VALUES (%s, now(), now(), %s)""",
        finished.job_id, f"references/{finished.job_id}",
    )  # fmt: skip
    assert f'src="/jobs/{finished.ticket}/before"' in shop.get(f"/jobs/{finished.ticket}").text
    after = shop.get(f"/jobs/{finished.ticket}/after")
    assert (after.headers["Content-Type"], after.content) == ("image/jpeg", small)
    assert shop.get(f"/jobs/{finished.ticket}/before").headers["Content-Type"] == "image/png"
    assert shop.get(f"/jobs/{finished.job_id}/after").status_code == 404, "the operational id shows nothing"


def _upload(shop: Shop) -> str:
    picture = encoded(photograph((400, 300)), "JPEG")
    return str(shop.post(f"{API}/upload-image", files={"image": ("cat.jpg", picture)}).json()["upload_id"])


def test_old_uploads_are_removed_unless_an_order_needs_them(shop: Shop) -> None:
    unused, needed, fresh = (_upload(shop) for _ in range(3))
    shop.post(f"{API}/create-checkout-upload", data={"upload_id": needed, "resolution": "4x"})
    shop.rows("UPDATE uploads SET created_at = now() - interval '25 hours' WHERE upload_id = ANY(%s)", [unused, needed])
    database = Database(shop.database_url)
    database.open()
    sweep = Sweep(database, Storage(f"file://{shop.storage}"), Keep(24 * 3600, 7 * 24 * 3600, 365 * 24 * 3600))
    try:
        assert sweep.uploads() >= 1
        assert sweep.uploads() == 0
    finally:
        database.close()
    kept = {path.name for path in Path(shop.storage / "uploads").iterdir()}
    assert unused not in kept
    assert {needed, fresh} <= kept
