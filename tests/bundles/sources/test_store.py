from __future__ import annotations

import json
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.bundles.reader import Bundle, read
from orchestrator.bundles.signing import sign
from orchestrator.bundles.sources import choose, index, pruning, publish, source_of
from orchestrator.bundles.sources.offer import Offer, Source
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, FleetError, TrustError, UsageError
from orchestrator.model.plan import Origin
from orchestrator.model.ranges import Range
from tests.bundles.conftest import signer_line

from .conftest import Shelve


def source_at(place: Path, home: Path) -> Source:
    return source_of(Origin(str(place)), home)


def get(store: Path, home: Path, trust: Trust, version: str = "latest") -> Bundle:
    source = source_at(store, home)
    offer = choose(source.offers("app"), Range(version), at=source.place)
    return source.obtain(offer, trust)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_store_offers_what_was_pushed(store: Path, shelf: Path, home: Path) -> None:
    stored = source_at(store, home)
    assert stored.packages() == ("app", "app-db")

    def told(source: Source) -> list[tuple[str, str, str]]:
        return [(o.version, o.digest, o.created) for o in source.offers("app")]

    assert told(stored) == told(source_at(shelf, home))


def test_obtaining_from_a_store(store: Path, home: Path, trust: Trust) -> None:
    bundle = get(store, home, trust, "^1")
    assert bundle.manifest.version == "1.10.0"
    assert bundle.folder == home / "bundles/app" / bundle.manifest.digest
    shutil.rmtree(store / "app-db")
    for path in (store / "app").glob("*.fleet"):
        path.unlink()
    assert get(store, home, trust, "^1").folder == bundle.folder


def test_what_a_store_lacks_is_told_with_what_it_has(store: Path, home: Path) -> None:
    source = source_at(store, home)
    with pytest.raises(BundleError, match=r"no bundle of 'ap-db' in it; did you mean 'app-db'\?"):
        source.offers("ap-db")
    with pytest.raises(BundleError, match="there are app, app-db"):
        source.offers("zzz")


def test_pushing_twice_changes_nothing(store: Path, shelf: Path, trust: Trust) -> None:
    before = {path: path.stat().st_ino for path in store.rglob("*")}
    pushed = publish.push(read(shelf / "app-1.9.0", trust), store)
    assert not pushed.fresh
    assert {path: path.stat().st_ino for path in store.rglob("*")} == before


def test_a_store_is_readable_by_web_servers(store: Path) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in store.rglob("*.*") if path.is_file()}
    assert modes == {0o644}


def test_another_content_of_a_version_is_refused(
    store: Path, shelve: Shelve, home: Path, trust: Trust
) -> None:
    other = read(shelve("1.9.0", shelf="other"), trust)
    before = (store / "app/index.json").read_bytes()
    with pytest.raises(BundleError, match=r"already is a 'app' 1\.9\.0 with other content; raise"):
        publish.push(other, store)
    assert (store / "app/index.json").read_bytes() == before
    again = read(shelve("1.9.0", shelf="again", more="revision: 2\n"), trust)
    assert publish.push(again, store).fresh
    assert get(store, home, trust, "1.9.0").manifest.revision == 2


def test_signed_anew_a_bundle_takes_the_place_of_itself(
    shelve: Shelve, tmp_path: Path, home: Path, keys: Path, trust: Trust
) -> None:
    folder, store = shelve("1.0.0"), tmp_path / "store"
    publish.push(read(folder, trust), store)
    first = get(store, home, trust)
    (folder / "manifest.sig").unlink()
    sign(folder, keys / "ecdsa")
    both = Trust.parse(signer_line(keys, "ed25519") + signer_line(keys, "ecdsa", "ops"), "signers")
    assert publish.push(read(folder, both), store).fresh
    assert len(index.read_entries((store / "app/index.json").read_bytes(), "")) == 1
    second = get(store, home, both)
    assert second.manifest == first.manifest
    assert second.signature_bytes != first.signature_bytes
    with pytest.raises(TrustError):
        get(store, home, trust)


def test_damaged_content_is_not_pushed(shelf: Path, trust: Trust, tmp_path: Path) -> None:
    bundle = read(shelf / "app-1.9.0", trust)
    bundle.content(bundle.manifest.files[0].sha256).write_bytes(b"noise")
    with pytest.raises(TrustError):
        publish.push(bundle, tmp_path / "store")
    assert files(tmp_path / "store/app") == []


def test_pushing_at_the_same_time(shelf: Path, trust: Trust, tmp_path: Path, home: Path) -> None:
    bundles = [read(path, trust) for path in sorted(shelf.glob("app*")) if any(path.iterdir())]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda bundle: publish.push(bundle, tmp_path / "store"), bundles * 3))
    source = source_at(tmp_path / "store", home)
    assert len(source.offers("app")) == 3
    assert source.packages() == ("app", "app-db")


def test_what_a_killed_push_left_goes_with_the_next(
    store: Path, shelve: Shelve, trust: Trust
) -> None:
    (store / "app/.new.partial").write_bytes(b"half")
    publish.push(read(shelve("1.11.0"), trust), store)
    assert not (store / "app/.new.partial").exists()


OLD = ["1.9.0", "1.10.0-rc.1", "1.10.0"]


class Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


@pytest.mark.parametrize("empty", [True, False])
def test_a_push_may_be_killed_anywhere(
    empty: bool,
    store: Path,
    shelve: Shelve,
    home: Path,
    trust: Trust,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store is as it was or as it will be, and pushing again completes it."""
    bundle, rename = read(shelve("1.11.0"), trust), Path.rename
    for point in range(20):
        place = tmp_path / f"store{point}"
        if not empty:
            shutil.copytree(store, place)
        left = point

        def killing(self: Path, to: Path) -> Path:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return rename(self, to)

        with monkeypatch.context() as patched, suppress(Killed):
            patched.setattr(Path, "rename", killing)
            publish.push(bundle, place)
        if left >= 0:
            break
        if (place / "index.json").exists():
            versions = [offer.version for offer in source_at(place, home).offers("app")]
            assert versions in (OLD, [*OLD, "1.11.0"], ["1.11.0"])
            get(place, home, trust)
        publish.push(bundle, place)
        assert get(place, home, trust).manifest.version == "1.11.0"
        assert "app" in source_at(place, home).packages()
    assert point == (3 if empty else 2)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[" * 100_000,
        b"[]",
        b'{"format":1}',
        b'{"format":2,"bundles":[]}',
        b'{"format":1,"bundles":[{}]}',
        b"\xff",
    ],
)
def test_a_broken_index_is_one_clear_error(raw: bytes, store: Path, home: Path) -> None:
    (store / "app/index.json").write_bytes(raw)
    with pytest.raises(BundleError, match=r"app/index\.json: not an index of bundles: "):
        source_at(store, home).offers("app")


def test_a_store_without_the_index_of_a_package_says_how_to_mend_it(
    store: Path, home: Path
) -> None:
    (store / "app/index.json").unlink()
    with pytest.raises(BundleError, match=r"app: the store has lost its index; push its bundles"):
        source_at(store, home).offers("app")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("file", "../../etc/passwd"),
        ("file", "/etc/x.fleet"),
        ("file", ".hidden.fleet"),
        ("file", "http:x.fleet"),
        ("sha256", "zz"),
        ("size", -1),
        ("digest", "../" * 20),
        ("package", "../app"),
        ("notes", "\x1b[31m"),
    ],
)
def test_a_hostile_index_leads_nowhere(field: str, value: object, store: Path, home: Path) -> None:
    document = json.loads((store / "app/index.json").read_bytes())
    document["bundles"][0][field] = value
    (store / "app/index.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match=rf"bundles\[0\]\.{field}"):
        source_at(store, home).offers("app")


def test_an_index_that_lies_about_a_file_is_found_out(
    store: Path, home: Path, trust: Trust
) -> None:
    """The index says 1.10.0; the file, though signed, holds 1.9.0."""
    document = json.loads((store / "app/index.json").read_bytes())
    old, _, new = document["bundles"]
    for field in ("file", "size", "sha256", "signature"):
        new[field] = old[field]
    (store / "app/index.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"a bundle of 'app' 1\.9\.0 .*, not of 'app' 1\.10\.0"):
        get(store, home, trust)
    assert files(home / "bundles/app") == [".lock"]


def test_a_file_that_is_gone(store: Path, home: Path, trust: Trust) -> None:
    next((store / "app").glob("app-1.10.0-[!r]*.fleet")).unlink()
    with pytest.raises(FleetError, match="no such file"):
        get(store, home, trust)


def offers(*versions: str) -> tuple[Offer, ...]:
    return tuple(Offer("app", version, digest=version) for version in versions)


@pytest.mark.parametrize(
    ("keep", "needed", "gone"),
    [
        (1, (), ["1.0.0", "1.1.0", "2.0.0-rc.1"]),
        (2, (), ["1.0.0", "1.1.0"]),
        (1, ("1.0.0",), ["1.1.0", "2.0.0-rc.1"]),
        (9, (), []),
    ],
)
def test_what_may_go(keep: int, needed: tuple[str, ...], gone: list[str]) -> None:
    there = offers("1.2.0", "1.0.0", "2.0.0-rc.2", "2.0.0-rc.1", "1.1.0")
    assert [offer.version for offer in pruning.surplus(there, keep, needed)] == gone


@pytest.mark.parametrize("kind", ["store", "shelf"])
def test_pruning(kind: str, store: Path, shelf: Path, home: Path) -> None:
    place = store if kind == "store" else shelf
    source = source_at(place, home)
    pruning.remove(source, pruning.surplus(source.offers("app"), 1, ()))
    assert [offer.version for offer in source.offers("app")] == ["1.10.0"]
    assert [offer.version for offer in source.offers("app-db")] == ["1.0.0"]
    assert len([name for name in files(store / "app") if name.endswith(".fleet")]) == (
        1 if kind == "store" else 3
    )


def test_nothing_is_removed_where_one_can_only_read(
    store: Path, home: Path, tmp_path: Path
) -> None:
    file = next(store.rglob("*.fleet")).rename(tmp_path / "x.fleet")
    source = source_at(file, home)
    with pytest.raises(UsageError, match="nothing can be removed here"):
        pruning.remove(source, ())
