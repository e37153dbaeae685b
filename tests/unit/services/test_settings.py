"""Every lane reads its settings from the environment and from `.env`, and does not mind those of the others."""

from pathlib import Path

import pytest

from common.settings import CommonSettings, load
from services.finisher.settings import DeliverSettings, RefundSettings
from services.ingest.settings import KNOWN_SECRET, IngestSettings
from services.notifier.settings import NotifierSettings
from services.poller.settings import PollerSettings
from services.submitter.settings import SubmitterSettings
from tests.unit.builders import NEEDED

EVERY = [SubmitterSettings, PollerSettings, DeliverSettings, RefundSettings, NotifierSettings]


@pytest.mark.parametrize("cls", EVERY)
def test_one_file_of_settings_serves_every_lane(
    cls: type[CommonSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{name.upper()}={value}" for name, value in NEEDED.items() if name != "_env_file"]
    (tmp_path / ".env").write_text("\n".join([*lines, "WAKE_FIRST_S=7", "LOG_LEVEL="]))
    monkeypatch.chdir(tmp_path)

    read = load(cls)

    assert (read.wake_first_s, read.log_level) == (7, "info")


def test_real_money_never_moves_under_a_published_secret(capsys: pytest.CaptureFixture[str]) -> None:
    known = {
        "SECRET_KEY": f"{KNOWN_SECRET}-0123456789abcdef0123456789",
        "STRIPE_API_KEY": "sk_live_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
    }
    told = {name.upper(): str(value) for name, value in NEEDED.items() if not name.startswith("_")} | known
    with pytest.MonkeyPatch.context() as environment:
        for name, value in told.items():
            environment.setenv(name, value)
        with pytest.raises(SystemExit):
            load(IngestSettings)
        assert "STRIPE_API_KEY" in capsys.readouterr().err
        environment.setenv("SECRET_KEY", "f" * 64)
        assert load(IngestSettings).live
