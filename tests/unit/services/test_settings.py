"""Every lane reads its settings from the environment and from `.env`, and does not mind those of the others."""

from pathlib import Path

import pytest

from common.settings import CommonSettings, load
from services.finisher.settings import DeliverSettings, RefundSettings
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
