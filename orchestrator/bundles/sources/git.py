"""A git repository whose semver tags are releases, built here from a folder of the tag."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from orchestrator.bundles import layout, reader, signing, source
from orchestrator.bundles.build import build
from orchestrator.bundles.reader import Bundle
from orchestrator.bundles.sources.cache import Cache
from orchestrator.bundles.sources.gitrepo import Repository
from orchestrator.bundles.sources.offer import Offer, expect, ordered
from orchestrator.bundles.sources.pins import Pin, Pins
from orchestrator.bundles.sources.writing import writing
from orchestrator.bundles.trust import Trust
from orchestrator.errors import BundleError, TrustError, UsageError
from orchestrator.model.version import is_version

KEY = "FLEET_SIGNING_KEY"
"""Names the key that signs what is built from tags that bring no signature."""


@dataclass(frozen=True)
class GitSource:
    """The releases of a repository; what they build to is signed, and kept in the cache."""

    repository: Repository
    folder: str
    cache: Cache
    pins: Pins

    @classmethod
    def at(
        cls, url: str, folder: str, home: Path, cache: Cache, environ: Mapping[str, str]
    ) -> GitSource:
        """Return the source of a repository; ``home`` keeps the pins and what was fetched."""
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        repository = Repository(url, home / f"{name}.git", environ)
        return cls(repository, folder.rstrip("/"), cache, Pins(home / "pins.json"))

    @property
    def place(self) -> str:
        """Return the repository's URL."""
        return self.repository.url

    def packages(self) -> tuple[str, ...]:
        """Raise UsageError: only a build tells what a repository holds."""
        hint = "name the package: fleet bundle list --git REPOSITORY PACKAGE"
        raise UsageError(f"{self.place}: a repository has no list of packages", hint=hint)

    def offers(self, package: str) -> tuple[Offer, ...]:
        """Return a release for each tag of a package; they are pinned at first sight."""
        tags = self._tags_of(package)
        if not tags:
            mend = f"tag releases as v1.2.3, 1.2.3 or {package}-1.2.3"
            raise BundleError.at(self.place, f"no tag of '{package}' is a version", mend)
        known = self.pins.seen(self.place, self.folder, {tag: self._tags[tag] for tag in tags})
        return ordered(self._offer(package, tags[tag], known[tag]) for tag in tags)

    def obtain(self, offer: Offer, trust: Trust) -> Bundle:
        """Return what the offer's tag builds to; raises BundleError if the tag was moved."""
        tag = offer.place.rpartition("#")[2]
        pin = self._unmoved(tag)
        with self.cache.alone(offer.package):
            if pin.digest:
                with suppress(TrustError):  # perhaps another key signs it now
                    exact = replace(offer, revision=pin.revision)
                    found = self.cache.find(replace(exact, digest=pin.digest), None, trust)
                    if found:
                        return expect(found, exact)
            return self._built(offer, pin, trust)

    def beside(self, bundle: Bundle, trust: Trust) -> tuple[Bundle, ...]:
        """Return the package's other bundles in the cache."""
        return self.cache.others(bundle, trust)

    @cached_property
    def _tags(self) -> dict[str, str]:
        return self.repository.tags()

    def _tags_of(self, package: str) -> dict[str, str]:
        """Return tags of a package and their versions; its own prefix wins over none."""
        named = _versions(self._tags, rf"{re.escape(package)}-v?(.*)")
        found = named or _versions(self._tags, r"v?(\d.*)")
        first: dict[str, str] = {}
        for tag, version in found.items():
            other = first.setdefault(version, tag)
            if self._tags[other] != self._tags[tag]:
                what = f"tags '{other}' and '{tag}' of {version} are different commits"
                raise BundleError.at(self.place, what, "remove one of them")
        return {tag: version for version, tag in first.items()}

    def _offer(self, package: str, version: str, pin: Pin) -> Offer:
        place = f"{self.place}#{pin.tag}"
        if pin.commit != self._tags[pin.tag]:
            return Offer(package, version, place=place)  # moved: obtaining it says so
        return Offer(package, version, pin.revision, pin.digest, pin.created, place=place)

    def _unmoved(self, tag: str) -> Pin:
        now = self._tags[tag]
        pin = self.pins.seen(self.place, self.folder, {tag: now})[tag]
        if pin.commit != now:
            what = f"the tag was at commit {pin.commit}, and is at {now} now"
            mend = f"ask who moved it; take another version, or remove the pin in {self.pins.file}"
            raise BundleError.at(f"{self.place}#{tag}", what, mend)
        return pin

    def _built(self, offer: Offer, pin: Pin, trust: Trust) -> Bundle:
        folder = self.cache.root / offer.package / ".build"
        with writing(folder), _emptied(folder) as work, _named(work, offer.place):
            built = self._build(pin, work)
            self._sign(work / "tag", built, offer)
            bundle = reader.read(built, trust)
            made = bundle.manifest
            exact = replace(offer, revision=made.revision)
            expect(bundle, replace(exact, digest=""))
            self.pins.built(pin, made.digest, made.revision, made.created)
            target = self.cache.place(made.package, made.digest)
            shutil.rmtree(target, ignore_errors=True)
            built.rename(target)
        return expect(self.cache.keep(replace(bundle, folder=target)), exact)

    def _build(self, pin: Pin, work: Path) -> Path:
        """Write what bundle.yml names, and nothing else of the tag; build it."""
        commit = self.repository.fetch(pin.tag)
        if commit != pin.commit:
            what = f"the tag is at commit {commit}, and was at {pin.commit} just now"
            raise BundleError.at(f"{self.place}#{pin.tag}", what, "run the command again")
        entries = self.repository.entries(commit, self.folder)
        own = [e for e in entries if e.path in (source.FILE, layout.SIGNATURE)]
        if any(entry.mode not in ("100644", "100755") for entry in own):
            what = f"{source.FILE} and {layout.SIGNATURE} must be files"
            raise BundleError.at(f"{self.place}#{pin.tag}", what, "mend the tag")
        tag = work / "tag"
        self.repository.write(own, tag)
        prefix = f"{source.load(tag).content.relative_to(tag)}/"
        content = [entry for entry in entries if entry.path.startswith(prefix)]
        self.repository.write(content, tag)
        environ = {"SOURCE_DATE_EPOCH": str(self.repository.time(commit))}
        return build(tag, work / "built", environ=environ).folder

    def _sign(self, tag: Path, built: Path, offer: Offer) -> None:
        brought, key = tag / layout.SIGNATURE, self.repository.environ.get(KEY)
        if brought.exists():
            shutil.copyfile(brought, built / layout.SIGNATURE)
        elif key:
            signing.sign(built, Path(key).expanduser())
        else:
            beside = f"{self.folder}/{layout.SIGNATURE}".lstrip("/")
            mend = f"put {beside} into the tag, or name the key to sign it with in ${KEY}"
            raise TrustError.at(offer.place, "nobody signed it", mend)


def _versions(tags: Mapping[str, str], pattern: str) -> dict[str, str]:
    found = ((tag, re.fullmatch(pattern, tag)) for tag in sorted(tags))
    return {tag: match[1] for tag, match in found if match and is_version(match[1])}


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """Lend an empty folder; the cache's lock makes it ours."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _named(work: Path, place: str) -> Iterator[None]:
    """Let messages speak of the tag instead of the folder where it was built."""
    try:
        yield
    except BundleError as error:
        problems = (
            replace(it, position=replace(it.position, file=_told(it.position.file, work, place)))
            for it in error.problems
        )
        raise type(error)(*problems) from None


def _told(file: str, work: Path, place: str) -> str:
    for part in (work / "tag", work):
        if file.startswith(str(part)):
            return place + file.removeprefix(str(part))
    return file
