"""Looking at uploads takes few of the threads that every other request needs too."""

import io
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from common.pictures.examiner import Eyes
from common.pictures.facts import JPEG, Bounds, Look, Seen
from common.pictures.facts import Unfit as Verdict
from services.ingest.selling.pictures import Looked, Unfit, Viewer
from services.ingest.web.errors import ApiError

LOOKING, WAITING = 2, 4


class SlowEyes(Eyes):
    """They look at a picture for as long as they are told to."""

    def __init__(self) -> None:
        super().__init__(Bounds(1, 1, 1))
        self.done = threading.Event()
        self.began = threading.Semaphore(0)

    def look(self, task: Look) -> Seen | Verdict:  # noqa: ARG002 - the same for every picture
        self.began.release()
        self.done.wait(30)
        return Seen(4, 3, 1, JPEG, alpha=False, profile=False, mean=(), deviation=())


def _no(asked: Future[Looked | Unfit]) -> ApiError:
    error = asked.exception(timeout=10)
    assert isinstance(error, ApiError)
    return error


def test_who_finds_too_many_others_is_sent_away_at_once_and_nobody_waits_long() -> None:
    eyes = SlowEyes()
    viewer = Viewer(eyes, 75, 25)
    with ThreadPoolExecutor(20) as threads:
        asked = [threads.submit(viewer.look, io.BytesIO(b"x")) for _ in range(LOOKING)]
        for _ in asked:
            assert eyes.began.acquire(timeout=10)
        more = [threads.submit(viewer.look, io.BytesIO(b"x")) for _ in range(3 * WAITING)]
        refused = [_no(future) for future in more]
        eyes.done.set()
        assert [future.result(10) for future in asked] == [Looked(JPEG, 4, 3)] * LOOKING

    assert {(no.status, no.code, (no.headers or {})["Retry-After"]) for no in refused} == {(503, "busy", "5")}


def test_of_many_few_wait_and_get_their_turn() -> None:
    eyes = SlowEyes()
    viewer = Viewer(eyes, 75, 25)
    with ThreadPoolExecutor(20) as threads:
        asked = [threads.submit(viewer.look, io.BytesIO(b"x")) for _ in range(LOOKING)]
        for _ in asked:
            assert eyes.began.acquire(timeout=10)
        more = [threads.submit(viewer.look, io.BytesIO(b"x")) for _ in range(WAITING + 1)]
        refused, _ = wait(more, 1.5, FIRST_COMPLETED)  # before those who wait lose their patience
        eyes.done.set()
        assert len(refused) == 1
        found = [future.exception(timeout=10) for future in more]

    assert sum(error is None for error in found) == WAITING


def test_a_place_is_given_back() -> None:
    eyes = SlowEyes()
    eyes.done.set()
    for _ in range(3 * (LOOKING + WAITING)):
        assert isinstance(Viewer(eyes, 75, 25).look(io.BytesIO(b"x")), Looked)
