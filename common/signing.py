"""Signatures with SECRET_KEY, each use in its own domain: one signature can never stand for another (contracts.md)."""

import hashlib
import hmac
from collections.abc import Sequence
from uuid import UUID

from pydantic import SecretStr

from common import crash


class Signer:
    """Signs with the first key, verifies with all: keys rotate by prepending a new one."""

    def __init__(self, secret_key: SecretStr) -> None:
        keys = [key.strip().encode() for key in secret_key.get_secret_value().split(",")]
        self._keys = [hmac.new(key, digestmod="sha256") for key in keys]

    def sign(self, domain: str, *parts: object) -> str:
        """64 lower-case hex characters: HMAC-SHA256 over the domain and the parts."""
        return _mac(self._keys[0], domain, parts)

    def verify(self, signature: str, domain: str, *parts: object) -> bool:
        """True when any of the keys made this signature. Constant time per key."""
        given = signature.encode("utf-8", "replace")
        return any([hmac.compare_digest(given, _mac(key, domain, parts).encode()) for key in self._keys])  # noqa: C419 - no early end

    def download_token(self, job_id: UUID, generation: int) -> str:
        """The customer's 64-character token for the job's link of this generation (design section 5)."""
        return self.sign("download", job_id, generation)

    def find_download_token(self, job_id: UUID, generation: int, token_hash: bytes) -> str | None:
        """Derive the token again with whichever key fits the stored hash; None when that key is gone."""
        return self.find(token_hash, "download", job_id, generation)

    def find(self, token_hash: bytes, domain: str, *parts: object) -> str | None:
        """The signature whose hash is stored, made again with whichever key fits; None when that key is gone."""
        tokens = [_mac(key, domain, parts) for key in self._keys]
        return next((token for token in tokens if hash_token(token) == token_hash), None)


def hash_token(token: str) -> bytes:
    """What the database holds of a token (32 bytes)."""
    if crash.broken("token_not_hashed"):
        return token.encode("utf-8", "replace")
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _mac(key: hmac.HMAC, domain: str, parts: Sequence[object]) -> str:
    fields = [domain, *map(str, parts)]
    message = "".join(f"{len(field)}:{field}" for field in fields)  # length-prefixed: no two lists look alike
    mac = key.copy()  # OpenSSL looks for its hash at each new one
    mac.update(message.encode())
    return mac.hexdigest()
