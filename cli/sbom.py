"""`./enlarger sbom`: what an installation consists of, as CycloneDX, out of the lock that the image is built from."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from local.bootstrap import PLAIN, ROOT


def sbom(
    output: Annotated[Path, typer.Option(help="Where the JSON is written.")] = ROOT / ".enlarger" / "sbom.json",
) -> None:
    """Write the software bill of materials (CycloneDX, JSON) of every package in the lock."""
    output.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    options = [
        f"--pyproject={ROOT / 'pyproject.toml'}",
        "--mc-type=application",
        "--of=JSON",
        f"--output-file={output}",
    ]
    done = subprocess.run([*command, *options, str(ROOT / PLAIN)], capture_output=True, text=True, check=False)
    if done.returncode:
        typer.echo(f"cyclonedx-py failed:\n{done.stderr.strip()}", err=True)
        raise typer.Exit(1)
    typer.echo(f"wrote {output}")
