from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources import Cache, StoreSource, choose, index, publish, source_of
from orchestrator.bundles.sources.http import HttpShelf
from orchestrator.bundles.sources.web import Patience
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError
from orchestrator.model.plan import Origin
from orchestrator.model.ranges import Range

from .webserver import Fault, Server, serving

Get = Callable[..., Bundle]
QUICK = Patience(attempts=3, backoff=0.001, timeout=5)


@pytest.fixture
def server(store: Path) -> Iterator[Server]:
    with serving(store) as server:
        yield server


def store_at(server: Server, home: Path, **environ: str) -> StoreSource:
    cache = Cache(home / "bundles")
    environ.setdefault("NETRC", str(home / "netrc"))
    return StoreSource(HttpShelf.at(server.url, cache.downloads, environ, QUICK), cache)


@pytest.fixture
def get(server: Server, home: Path, trust: Trust) -> Get:
    def get(version: str = "latest", **environ: str) -> Bundle:
        source = store_at(server, home, **environ)
        offer = choose(source.offers("app"), Range(version), at=source.place)
        return source.obtain(offer, trust)

    return get


def newest(store: Path) -> index.Entry:
    return index.read_entries((store / "app/index.json").read_bytes(), "")[-1]


def left(home: Path) -> list[str]:
    return sorted(path.suffix for path in (home / "bundles/.downloads").iterdir())


def test_a_url_is_a_store(server: Server, home: Path, trust: Trust) -> None:
    source = source_of(Origin(f"{server.url}/"), home)
    assert source.place == server.url
    assert source.packages() == ("app", "app-db")
    assert [offer.version for offer in source.offers("app")] == ["1.9.0", "1.10.0-rc.1", "1.10.0"]


def test_a_bundle_is_fetched_once(server: Server, get: Get, home: Path) -> None:
    bundle = get()
    assert bundle.manifest.version == "1.10.0"
    assert bundle.folder == home / "bundles/app" / bundle.manifest.digest
    assert get().folder == bundle.folder
    assert server.ranges() == [("", 200)]
    assert left(home) == [".index"]


def test_an_index_is_sent_again_only_if_it_changed(
    server: Server, get: Get, store: Path, home: Path
) -> None:
    def statuses() -> list[int]:
        found = [status for path, _, status in server.asked if path.endswith("/app/index.json")]
        server.asked.clear()
        return found

    get()
    assert statuses() == [200, 304]
    get()
    assert statuses() == [304, 304]
    publish.withdraw(store, "app", {newest(store).offer.digest})
    with pytest.raises(BundleError, match=r"no version '1\.10\.0' of 'app'"):
        get("1.10.0")
    assert statuses() == [200]
    (index_kept := next((home / "bundles/.downloads").glob("*.index"))).write_bytes(b"noise")
    assert index_kept.exists()
    assert store_at(server, home).offers("app")


def test_an_index_that_a_crash_cut_short_is_fetched_anew(
    server: Server, get: Get, home: Path
) -> None:
    get()
    for kept in (home / "bundles/.downloads").glob("*.index"):
        kept.write_bytes(kept.read_bytes()[:-100])
    assert get().manifest.version == "1.10.0"


def test_an_etag_that_cannot_be_sent_back(server: Server, get: Get) -> None:
    server.etag = '"\xe9"'
    assert get().folder == get().folder


def test_what_a_store_lacks(server: Server, home: Path) -> None:
    with pytest.raises(BundleError, match=r"no bundle of 'ap' in it; did you mean 'app'\?"):
        store_at(server, home).offers("ap")
    (server.root / "index.json").unlink()
    with pytest.raises(BundleError, match=r"no store of bundles: it has no index\.json"):
        store_at(server, home).offers("ap")


def test_a_cut_download_goes_on_where_it_was_cut(server: Server, get: Get) -> None:
    server.faults = [Fault(cut=1000), Fault(cut=500)]
    assert get().manifest.version == "1.10.0"
    assert server.ranges() == [("", 200), ("bytes=1000-", 206), ("bytes=1500-", 206)]


def test_what_a_killed_command_had_is_not_fetched_again(
    server: Server, get: Get, store: Path, home: Path
) -> None:
    entry = newest(store)
    part = home / f"bundles/.downloads/{entry.sha256}.part"
    part.parent.mkdir(parents=True)
    raw = (store / "app" / entry.file).read_bytes()
    part.write_bytes(raw[:2000])
    get()
    assert server.ranges() == [("bytes=2000-", 206)]
    shutil.rmtree(home / "bundles/app")
    part.write_bytes(raw)
    get()
    assert len(server.ranges()) == 1
    assert not part.exists()


def test_wrong_bytes_of_an_earlier_try_are_given_up(
    server: Server, get: Get, store: Path, home: Path
) -> None:
    part = home / f"bundles/.downloads/{newest(store).sha256}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(2000))
    get()
    assert server.ranges() == [("bytes=2000-", 206), ("", 200)]


def test_a_server_without_ranges(server: Server, get: Get) -> None:
    server.faults = [Fault(cut=1000), Fault(ranges=False)]
    get()
    assert server.ranges() == [("", 200), ("bytes=1000-", 200)]


def test_a_server_whose_range_begins_elsewhere(server: Server, get: Get) -> None:
    """What it sent cannot be put behind what is there."""
    server.faults = [Fault(cut=1000), Fault(begin=7)]
    with pytest.raises(BundleError, match="the server sends another range"):
        get()
    assert get().manifest.version == "1.10.0"


def test_a_server_that_always_cuts_at_the_same_place(server: Server, get: Get) -> None:
    server.faults = [Fault(cut=1000), *[Fault(cut=1000, ranges=False)] * 9]
    with pytest.raises(FleetError, match="no connection"):
        get()
    assert len(server.ranges()) == 1 + QUICK.attempts


def test_a_server_that_cuts_here_and_there(server: Server, get: Get) -> None:
    """Whoever comes no further does not go on for ever."""
    cuts = [Fault(cut=cut, ranges=False) for cut in (1000, 500, 1000, 500, 1000, 500)]
    server.faults = cuts
    with pytest.raises(FleetError, match="no connection"):
        get()
    assert len(cuts) == 2


def test_wrong_bytes_are_an_error_and_leave_nothing(server: Server, get: Get, home: Path) -> None:
    raw = next(server.root.glob("app/app-1.10.0-[!r]*.fleet")).read_bytes()
    server.faults = [Fault(body=raw[:-1] + b"x")]
    with pytest.raises(BundleError, match="its sha256 is not what the store's index says"):
        get()
    assert not list((home / "bundles/app").glob("*/manifest.json"))
    assert get().manifest.version == "1.10.0"
    assert server.ranges() == [("", 200), ("", 200)]


@pytest.mark.parametrize("more", [b"x", bytes(3 << 20)])
def test_more_than_the_index_says_is_not_written(server: Server, get: Get, more: bytes) -> None:
    raw = next(server.root.glob("app/app-1.10.0-[!r]*.fleet")).read_bytes()
    server.faults = [Fault(body=raw + more)]
    with pytest.raises(BundleError, match="longer than the store's index says"):
        get()


def test_less_than_the_index_says(server: Server, get: Get) -> None:
    raw = next(server.root.glob("app/app-1.10.0-[!r]*.fleet")).read_bytes()
    server.faults = [Fault(body=raw[:-512])] * 9
    with pytest.raises(BundleError, match="shorter than the store's index says"):
        get()


@pytest.mark.parametrize("status", [500, 503, 429])
def test_trouble_that_passes_is_waited_out(server: Server, get: Get, status: int) -> None:
    server.faults = [Fault(status=status), Fault("index.json", status), Fault(status=status)]
    get()
    assert server.ranges()[-1] == ("", 200)


@pytest.mark.parametrize("of", ["index.json", ".fleet"])
@pytest.mark.parametrize(
    ("status", "said", "tries"),
    [
        (500, "the server answers 500 Internal Server Error", QUICK.attempts),
        (401, r"asks for credentials, or refuses those it got \(401\)", 1),
        (403, r"access is refused \(403\)", 1),
        (410, r"unexpected answer \(410\)", 1),
    ],
)
def test_trouble_that_stays(
    server: Server, get: Get, status: int, said: str, tries: int, of: str
) -> None:
    server.faults = [Fault(of, status)] * 9
    with pytest.raises(FleetError, match=said):
        get()
    assert [s for path, _, s in server.asked if path.endswith(of)] == [status] * tries


def test_a_bundle_that_is_gone(server: Server, get: Get) -> None:
    next(server.root.glob("app/app-1.10.0-[!r]*.fleet")).unlink()
    with pytest.raises(FleetError, match=r"it is not there \(404\)"):
        get()


def test_no_server_at_all(home: Path, store: Path) -> None:
    with serving(store) as server:
        pass
    with pytest.raises(FleetError, match="no connection"):
        store_at(server, home).offers("app")


def test_no_room(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(FleetError, match="bytes are needed, 100 free"):
        get()


def test_a_folder_that_cannot_be_written(get: Get, home: Path) -> None:
    home.mkdir()
    (home / "bundles").write_text("a file")
    with pytest.raises(FleetError, match="Not a directory"):
        get()


def test_downloads_that_nobody_goes_on_with_make_room(home: Path) -> None:
    cache = Cache(home / "bundles")
    cache.downloads.mkdir(parents=True)
    for name, age in (("old", 100_000), ("new", 100)):
        part = cache.downloads / f"{name}.part"
        part.write_bytes(bytes(1000))
        now = part.stat().st_mtime
        os.utime(part, (now - age, now - age))
    assert cache.trim(1000) == []
    assert cache.trim(999) == [cache.downloads / "old.part"]
    assert [path.name for path in cache.downloads.iterdir()] == ["new.part"]
