"""CONTRIBUTING.md: a file has 300 lines at most, or is two."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 300


def test_no_file_has_more_lines_than_a_reader_keeps_in_mind() -> None:
    files = [file for folder in ("bench", "cli", "common", "local", "sandbox", "services", "tests")
             for file in (ROOT / folder).rglob("*.py")]  # fmt: skip
    assert len(files) > 500
    lines = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in files}
    assert not {name: count for name, count in lines.items() if count > LONGEST}
