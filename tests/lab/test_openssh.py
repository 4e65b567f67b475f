"""Finding sshd, and unpacking it where it is not installed (with tools that only pretend)."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import LabError
from orchestrator.lab.founding import Request, found
from orchestrator.lab.openssh import Sshd, fetch_sshd, find_sshd
from orchestrator.lab.spec import LabHost, LabKind, LabPaths
from orchestrator.lab.sshd import configuration

SSHD = "#!/bin/sh\necho 'unknown option -- V' >&2\necho 'OpenSSH_{}, OpenSSL' >&2\nexit 1\n"


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that lacks libwrap, whose package is not installed, and whose lists are old."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "log"
    tool(
        folder,
        "apt-get",
        f"""echo "$*" >>{log}
        case "$*" in
          *Lists*download*) for name; do :; done; echo "$name" >"$name.deb" ;;
          *Lists*update*) ;;
          *) echo "E: 404 Not Found" >&2; exit 100 ;;
        esac""",
    )
    tool(
        folder,
        "dpkg-deb",
        """case "$1 $(cat "$2")" in
          "-x openssh-server") mkdir -p "$3/usr/sbin"
            printf '#!/bin/sh\\necho OpenSSH_9.2p1 >&2\\nexit 1\\n' >"$3/usr/sbin/sshd"
            chmod +x "$3/usr/sbin/sshd" ;;
          "-x libwrap0") mkdir -p "$3/usr/lib/any"; touch "$3/usr/lib/any/libwrap.so.0" ;;
          "-f openssh-server") echo "Pre-Depends: init (>= 1)"
            echo "Depends: adduser, libc6 (>= 2.36), libwrap0 (>= 7.6) | tcpd, ucf" ;;
        esac""",
    )
    tool(folder, "dpkg-query", 'for name; do :; done; [ "$name" != libc6 ] || printf installed')
    tool(
        folder,
        "ldd",
        'case "$LD_LIBRARY_PATH" in */any) ;; *) echo "  libwrap.so.0 => not found" ;; esac',
    )
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_the_installed_one_is_found(tmp_path: Path) -> None:
    (tmp_path / "sshd").write_text(SSHD.format("9.9p2"))
    (tmp_path / "sshd").chmod(0o755)
    broken = tmp_path / "broken"
    tool(tmp_path, "broken", "exit 127")
    found_sshd = find_sshd((tmp_path / "none", broken, tmp_path / "sshd"))
    assert found_sshd == Sshd(tmp_path / "sshd", (9, 9))


def test_the_package_is_unpacked_with_the_libraries_that_are_missing(
    tools: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    sshd = fetch_sshd(cache)
    tree = cache / "openssh-server"
    assert sshd == Sshd(tree / "usr/sbin/sshd", (9, 2), (tree / "usr/lib/any",))
    assert sshd.environment == {"LD_LIBRARY_PATH": str(tree / "usr/lib/any")}
    asked = (tmp_path / "log").read_text().splitlines()
    assert [line.split()[-1] for line in asked] == [
        *("openssh-server", "update", "openssh-server", "libwrap0")
    ]
    assert {path.name for path in cache.iterdir()} == {"lock", "openssh-server"}


def test_it_is_fetched_once(tools: Path, tmp_path: Path) -> None:
    first = fetch_sshd(tmp_path / "cache")
    tool(tools, "apt-get", "exit 1")
    assert fetch_sshd(tmp_path / "cache") == first


def test_without_the_network_nothing_half_done_stays(tools: Path, tmp_path: Path) -> None:
    tool(tools, "apt-get", "echo 'E: no route' >&2; exit 100")
    with pytest.raises(LabError, match=r"no route\n.*--kind embedded"):
        fetch_sshd(tmp_path / "cache")
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"lock"}


def test_without_apt_the_other_kind_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match=r"cannot run apt-get.*\n.*--kind embedded"):
        fetch_sshd(tmp_path / "cache")


def test_where_no_sshd_can_be_had_the_lab_is_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(cache: Path | None) -> Sshd:
        raise LabError("no sshd")

    monkeypatch.setattr("orchestrator.lab.founding.obtain_sshd", none)
    paths = LabPaths(tmp_path)
    assert found(paths, Request(hosts=1)).kind is LabKind.EMBEDDED
    with pytest.raises(LabError, match="no sshd"):
        found(paths, Request(hosts=1, kind=LabKind.SSHD))


def test_it_survives_being_recorded() -> None:
    sshd = Sshd(Path("/c/sshd"), (10, 0), (Path("/c/lib"),), Path("/c/helpers"))
    assert Sshd.from_dict(sshd.to_dict()) == sshd


def test_a_newer_one_is_told_of_its_helpers_and_to_forgive(tmp_path: Path) -> None:
    for helper in ("sshd-session", "sshd-auth"):
        (tmp_path / helper).touch()
    host = LabHost("h001", "127.1.1.1", 2222, "a", tmp_path / "h001")
    paths = LabPaths(tmp_path)
    new = configuration(paths, host, Sshd(tmp_path / "sshd", (10, 0), helpers=tmp_path))
    old = configuration(paths, host, Sshd(tmp_path / "sshd", (9, 2)))
    extra = set(new.splitlines()) - set(old.splitlines())
    assert extra == {
        "PerSourcePenalties no",
        f"SshdSessionPath {tmp_path}/sshd-session",
        f"SshdAuthPath {tmp_path}/sshd-auth",
    }
