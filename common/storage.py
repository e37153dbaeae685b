"""Where pictures are kept: a local directory or an object store, through obstore. Written whole or not at all."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from glob import escape
from pathlib import Path
from typing import BinaryIO, SupportsBytes

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url
from prometheus_client import Gauge

CHUNK = 1 << 20
FREE = Gauge("enlarger_storage_free_bytes", "Bytes free where pictures are kept, for a local folder.", ["folder"])


class StorageError(Exception):
    """The store refused or could not be reached; a later try may succeed."""


class MissingFileError(StorageError):
    """No file has this key."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes `start` to `end` (exclusive) of a file of `size` bytes. Reading the chunks may raise StorageError."""

    size: int
    start: int
    end: int
    chunks: Iterator[bytes]


def _free(folder: str) -> float:
    try:
        return float(shutil.disk_usage(folder).free)
    except OSError:  # a disk that is gone must not cost the other figures
        return float("nan")


class Storage:
    """`STORAGE_URL`: file:///path, s3://bucket/prefix, gs://…, az://…, or memory: (forgets everything; benchmarks)."""

    def __init__(self, url: str) -> None:
        self._store = _open(url)
        self._signs = not isinstance(self._store, LocalStore | MemoryStore)
        self._folder = Path(url.removeprefix("file://")) if url.startswith("file://") else None
        if url.startswith("file://"):
            folder = url.removeprefix("file://")
            FREE.labels(folder).set_function(partial(_free, folder))

    def write(self, key: str, source: Path | BinaryIO | bytes, media_type: str = "", name: str = "") -> None:
        """Store under `key`, replacing what was there; when this returns it is on the disk. Raises StorageError.

        `media_type`, `name`: how an object store serves it to whoever has a signed address of it.
        """
        told = {"Content-Type": media_type, "Content-Disposition": f'attachment; filename="{name}"' if name else ""}
        attributes = {header: value for header, value in told.items() if value} if self._signs else {}
        try:
            obstore.put(self._store, key, source, attributes=attributes or None)
            if self._folder:
                _settle(self._folder / key)
        except (BaseError, OSError) as error:
            raise StorageError(f"cannot store {key}: {error}") from error

    def read(self, key: str, start: int = 0, end: int | None = None) -> Stream:
        """Open a byte range. Raises MissingFileError, StorageError."""
        try:
            size = obstore.head(self._store, key)["size"]
            end = size if end is None else min(end, size)
            if start >= end:
                return Stream(size, start, start, iter(()))
            found = obstore.get(self._store, key, options={"range": (start, end)})
        except (NotFoundError, FileNotFoundError) as error:
            raise MissingFileError(f"no file {key}") from error
        except (BaseError, OSError) as error:
            raise StorageError(f"cannot read {key}: {error}") from error
        return Stream(size, start, end, chunks_of(key, found.stream(min_chunk_size=CHUNK)))

    def keys(self, prefix: str) -> list[str]:
        """The keys of all files in this folder. Raises StorageError."""
        try:
            return [str(file["path"]) for files in obstore.list(self._store, prefix) for file in files]
        except (BaseError, OSError) as error:
            raise StorageError(f"cannot list {prefix}: {error}") from error

    def signed_url(self, key: str, life_s: float) -> str | None:
        """An address at the object store itself, which serves the file to whoever has it; None for a local folder.

        Raises StorageError.
        """
        if not self._signs:
            return None
        try:
            return str(obstore.sign(self._store, "GET", key, timedelta(seconds=life_s)))  # type: ignore[call-overload] # of stores that sign
        except (BaseError, OSError) as error:
            raise StorageError(f"cannot sign an address of {key}: {error}") from error

    def remove(self, keys: list[str]) -> None:
        """Delete these files, and what was begun of them; what is not there is fine. Raises StorageError."""
        for key in keys:
            try:
                with suppress(NotFoundError, FileNotFoundError):
                    obstore.delete(self._store, key)
                for begun in self._begun(key):
                    begun.unlink(missing_ok=True)
            except (BaseError, OSError) as error:
                raise StorageError(f"cannot remove {key}: {error}") from error

    def _begun(self, key: str) -> list[Path]:
        """What a process that was killed left of a file that it was writing: in a folder obstore writes to KEY#1 (or
        KEY#2, …) and renames that. No list shows it.
        """
        if not self._folder:
            return []
        whole = self._folder / key
        return list(whole.parent.glob(f"{escape(whole.name)}#*"))


def _open(url: str) -> ObjectStore:
    if url.startswith("memory:"):
        return MemoryStore()
    if url.startswith("file://"):
        return LocalStore(prefix=Path(url.removeprefix("file://")), mkdir=True)
    if url.startswith("s3://"):
        return from_url(url, checksum_algorithm="SHA256")  # the store refuses what arrives changed
    return from_url(url)


def chunks_of(key: str, stream: Iterable[SupportsBytes]) -> Iterator[bytes]:
    """The stream in bytes; that the store ends it early is an error of ours too."""
    try:
        for chunk in stream:
            yield bytes(chunk)
    except (BaseError, OSError) as error:
        raise StorageError(f"cannot read {key} to its end: {error}") from error


def _settle(path: Path) -> None:
    """Have the file and its name written to the disk: a row that names it is committed next. Raises OSError."""
    for place in (path, path.parent, path.parent.parent):
        opened = os.open(place, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
