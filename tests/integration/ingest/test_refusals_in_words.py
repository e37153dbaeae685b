"""What a person is refused on a page is said in a sentence of their language; programs are told the field."""

import pytest
from PIL import Image

from tests.integration.ingest.shop import API, DANDELIONS, Shop
from tests.integration.sandbox.standin import encoded

GERMAN, ENGLISH = {"Accept-Language": "de-DE,de;q=0.9"}, {"Accept-Language": "en"}
NO_PICTURE = ("There is no picture 999999 for sale here.", "Ein Bild 999999 gibt es hier nicht zu kaufen.")
NO_ADDRESS = ("This is no e-mail address that we can write to.", "An diese E-Mail-Adresse können wir nicht schreiben.")
TOO_MANY = (
    "too many pixels, 9000 x 9000: at most 75 megapixels",
    "zu viele Pixel, 9000 x 9000: Wir nehmen höchstens 75",
)
FORMS: dict[str, tuple[str, dict[str, str], tuple[str, str]]] = {
    "a mistyped address": (f"/shop/pictures/{DANDELIONS}", {"resolution": "4x", "email": "mia@"}, NO_ADDRESS),
    "no size": (
        f"/shop/pictures/{DANDELIONS}", {"email": "mia@shop.example"},
        ("Please go back and choose one of the sizes.", "Bitte gehen Sie zurück und wählen Sie eine der Größen."),
    ),
    "no file": (
        "/shop/upload", {},
        ("Please go back and choose a picture.", "Bitte gehen Sie zurück und wählen Sie ein Bild."),
    ),
    "a corrected address": ("/jobs/tk_1/address", {"email": "mia"}, NO_ADDRESS),
    "a picture that is not sold": ("/shop/pictures/999999", {"resolution": "4x"}, NO_PICTURE),
}  # fmt: skip


@pytest.mark.parametrize("case", FORMS)
def test_a_form_that_does_not_do_is_answered_in_words(shop: Shop, case: str) -> None:
    path, form, (english, german) = FORMS[case]
    for headers, told in ((ENGLISH, english), (GERMAN, german)):
        page = shop.post(path, data=form, headers=headers)
        assert page.status_code in {400, 404}
        assert f"<h1>{told}" in page.text
        assert "Input should" not in page.text
        assert "required" not in page.text.lower()


def test_a_page_that_is_not_there_says_so_in_words(shop: Shop) -> None:
    for headers, told in ((ENGLISH, NO_PICTURE[0]), (GERMAN, NO_PICTURE[1])):
        page = shop.get("/shop/pictures/999999", headers=headers)
        assert (page.status_code, f"<h1>{told}" in page.text) == (404, True)
    assert "Das konnten wir nicht lesen." in shop.get("/shop/pictures/x", headers=GERMAN).text
    assert "Dieses Bild ist nicht mehr hier" in shop.get("/shop/uploads/up_0123456789", headers=GERMAN).text


def test_a_picture_that_is_not_taken_is_refused_in_words(shop: Shop) -> None:
    bomb = encoded(Image.new("1", (9000, 9000)))
    for path in ("/shop/upload", f"{API}/upload-image"):
        for headers, told in ((ENGLISH, TOO_MANY[0]), (GERMAN, TOO_MANY[1])):
            answer = shop.post(path, files={"image": ("a.png", bomb, "image/png")}, headers=headers)
            assert (answer.status_code, told in answer.text) == (422, True), answer.text
    page = shop.post("/shop/upload", files={"image": ("a.png", b"no picture", "image/png")}, headers=GERMAN)
    assert "kein vollständiges Bild im Format JPEG, PNG oder WebP" in page.text


def test_programs_are_told_the_field(shop: Shop) -> None:
    form = {"attachment_id": str(DANDELIONS), "resolution": "5x", "email": "mia@"}
    for headers, told in (
        (ENGLISH, "email: this is no e-mail address"),
        (GERMAN, "email: das ist keine E-Mail-Adresse"),
    ):
        body = shop.post(f"{API}/create-checkout", data=form, headers=headers).json()
        assert body["code"] == "invalid_request"
        assert told in body["message"]
        assert "resolution: Input should be '4x' or '8x'" in body["message"]
