"""Check: the right operating system and processor."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.checks.base import QUICK, SAY, Check, assign
from orchestrator.schema import ListOf, Text, Wrong, option

_SAME = {
    "amd64": "x86_64",
    "x64": "x86_64",
    "arm64": "aarch64",
    "armhf": "armv7l",
    "i386": "i686",
    "x86": "i686",
}
_WORD = Text(
    "a word such as debian or x86_64",
    r"[A-Za-z0-9][A-Za-z0-9._-]*",
    "write it as uname or os-release has it",
)

_LOOK = r"""
os=$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null | tr -d "\"'" | head -n 1)
arch=$(uname -m)
case $arch in
amd64) arch=x86_64 ;;
arm64) arch=aarch64 ;;
i[345]86) arch=i686 ;;
esac
within() { case " $2 " in "  " | *" $1 "*) return 0 ;; esac; return 1; }
within "${os:-linux}" "$oses" || within linux "$oses" || say 1 "runs ${os:-linux}, not $oses"
within "$arch" "$arches" || say 1 "is $arch, not $arches"
say 0 "${os:-linux} on $arch"
"""


@dataclass(frozen=True)
class PlatformIs(Check):
    """The operating system (ID of os-release, or linux) and the architecture, each one of a few."""

    os: tuple[str, ...] = option(
        ListOf(_WORD, single=True), "Allowed systems.", default=(), example="[debian, ubuntu]"
    )
    arch: tuple[str, ...] = option(
        ListOf(_WORD, single=True),
        "Allowed architectures; amd64 means x86_64, arm64 means aarch64.",
        default=(),
        example="[x86_64, aarch64]",
    )

    timeout = QUICK

    def __post_init__(self) -> None:
        if not self.os and not self.arch:
            raise Wrong("asks for nothing", "give 'os', 'arch' or both")

    def script(self) -> str:
        """Return the sh text."""
        arches = (_SAME.get(arch.lower(), arch) for arch in self.arch)
        return SAY + assign(oses=" ".join(self.os).lower(), arches=" ".join(arches)) + _LOOK
