"""Makes source folders of bundles from releases of a real service, pypiserver, as PyPI has them.

Usage: ``fetch.py OUT WHEELS``. Wheels are downloaded with pip into the folder WHEELS, unless they
are there; each must have the hash that stands here. What comes out, for ``fleet bundle build``::

    OUT/pypiserver-2.4.1/bundle.yml
    OUT/pypiserver-2.4.1/content/app/   the unpacked wheels
    OUT/pypiserver-2.4.1/content/bin/   how to run and to validate it: our own, from content/bin

One more release, 2.4.3-bad.1, is no release of pypiserver: it is 2.4.2 with a defect that we made.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

OWN_CONTENT = Path(__file__).with_name("content")


@dataclass(frozen=True)
class Wheel:
    """A file of the package index, by name and sha256."""

    file: str
    sha256: str

    @property
    def requirement(self) -> str:
        """Return it as a line for pip."""
        name, version, *_ = self.file.split("-")
        return f"{name}=={version} --hash=sha256:{self.sha256}\n"

    def is_in(self, folder: Path) -> bool:
        """Tell whether the file is there, whole."""
        path = folder / self.file
        return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


@dataclass(frozen=True)
class Edit:
    """A text that stands in a file of the application just once, and what to put there."""

    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Release:
    """What one bundle is made of; ``remark`` becomes a comment in its bundle.yml."""

    version: str
    created: str
    wheels: tuple[Wheel, ...]
    remark: str = "As published, with the packages that it needs to serve; `bin/` is our own."
    edits: tuple[Edit, ...] = ()

    @property
    def description(self) -> str:
        """Return the text of bundle.yml."""
        return (
            f"# pypiserver {self.version}. {self.remark}\n"
            "package: pypiserver\n"
            f"version: {self.version}\n"
            f"created: {self.created}\n"
            "shared: [packages]\n"
        )


# Not with them: pip, which only `pypi-server update` runs.
NEEDED = (
    Wheel(
        "packaging-26.3-py3-none-any.whl",
        "d7193f7c8e4e93f444fde0262bf90af30e16fa0ad0ad44cb553c87339b23cd1c",
    ),
    Wheel(
        "importlib_resources-7.1.0-py3-none-any.whl",
        "1bd7b48b4088eddb2cd16382150bb515af0bd2c70128194392725f82ad2c96a1",
    ),
    Wheel(
        "legacy_cgi-2.6.4-py3-none-any.whl",
        "7e235ce58bf1e25d1fc9b2d299015e4e2cd37305eccafec1e6bac3fc04b878cd",
    ),
)

LATEST = (
    *NEEDED,
    Wheel(
        "pypiserver-2.4.2-py3-none-any.whl",
        "c8441d60bbd5f77f5647db8afa3a953e7c155ecd909eb1b6faf42bcc9477ee6a",
    ),
    Wheel(
        "defusedxml-0.7.1-py2.py3-none-any.whl",
        "a352e7e428770286cc899e2542b6cdaedb2b4953ff269a210103ec58f6198a61",
    ),
)

RELEASES = (
    Release(
        "2.4.0",
        "2025-08-18T12:36:00Z",
        (
            *NEEDED,
            Wheel(
                "pypiserver-2.4.0-py2.py3-none-any.whl",
                "43700f711ce092e148e2bb6e7be22a684af090344bf5c166f8ec14eb7bba24bc",
            ),
        ),
    ),
    Release(
        "2.4.1",
        "2026-02-10T22:46:00Z",
        (
            *NEEDED,
            Wheel(
                "pypiserver-2.4.1-py2.py3-none-any.whl",
                "156540f87ecfd6db06ae2c16e25ae5afe4fda6f510bd1c34e46fbb0c491bcd9e",
            ),
        ),
    ),
    Release("2.4.2", "2026-09-20T13:04:00Z", LATEST),
    Release(
        "2.4.3-bad.1",
        "2026-09-20T13:05:00Z",
        LATEST,
        "NOT from pypiserver's makers: 2.4.2 with a defect that we made, for show: /health fails.",
        (
            Edit("__init__.py", '__version__ = "2.4.2"', '__version__ = "2.4.3-bad.1"'),
            Edit("__init__.py", 'lambda: "Ok"', 'lambda: app.config["no such setting"]'),
        ),
    ),
)


def download(wheels: tuple[Wheel, ...], folder: Path) -> None:
    """Let pip fetch the wheels that are not in the folder; it checks their hashes."""
    if all(wheel.is_in(folder) for wheel in wheels):
        return
    wanted = folder / "wanted.txt"
    wanted.parent.mkdir(parents=True, exist_ok=True)
    wanted.write_text("".join(wheel.requirement for wheel in wheels))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", "download"]
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-d", str(folder)]
    if subprocess.run([*pip, *options, "-r", str(wanted)], check=False).returncode:
        sys.exit("pip could not download what the demonstration needs; is the index reachable?")
    wanted.unlink()


def make(release: Release, wheels: Path, out: Path) -> Path:
    """Make the source folder of a release anew, and return it."""
    source = out / f"pypiserver-{release.version}"
    if (source / "bundle.yml").exists():
        shutil.rmtree(source)
    app = source / "content" / "app"
    app.mkdir(parents=True)
    (source / "bundle.yml").write_text(release.description)
    for wheel in release.wheels:
        with zipfile.ZipFile(wheels / wheel.file) as archive:
            archive.extractall(app)
    for edit in release.edits:
        apply(edit, app / "pypiserver")
    shutil.copytree(OWN_CONTENT, source / "content", dirs_exist_ok=True)
    settle_modes(source / "content")
    return source


def apply(edit: Edit, folder: Path) -> None:
    """Make an edit, or say that it does not fit."""
    path = folder / edit.file
    text = path.read_text()
    if text.count(edit.before) != 1:
        sys.exit(f"{path}: {edit.before!r} does not stand there just once")
    path.write_text(text.replace(edit.before, edit.after))


def settle_modes(content: Path) -> None:
    """Give everything the same modes on every machine, whatever its umask."""
    for path in content.rglob("*"):
        is_executable = path.is_dir() or path.parent == content / "bin"
        path.chmod(0o755 if is_executable else 0o644)


def main(out: Path, wheels: Path) -> None:
    """Make all source folders."""
    for release in RELEASES:
        download(release.wheels, wheels)
        print(make(release, wheels, out))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: fetch.py OUT WHEELS")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
