"""What customers think: 1 to 5 stars and a comment, by a form alone."""

import pytest

from tests.integration.ingest.finished import Finished, deliver
from tests.integration.ingest.shop import Shop


@pytest.fixture
def done(shop: Shop) -> Finished:
    return deliver(shop, shop.paid())


def _said(shop: Shop, done: Finished) -> list[tuple[int, str]]:
    rows = shop.rows("SELECT stars, comment FROM ratings WHERE job_id = %s", done.job_id)
    return [(row["stars"], row["comment"]) for row in rows]


@pytest.mark.parametrize("page", ["/jobs/{ticket}", "/d/{token}"])
def test_a_customer_rates_from_the_orders_page_and_from_the_mails(shop: Shop, done: Finished, page: str) -> None:
    path = page.format(ticket=done.ticket, token=done.token)
    assert f'action="{path}/rating"' in shop.get(path).text
    answer = shop.post(f"{path}/rating", data={"stars": "4", "comment": " fine <b>grain</b> "})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert _said(shop, done) == [(4, "fine <b>grain</b>")]
    shown = shop.get(path).text
    assert 'value="4" required checked' in shown
    assert "fine &lt;b&gt;grain&lt;/b&gt;" in shown


def test_the_last_rating_counts(shop: Shop, done: Finished) -> None:
    for stars in (2, 5):
        shop.post(f"/jobs/{done.ticket}/rating", data={"stars": stars})
    assert _said(shop, done) == [(5, "")]


def test_looking_rates_nothing(shop: Shop, done: Finished) -> None:
    for path in (f"/jobs/{done.ticket}", f"/d/{done.token}"):
        assert shop.get(f"{path}/rating", params={"stars": 5}).status_code == 405
        assert shop.request("HEAD", path).status_code == 200
    assert _said(shop, done) == []


@pytest.mark.parametrize("form", [{}, {"stars": "0"}, {"stars": "6"}, {"stars": "many"}, {"stars": "3.5"}])
def test_what_is_no_rating_is_refused(shop: Shop, done: Finished, form: dict[str, str]) -> None:
    assert shop.post(f"/jobs/{done.ticket}/rating", data=form).status_code == 400
    assert shop.post(f"/jobs/{done.ticket}/rating", data={"stars": 5, "comment": "x" * 2001}).status_code == 400
    assert _said(shop, done) == []


def test_only_a_finished_order_of_ours_is_rated(shop: Shop) -> None:
    assert shop.post(f"/jobs/{shop.paid()}/rating", data={"stars": 5}).status_code == 409
    assert shop.post("/jobs/tk_" + "0" * 32 + "/rating", data={"stars": 5}).status_code == 404
    assert shop.post("/d/" + "0" * 64 + "/rating", data={"stars": 5}).status_code == 404
    assert shop.post("/d/nothing/rating", data={"stars": 5}).status_code == 404
