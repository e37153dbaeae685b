"""The store, on a real directory and in memory: one contract."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.exceptions import GenericError

from common.storage import MissingFileError, Storage, StorageError, chunks_of

ROOT = Path(__file__).parents[3]
CONTENT = bytes(range(256)) * 40


@pytest.fixture(params=["file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path / 'files'}" if request.param == "file" else "memory:")


def _read(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(storage.read(key, start, end).chunks)


def test_what_is_written_is_read(storage: Storage) -> None:
    storage.write("results/a/1.1", CONTENT)

    assert _read(storage, "results/a/1.1") == CONTENT


def test_a_file_and_a_stream_are_stored_like_bytes(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    storage.write("from-file", source)
    storage.write("from-stream", io.BytesIO(CONTENT))

    assert _read(storage, "from-file") == _read(storage, "from-stream") == CONTENT


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 10, CONTENT[:10]), (100, None, CONTENT[100:]), (5, 10**9, CONTENT[5:]), (7, 7, b""), (10**9, None, b"")],
)
def test_a_range_is_exact_and_never_runs_past_the_end(
    storage: Storage, start: int, end: int | None, expected: bytes
) -> None:
    storage.write("key", CONTENT)
    stream = storage.read("key", start, end)

    assert stream.size == len(CONTENT)
    assert b"".join(stream.chunks) == expected
    assert stream.end - stream.start == len(expected)


@pytest.mark.parametrize("error", [GenericError("reset"), OSError("reset")])
def test_a_stream_that_the_store_ends_early_is_an_error_of_ours(error: Exception) -> None:
    def cut() -> Iterator[bytes]:
        yield b"half"
        raise error

    chunks = chunks_of("key", cut())
    assert next(chunks) == b"half"
    with pytest.raises(StorageError, match="cannot read key to its end"):
        next(chunks)


def test_writing_again_replaces(storage: Storage) -> None:
    storage.write("key", b"old")
    storage.write("key", b"new")

    assert _read(storage, "key") == b"new"


def test_an_empty_file_is_a_file(storage: Storage) -> None:
    storage.write("key", b"")

    assert _read(storage, "key") == b""


def test_a_missing_file_is_named(storage: Storage) -> None:
    with pytest.raises(MissingFileError, match="no file results/none"):
        storage.read("results/none")


def test_removing_twice_is_fine(storage: Storage) -> None:
    storage.write("key", CONTENT)
    storage.remove(["key", "never-there"])
    storage.remove(["key"])

    with pytest.raises(MissingFileError):
        storage.read("key")


def test_what_a_killed_process_had_begun_of_a_file_goes_with_it(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}")
    for name in ("1.1", "1.10"):
        storage.write(f"results/job/{name}", b"whole")
        (tmp_path / f"results/job/{name}#1").write_bytes(b"half of i")
    (tmp_path / "results/job/1.2#3").write_bytes(b"never whole")
    storage.remove(["results/job/1.1", "results/job/1.2"])
    assert sorted(path.name for path in (tmp_path / "results/job").iterdir()) == ["1.10", "1.10#1"]


def test_a_store_that_refuses_says_so(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path / 'files'}")
    storage.write("taken", CONTENT)

    with pytest.raises(StorageError, match="cannot store taken/below"):
        storage.write("taken/below", CONTENT)


def test_no_key_leads_out_of_the_store(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path / 'files'}")

    with pytest.raises((StorageError, ValueError)):
        storage.write("../outside", CONTENT)
    assert not (tmp_path / "outside").exists()


def test_a_folder_signs_nothing(storage: Storage) -> None:
    storage.write("key", CONTENT, "image/png", "enlarged.png")

    assert storage.signed_url("key", 60) is None


def test_a_full_disk_is_told_and_nothing_half_written_stays(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "files"
    source.write_bytes(bytes(3 << 20))
    Storage(f"file://{folder}").write("results/whole", b"whole")
    program = (  # a limit on the size of files fails a write in its midst, as a full disk does
        "import resource, signal, sys; from pathlib import Path; from common.storage import Storage, StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try: Storage('file://' + sys.argv[1]).write('results/cut', Path(sys.argv[2]))\n"
        "except StorageError as error: sys.exit(str(error))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, folder, source], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert "cannot store results/cut" in ended.stderr
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["whole"]
