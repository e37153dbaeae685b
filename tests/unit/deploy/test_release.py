"""What a release consists of beside the code: it builds, and says one version everywhere."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from common.version import VERSION
from local.bootstrap import ROOT
from local.processes import child_environment


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    env = child_environment({"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"})
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_the_site_of_the_documents_builds_without_a_warning(tmp_path: Path) -> None:
    done = _run(sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", f"--site-dir={tmp_path / 'site'}")
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert "fonts.googleapis" not in (tmp_path / "site" / "index.html").read_text()


def test_the_bill_of_materials_names_every_package_of_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    done = _run(sys.executable, "-m", "cli", "sbom", f"--output={file}")
    assert done.returncode == 0, done.stderr
    bill = json.loads(file.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    named = {f"{component['name']}=={component['version']}" for component in bill["components"]}
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert named == {line.split()[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}


def test_the_workflow_and_the_hooks_run_what_people_run() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    runs = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert any(run.startswith("./enlarger test") for run in runs)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert all((ROOT / hook["entry"].split()[0]).exists() for hook in hooks)


def test_the_release_builds_an_image_of_this_version_that_says_so() -> None:
    command = (
        f"docker build --build-arg VERSION={VERSION} --build-arg REVISION=$(git rev-parse HEAD) -t enlarger:{VERSION} ."
    )
    assert command in (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"^ARG (\w+)=(\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    built = [
        told["build"]
        for told in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
        if "build" in told
    ]
    assert {name for name, _ in named} == {"VERSION", "REVISION"}
    assert all(one["args"] == {name: f"${{{name}:-{default}}}" for name, default in named} for one in built)


def test_the_changelog_knows_what_comes() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## Unreleased" in text or f"## {VERSION}" in text
