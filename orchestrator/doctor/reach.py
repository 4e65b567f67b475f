"""Whether a host can be reached, and has what the host program needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from orchestrator.doctor.chart import Area, Chart, Finding, Level
from orchestrator.host.replies import text, words
from orchestrator.model.reach import Layer, Way

_SSHD = "systemctl restart ssh || systemctl restart sshd || service ssh restart"

_CONSOLE: Mapping[Layer, str] = {
    Layer.PORT: _SSHD,
    Layer.BANNER: _SSHD,
    Layer.HOST_KEY: "cat /etc/ssh/ssh_host_*_key.pub",
    Layer.LOGIN: "cat ~/.ssh/authorized_keys",
    Layer.PROGRAM: "command -v sh base64 gzip printf tar awk",
}
"""What to type on the host's own console where nothing from here can mend it."""

_HERE: Mapping[Layer, Callable[[Chart], str]] = {
    Layer.SETTINGS: lambda chart: chart.spelling.here("doctor"),
    Layer.NAME: lambda chart: chart.spelling.here("doctor", "-e", "ansible_host=ADDRESS"),
    Layer.BECOME: lambda chart: chart.spelling.here("doctor", "-K"),
}
"""Where only another word on our side helps: the doctor is asked again with it."""

_PACKAGES = {"setsid": "util-linux", "find": "findutils", "awk": "gawk", "mv(-T)": "coreutils"}
_OWN = frozenset({"grep", "gzip", "sed", "tar"})
_INSTALL: Mapping[str, str] = {
    "debian": "apt-get install -y",
    "ubuntu": "apt-get install -y",
    "alpine": "apk add",
    "fedora": "dnf install -y",
    "rhel": "dnf install -y",
    "centos": "dnf install -y",
    "rocky": "dnf install -y",
    "almalinux": "dnf install -y",
    "arch": "pacman -S --noconfirm",
    "opensuse-leap": "zypper -n install",
}


def ways(chart: Chart) -> Iterator[Finding]:
    """Say of each address how far one comes, and what stands in the way."""
    for way in chart.ways:
        if held := _held(way):
            yield Finding(Level.OK, Area.REACH, f"{_name(way)}: {held}")
        if way.broken is not None:
            yield _barred(chart, way)


def recovery(chart: Chart) -> Iterator[Finding]:
    """Warn that the host answers in its recovery system alone."""
    if any(way.is_open and way.recovery for way in chart.ways):
        what = "only its recovery address answers: no release is activated through that"
        yield Finding(Level.WARNING, Area.REACH, what)


def examination(chart: Chart) -> Iterator[Finding]:
    """Say what kept a host that answers from being examined."""
    if chart.trouble:
        mend = chart.spelling.here("doctor")
        yield Finding(Level.PROBLEM, Area.REACH, f"not examined: {chart.trouble}", mend)


def tools(chart: Chart) -> Iterator[Finding]:
    """Name what the host program needs and the host has not."""
    missing = words(chart.facts, "missing")
    if missing:
        packages = sorted({_package(tool) for tool in missing})
        install = _INSTALL.get(text(chart.facts, "os"), "apt-get install -y")
        mend = chart.spelling.on_host(f"{install} {' '.join(packages)}")
        yield Finding(Level.PROBLEM, Area.TOOLS, f"missing: {', '.join(missing)}", mend)
    elif chart.facts:
        yield Finding(Level.OK, Area.TOOLS, "has all that the host program needs")


def _package(tool: str) -> str:
    return _PACKAGES.get(tool, tool if tool in _OWN else "coreutils")


def _held(way: Way) -> str:
    """Return which layers hold, in words."""
    layers = list(Layer)
    if way.broken is None:
        return "the host program answers"
    held = layers[: layers.index(way.broken)]
    return f"{', '.join(held)}: ok" if held else ""


def _barred(chart: Chart, way: Way) -> Finding:
    assert way.broken is not None
    assert way.error is not None
    what = f"{_name(way)}: {way.broken}: {way.error.message}"
    here = _HERE.get(way.broken)
    mend = way.error.mend or (here(chart) if here else "")
    if mend:
        return Finding(Level.PROBLEM, Area.REACH, what, mend)
    if chart.is_reached and way.broken in (Layer.PORT, Layer.BANNER):
        return Finding(Level.PROBLEM, Area.REACH, what, chart.spelling.on_host(_SSHD))
    return Finding(Level.PROBLEM, Area.REACH, what, _CONSOLE[way.broken], console=True)


def _name(way: Way) -> str:
    through = f" (by way of {way.bastion})" if way.bastion else ""
    kind = "recovery address " if way.recovery else ""
    return f"{kind}{way.address}{through}" if way.address else "its address"
