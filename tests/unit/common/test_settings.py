"""Settings: a wrong one stops the start with its name, the reason and an example, and never shows a value."""

from typing import Any

import pytest

from common.settings import CommonSettings, SecretKeySettings, load
from tests.unit.builders import KEY


class Both(CommonSettings, SecretKeySettings):
    model_config = CommonSettings.model_config | {"env_file": None}


GOOD = {"DATABASE_URL": "postgresql://u:p@db/x", "AMQP_URL": "amqp://u:p@mq/", "SECRET_KEY": KEY}
WRONG: dict[str, tuple[dict[str, str], str, str]] = {
    "missing": ({"DATABASE_URL": ""}, "DATABASE_URL: Field required", "postgresql://"),
    "no number": ({"POLL_FIRST_S": "soon"}, "POLL_FIRST_S: Input should be a valid number", ""),
    "below its bound": ({"MAX_ATTEMPTS": "0"}, "MAX_ATTEMPTS: Input should be greater than or equal to 1", ""),
    "no such format": ({"LOG_FORMAT": "xml"}, "LOG_FORMAT: String should match", "For example: json"),
    "a short key": ({"SECRET_KEY": "hunter2"}, "each key needs at least 32 characters", "openssl rand"),
    "a short second key": ({"SECRET_KEY": f"{KEY},hunter2"}, "each key needs at least 32 characters", "openssl"),
    "a key after a comma too many": ({"SECRET_KEY": f"{KEY},"}, "each key needs at least 32", "openssl rand"),
}


def _environment(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_setting_is_named_with_reason_and_example(
    case: tuple[dict[str, str], str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, reason, example = case
    _environment(monkeypatch, GOOD | changes)

    with pytest.raises(SystemExit) as stop:
        load(Both)

    told = capsys.readouterr().err
    assert stop.value.code == 2
    assert reason in told
    assert example in told
    assert "hunter2" not in told


def test_good_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    _environment(monkeypatch, GOOD | {"WAKE_FIRST_S": "0.5", "MIGRATE": "off"})

    read: Any = load(Both)

    assert read.database_url == GOOD["DATABASE_URL"]
    assert (read.wake_first_s, read.migrate) == (0.5, False)
    assert KEY not in repr(read)


def test_every_wrong_setting_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _environment(monkeypatch, GOOD | {"THREADS": "none", "PREFETCH": "-1", "AMQP_URL": ""})

    with pytest.raises(SystemExit):
        load(Both)

    names = {line.partition(":")[0] for line in capsys.readouterr().err.splitlines()}
    assert names == {"THREADS", "PREFETCH", "AMQP_URL"}
