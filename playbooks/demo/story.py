"""The story that `make demo` tells, on twelve SSH hosts on loopback; ``--keep`` leaves them up.

A real service, pypiserver, goes through releases of its own: installed, upgraded, given a release
that we broke, and upgraded by a controller that is killed half-way. Everything lies in .cache/demo,
which is FLEET_HOME here. Each command is shown as one would type it in the project's folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import asyncssh
import yaml

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".cache" / "demo"
BIN = Path(sys.executable).parent
PLAN = "playbooks/demo/pypiserver.yml"
HOSTS = 12
PORT = 8080
BAD = "2.4.3-bad.1"
ENVIRONMENT = os.environ | {"FLEET_HOME": str(HOME)}
STARTED = time.monotonic()


def main() -> None:
    """Tell the story."""
    os.chdir(ROOT)
    with only_one(), lab(keep="--keep" in sys.argv[1:]):
        chapter("Bundles of pypiserver 2.4.0, 2.4.1, 2.4.2, and one that we broke")
        make_bundles()

        chapter("The first release")
        fleet("apply", PLAN, *version("2.4.0"))
        prove("2.4.0")

        chapter("An upgrade: the canary, then 25 %, then the rest")
        fleet("apply", PLAN, *version("2.4.1"))
        prove("2.4.1")

        chapter("The same again: nothing to do, and proved so")
        fleet("apply", PLAN, *version("2.4.1"))

        chapter("A bad release: caught at the canary, halted, rolled back")
        fleet("apply", PLAN, *version(BAD), expected=2)
        fleet("hosts", "verify", PLAN)
        prove("2.4.1")

        chapter("A controller that dies in mid-wave, and another that takes over")
        apply_and_die("2.4.2", wave="early")
        fleet("status", "last", expected=99)
        fleet("resume", "last")
        prove("2.4.2")

        chapter("What is left to read")
        fleet("history")
        say(f"journal  {shown(HOME / 'journal.db')}")
        for report in sorted((HOME / "reports").glob("*")):
            say(f"report   {shown(report)}")
    say(f"\nThat was all, in {time.monotonic() - STARTED:.0f} seconds.")


@contextmanager
def only_one() -> Iterator[None]:
    """Keep a second story out of the folder while this one is told."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another demonstration runs in {HOME}; wait for its end")
        yield


@contextmanager
def lab(*, keep: bool) -> Iterator[None]:
    """Start the hosts, and take them down at the end."""
    clear_away()
    chapter(f"A lab of {HOSTS} SSH hosts on this machine")
    say(f"\n$ export FLEET_HOME=$PWD/{shown(HOME)} PATH=$PWD/.venv/bin:$PATH")
    fleet("lab", "up", "--hosts", str(HOSTS))
    try:
        yield
    finally:
        if keep:
            say("\nThe hosts stay up; to end them: fleet lab down")
        else:
            fleet("lab", "down")


def clear_away() -> None:
    """Remove what an earlier telling has left, but not what it downloaded."""
    if (HOME / "lab" / "lab.json").exists():
        fleet("lab", "down")
    for left in HOME.iterdir():
        if left.is_dir() and left.name != "wheels":
            shutil.rmtree(left)
        elif not left.is_dir() and left.name != "lock":
            left.unlink()


def make_bundles() -> None:
    """Fetch the service, build its bundles, sign them with a new key, and trust that key."""
    sources, bundles, key = HOME / "sources", HOME / "bundles", HOME / "release-key"
    run("python", "playbooks/demo/fetch.py", shown(sources), shown(HOME / "wheels"))
    for source in sorted(sources.iterdir()):
        fleet("bundle", "build", shown(source), "-o", shown(bundles))
    make_key(key)
    fleet("bundle", "sign", *map(shown, sorted(bundles.iterdir())), "--key", shown(key))


def make_key(path: Path) -> None:
    """Make a signing key, and the list of those whose signatures count."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.touch(mode=0o600)
    path.write_bytes(key.export_private_key())
    public = key.export_public_key().decode()
    (HOME / "allowed_signers").write_text(f'demo@example.org namespaces="fleet-bundle" {public}')


def apply_and_die(release: str, wave: str) -> None:
    """Apply a release, and kill the controller when the first host of a wave is on trial."""
    words = ["apply", PLAN, *version(release), "--output", "json"]
    say(f"\n$ fleet {shlex.join(words)}    # only the moves of hosts are shown")
    with subprocess.Popen(
        [BIN / "fleet", *words], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as controller:
        assert controller.stdout
        for line in controller.stdout:
            event = json.loads(line)
            if event["kind"] != "host_moved":
                continue
            say(f"{event['wave']:9} {event['host']}  {event['before']} -> {event['after']}")
            if (event["wave"], event["after"]) == (wave, "validating"):
                controller.send_signal(signal.SIGKILL)
                break
    if controller.returncode != -signal.SIGKILL:
        sys.exit(f"the controller ended by itself, with {controller.returncode}")
    say(f"$ kill -9 {controller.pid}")


def fleet(*words: str, expected: int = 0) -> None:
    """Run a fleet command."""
    run("fleet", *words, expected=expected)


def run(*words: str, expected: int = 0) -> None:
    """Run a command of the environment; the story ends if its exit code is not as expected."""
    say(f"\n$ {shlex.join(words)}")
    code = subprocess.run([BIN / words[0], *words[1:]], env=ENVIRONMENT, check=False).returncode
    if code != expected:
        sys.exit(f"exit {code}, where {expected} was expected")
    if code:
        say(f"exit {code}, as it should be")


def prove(expected: str) -> None:
    """Ask each host's service over HTTP which version it is; all must be as expected."""
    inventory = yaml.safe_load((HOME / "lab" / "inventory.yml").read_text())
    addresses = [host["service_address"] for host in inventory["lab"]["hosts"].values()]
    with ThreadPoolExecutor() as pool:
        answers = Counter(pool.map(version_at, addresses))
    if answers != {expected: HOSTS}:
        sys.exit(f"on port {PORT} answer {dict(answers)}, not {HOSTS} times {expected}")
    say(f"\n{HOSTS} of {HOSTS} hosts answer on port {PORT}: pypiserver {expected}")


def version_at(address: str) -> str:
    """Return the version that a host's welcome page names."""
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{PORT}/", timeout=10) as page:
            text: str = page.read().decode()
    except OSError as error:
        return f"nothing: {error}"
    return text.partition("running version ")[2].partition(" ")[0]


def version(release: str) -> list[str]:
    """Return the flags that choose a release."""
    return ["-e", f"version={release}", *(["-e", f"python={sys.executable}"] * needs_own_python())]


def needs_own_python() -> bool:
    """Tell whether the hosts' python3, this machine's, is too old for the service or missing."""
    found = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
    question = "import sys; sys.exit(sys.version_info < (3, 10))"
    return not found or subprocess.run([found, "-c", question], check=False).returncode != 0


def shown(path: Path) -> str:
    """Return a path as seen from the project's folder."""
    return str(path.relative_to(ROOT))


def chapter(title: str) -> None:
    """Begin a chapter."""
    say(f"\n== {title} ==")


def say(text: str) -> None:
    """Print at once: commands print to the same place."""
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted")
