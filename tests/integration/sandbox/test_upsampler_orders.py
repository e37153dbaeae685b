"""The provider's stand-in really enlarges, in both dialects, with the keys that the contract names."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
import requests
from PIL import Image, ImageChops, ImageCms, ImageStat

from tests.integration.sandbox.provider import KEY, Customer
from tests.integration.sandbox.standin import (
    Site,
    StandIn,
    decoded,
    encoded,
    free_port,
    photograph,
    running,
    site,
    until,
)

STATUS_KEYS = {"id", "status", "imageUrl", "compressedImageUrl", "creditCost", "error"}


def settings(port: int, **more: str) -> dict[str, str]:
    return {
        "SANDBOX_UPSAMPLER_PORT": str(port),
        "UPSAMPLER_API_KEY": KEY,
        "SANDBOX_UPSAMPLER_SECONDS": "0.1",
        **more,
    }


@pytest.fixture(scope="module")
def provider() -> Iterator[StandIn]:
    port = free_port()
    with running("sandbox.upsampler", port, settings(port)) as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def shop() -> Iterator[Site]:
    with site() as customers_site:
        yield customers_site


@pytest.fixture
def customer(provider: StandIn, shop: Site) -> Customer:
    return Customer.new(provider, shop)


def fetched(url: str) -> requests.Response:
    return requests.get(url, timeout=10)


def test_a_live_order_is_answered_with_exactly_the_keys_of_the_contract(customer: Customer) -> None:
    answer = customer.submit().json()
    status = customer.ended(answer["id"])
    assert set(answer) == {"id", "status", "creditCost"}
    assert answer["status"] == "IN_QUEUE"
    assert set(status) == STATUS_KEYS
    assert (status["status"], status["error"]) == ("SUCCESS", None)
    until(lambda: customer.hooked)
    assert customer.hooked == [status]


def test_a_documented_order_is_answered_with_exactly_the_keys_of_the_contract(customer: Customer) -> None:
    answer = customer.submit(customer.documented()).json()
    status = customer.ended(answer["job_id"])
    assert set(answer) == {"success", "job_id", "status", "estimated_completion"}
    assert (answer["success"], answer["status"]) == (True, "queued")
    datetime.strptime(answer["estimated_completion"], "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 (its Z is UTC)
    assert set(status) == {"job_id", "status", "result_url", "error"}
    until(lambda: customer.hooked)
    assert customer.hooked == [status | {"metadata": {"job_id": "our-job", "plugin": "sell-my-images"}}]


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8, 16])
def test_a_result_is_exactly_the_source_times_the_factor(customer: Customer, factor: int) -> None:
    done = customer.bought(customer.live(upscaleFactor=factor))
    png, jpeg = fetched(done["imageUrl"]), fetched(done["compressedImageUrl"])
    assert (png.headers["Content-Type"], jpeg.headers["Content-Type"]) == ("image/png", "image/jpeg")
    assert int(png.headers["Content-Length"]) == len(png.content)
    assert decoded(png.content).size == decoded(jpeg.content).size == (48 * factor, 36 * factor)


def test_a_result_is_the_same_picture(customer: Customer) -> None:
    done = customer.bought()
    source = photograph()
    back = decoded(fetched(done["imageUrl"]).content).resize(source.size, Image.Resampling.BOX)
    assert max(ImageStat.Stat(ImageChops.difference(source, back)).mean) < 12


def test_transparency_and_colour_profile_stay(provider: StandIn, shop: Site) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = photograph(mode="RGBA")
    customer = Customer.new(provider, shop, encoded(source, icc_profile=profile))
    result = decoded(fetched(customer.bought()["imageUrl"]).content)
    assert result.mode == "RGBA"
    assert result.info["icc_profile"] == profile
    assert result.getpixel((48 * 3, 36 * 3)) == (20, 90, 200, 90)


def test_credits_are_a_quarter_of_a_megapixel_rounded_up(provider: StandIn, shop: Site) -> None:
    flat = encoded(Image.new("RGB", (501, 500)))
    customer = Customer.new(provider, shop, flat)
    answer = customer.submit(customer.live(upscaleFactor=4)).json()
    customer.ended(answer["id"])
    assert answer["creditCost"] == customer.job["credits"] == 2  # 4.008 megapixels


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"<html>no picture</html>", "no picture"), (encoded(photograph())[:900], "could not be enlarged")],
    ids=["not a picture", "cut"],
)
def test_a_bad_picture_fails_the_job_and_costs_nothing(
    provider: StandIn, shop: Site, content: bytes, error: str
) -> None:
    customer = Customer.new(provider, shop, content)
    status = customer.bought()
    assert status["status"] == "FAILED"
    assert error in status["error"]
    assert (status["imageUrl"], status["creditCost"], customer.job["credits"]) == (None, 0, 0)


def test_a_missing_picture_fails_the_job(customer: Customer) -> None:
    status = customer.bought(customer.live(imageUrl=f"{customer.site.url}/nothing-here"))
    assert (status["status"], status["error"]) == ("FAILED", "the source picture's server answered 404")


def test_a_wrong_key_is_refused_in_both_dialects(customer: Customer) -> None:
    for body in (customer.live(), customer.documented()):
        answer = customer.submit(body, key="another")
        assert (answer.status_code, set(answer.json())) == (401, {"error"})
    assert [line["status"] for line in customer.ledger("refusals")] == [401, 401]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"upscaleFactor": 17}, "input.upscaleFactor"),
        ({"upscaleFactor": "4"}, "input.upscaleFactor"),
        ({"imageUrl": "file:///etc/passwd"}, "input.imageUrl"),
        ({"inputImageType": "photo"}, "input.inputImageType"),
        ({"surprise": 1}, "input.surprise"),
    ],
)
def test_a_wrong_request_is_refused_with_its_place(customer: Customer, changes: dict[str, object], place: str) -> None:
    answer = customer.submit(customer.live(**changes))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(place)
    assert customer.ledger("submissions") == []


def test_a_webhook_is_repeated_until_it_is_taken(customer: Customer) -> None:
    customer.site.statuses[:] = [500, 503]
    customer.order()
    tries = until(lambda: lines if len(lines := customer.ledger("webhooks")) == 3 else None) or []
    assert [line["status"] for line in tries] == [500, 503, 200]
    assert [line["attempt"] for line in tries] == [1, 2, 3]
    assert len(customer.hooked) == 3


def test_the_ledger_is_complete_and_exact(customer: Customer) -> None:
    done = customer.bought()
    fetched(done["imageUrl"])
    until(lambda: customer.ledger("webhooks"))
    job, (download,), (webhook,) = customer.job, customer.ledger("downloads"), customer.ledger("webhooks")
    assert (job["dialect"], job["factor"], job["image_url"]) == ("live", 4, customer.image_url)
    assert (job["answer"], job["state"], job["credits"], job["source_size"]) == ("delivered", "done", 1, [48, 36])
    assert [moved["state"] for moved in job["states"]] == ["queued", "working", "done"]
    assert (download["status"], download["complete"]) == (200, True)
    assert download["bytes_sent"] == len(fetched(done["imageUrl"]).content)
    assert (webhook["kind"], webhook["status"], webhook["body"]) == ("genuine", 200, done)
    assert {check["status"] for check in customer.ledger("status_checks")} == {200}


def test_an_unknown_job_is_404(customer: Customer) -> None:
    answer = customer.status("nobody")
    assert (answer.status_code, set(answer.json())) == (404, {"error"})


def test_a_result_dies_after_its_time_and_its_file_goes_with_it(shop: Site, tmp_path: Path) -> None:
    port = free_port()
    more = {"SANDBOX_UPSAMPLER_RESULT_TTL_S": "2", "SANDBOX_UPSAMPLER_DIR": str(tmp_path)}
    with running("sandbox.upsampler", port, settings(port, **more)) as stand_in:
        done = Customer.new(stand_in, shop).bought()
        assert fetched(done["imageUrl"]).status_code == 200
        until(lambda: fetched(done["imageUrl"]).status_code == 404)
        later = Customer.new(stand_in, shop).bought()
        assert {file.stem for file in tmp_path.iterdir()} == {later["id"]}


def test_a_result_that_would_be_too_large_fails_the_job(shop: Site) -> None:
    port = free_port()
    with running("sandbox.upsampler", port, settings(port, SANDBOX_UPSAMPLER_MAX_OUTPUT_MEGAPIXELS="0.1")) as stand_in:
        status = Customer.new(stand_in, shop).bought(Customer.new(stand_in, shop).live(upscaleFactor=8))
    assert status["error"] == "the result would have 0.110592 megapixels; 0.1 is the most"


def test_the_stand_in_leaves_on_sigterm_although_a_client_hangs(shop: Site) -> None:
    port = free_port()
    with running("sandbox.upsampler", port, settings(port)) as stand_in, ThreadPoolExecutor() as pool:
        customer = Customer.new(stand_in, shop)
        stand_in.arm("hang")
        hanging = pool.submit(customer.submit)
        until(lambda: customer.ledger("submissions"))
        assert stand_in.stop() == 0
        assert isinstance(hanging.exception(), requests.ConnectionError)


def test_the_stand_in_leaves_on_sigterm_and_takes_its_files_along(shop: Site, tmp_path: Path) -> None:
    port = free_port()
    with running("sandbox.upsampler", port, settings(port, TMPDIR=str(tmp_path))) as stand_in:
        Customer.new(stand_in, shop).bought()
        assert list(tmp_path.iterdir())
        assert stand_in.stop() == 0
    assert list(tmp_path.iterdir()) == []
