"""The trust file: an OpenSSH ``allowed_signers`` file, with directives in its comments.

A signer's line is ``principal[,principal] namespaces="fleet-bundle"[,option…] keytype key``
(ssh-keygen(1), ALLOWED SIGNERS). Every line must name what it is for, since a line without it would
accept signatures that were made for something else, such as git commits. What OpenSSH has no word
for is said by lines ``#fleet <directive> <value>`` (docs/trust.md).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from asyncssh.sshsig import SSHAllowedSigners, import_allowed_signers

from orchestrator.bundles import rules, sshsig
from orchestrator.bundles.sshsig import NAMESPACE, TRUST_NAMESPACE
from orchestrator.errors import Position, Problem, TrustError
from orchestrator.registry import near_miss

NAMESPACES = (NAMESPACE, TRUST_NAMESPACE)

_LINE = re.compile(
    r"(?P<principals>[^\s\"]+)"
    r"(?:[ \t]+(?P<options>(?:[A-Za-z-]+(?:=\"[^\"\\]*\")?)(?:,[A-Za-z-]+(?:=\"[^\"\\]*\")?)*))?"
    r"[ \t]+(?P<type>(?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)"
    r"[ \t]+(?P<key>[A-Za-z0-9+/]+={0,2})"
    r"(?:[ \t].*)?"
)
_OPTION = re.compile(r"([A-Za-z-]+)(?:=\"([^\"]*)\")?")
_OPTIONS = ("namespaces", "cert-authority", "valid-after", "valid-before")
_TIME = re.compile(r"\d{8}(\d{4}(\d{2})?)?Z?", re.ASCII)
_DIRECTIVE = re.compile(r"#(\s*)fleet\s+(\S+)\s*(.*)", re.ASCII)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COUNT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signer:
    """One line: who (``principals``) may sign what (``namespaces``), with which key.

    ``options`` are the line's others, as they stand in it; ``authority`` says that the key signs
    certificates instead.
    """

    principals: tuple[str, ...]
    namespaces: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    key: str
    fingerprint: str

    @property
    def authority(self) -> bool:
        """Return whether the key is a certificate authority's."""
        return "cert-authority" in dict(self.options)

    def line(self, namespace: str, *, timeless: bool = False) -> str:
        """Return the line respelled so that it holds for one namespace; ``timeless``: always."""
        spelled = [f'namespaces="{namespace}"']
        for name, value in self.options:
            if not (timeless and name.startswith("valid-")):
                spelled.append(f'{name}="{value}"' if value else name)
        return " ".join([",".join(self.principals), ",".join(spelled), self.key])

    def allowed(self, namespace: str, *, timeless: bool = False) -> SSHAllowedSigners:
        """Return the line as asyncssh takes it."""
        return import_allowed_signers(self.line(namespace, timeless=timeless))


@dataclass(frozen=True, slots=True)
class TrustFile:
    """What a trust file says; ``expires`` is empty when it never does.

    ``thresholds`` pairs a package (empty: every other) with the distinct signers it needs;
    ``trust_threshold`` is that of the next trust file.
    """

    signers: tuple[Signer, ...]
    serial: int = 0
    expires: str = ""
    thresholds: tuple[tuple[str, int], ...] = ()
    trust_threshold: int = 1
    revoked_keys: frozenset[str] = frozenset()
    revoked_bundles: frozenset[str] = frozenset()

    def threshold(self, package: str) -> int:
        """Return how many distinct signers a bundle of ``package`` needs."""
        given = dict(self.thresholds)
        return given.get(package, given.get("", 1))

    def able(self, namespace: str) -> tuple[Signer, ...]:
        """Return those who may sign for a namespace, in the file's order, revoked ones left out."""
        return tuple(
            signer
            for signer in self.signers
            if namespace in signer.namespaces and signer.fingerprint not in self.revoked_keys
        )


def parse(text: str, file: str) -> TrustFile:
    """Return what ``text`` declares; raises TrustError with every bad line."""
    problems: list[Problem] = []
    signers: list[Signer] = []
    directives = _Directives()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            _read_line(line, signers, directives)
        except _BadLine as bad:
            problems.append(Problem(Position(file, number, 1), "", bad.what, bad.mend))
    if problems:
        raise TrustError(*problems)
    found = directives.over(signers)
    if not found.signers:
        mend = f'add a line: name namespaces="{NAMESPACE}" and the public key'
        raise TrustError.at(file, "no signers in it", mend)
    _check_reachable(found, file)
    return found


def most_signers(signers: Iterable[Signer]) -> int:
    """Return how many distinct signatures these lines can yield at most."""
    able = tuple(signers)
    names = {name for signer in able for name in signer.principals}
    keys = {signer.fingerprint for signer in able if not signer.authority}
    issued = sum(len(signer.principals) for signer in able if signer.authority)
    return min(len(names), len(keys) + issued)


def _check_reachable(found: TrustFile, file: str) -> None:
    """Refuse a threshold that the signers of a namespace, if it has any, could never reach."""
    wanted = [(NAMESPACE, package or "bundles", count) for package, count in found.thresholds]
    for space, what, count in (*wanted, (TRUST_NAMESPACE, "trust files", found.trust_threshold)):
        most = most_signers(found.able(space))
        if most and count > most:
            mend = f"add signers for {space}, or lower the threshold"
            raise TrustError.at(file, f"{what} need {count} signers, and {most} may sign", mend)


class _BadLine(Exception):
    """A line of a trust file that cannot be used."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


def _read_line(raw: str, signers: list[Signer], directives: _Directives) -> None:
    """Read a line exactly as awk and ssh-keygen would: spaces and tabs are all that separates."""
    line = raw.strip(" \t")
    if not line.replace("\t", " ").isprintable():
        raise _BadLine("a line with characters that do not print", "remove them, CR at its end too")
    said = _DIRECTIVE.fullmatch(line)
    if said and (not said[1] or said[2] in READERS):
        if not line.isascii():
            raise _BadLine("a directive with other than ASCII characters", "write it in ASCII")
        if said[1]:
            raise _BadLine("a directive that is only a comment", "write '#fleet' without a space")
        directives.read(said[2], said[3].split())
    elif line and not line.startswith("#"):
        signers.append(_signer(line))


class _Directives:
    """What the ``#fleet`` lines of a file say, collected."""

    def __init__(self) -> None:
        self.single: dict[str, str] = {}
        self.thresholds: dict[str, int] = {}
        self.revoked: dict[str, set[str]] = {"revoked-key": set(), "revoked-bundle": set()}

    def read(self, name: str, values: list[str]) -> None:
        if name not in READERS:
            raise _BadLine(f"directive '{name}' is unknown", near_miss(name, READERS))
        READERS[name](self, name, values)

    def once(self, name: str, values: list[str]) -> None:
        """Read a directive that has one value and stands in a file once."""
        flaw = FLAWS[name](values[0]) if len(values) == 1 else "must have one value"
        if flaw:
            raise _BadLine(f"{name} {flaw}", EXAMPLES[name])
        if name in self.single:
            raise _BadLine(f"{name} is given twice", "remove one of them")
        self.single[name] = values[0]

    def threshold(self, name: str, values: list[str]) -> None:
        count, package = ([*values, "", ""])[:2]
        if len(values) > 2 or not _COUNT.fullmatch(count):
            raise _BadLine(f"{name} is not a number of signers", EXAMPLES[name])
        if package and rules.package_flaw(package):
            raise _BadLine(f"'{package}' is {rules.package_flaw(package)}", EXAMPLES[name])
        if package in self.thresholds:
            raise _BadLine(f"{name} {package or 'for all'} is given twice", "remove one of them")
        self.thresholds[package] = int(count)

    def revoke(self, name: str, values: list[str]) -> None:
        form = _FINGERPRINT if name == "revoked-key" else _DIGEST
        if not values or not form.fullmatch(values[0]):
            raise _BadLine(f"{name} does not name what it revokes", EXAMPLES[name])
        self.revoked[name].add(values[0])

    def over(self, signers: list[Signer]) -> TrustFile:
        general = str(self.thresholds.get("", 1))
        return TrustFile(
            signers=tuple(signers),
            serial=int(self.single.get("serial", "0")),
            expires=self.single.get("expires", ""),
            thresholds=tuple(sorted(self.thresholds.items())),
            trust_threshold=int(self.single.get("trust-threshold", general)),
            revoked_keys=frozenset(self.revoked["revoked-key"]),
            revoked_bundles=frozenset(self.revoked["revoked-bundle"]),
        )


def _count_flaw(text: str) -> str:
    return "" if _COUNT.fullmatch(text) else "is not a number from 1"


def _instant_flaw(text: str) -> str:
    return f"is {flaw}" if (flaw := rules.instant_flaw(text)) else ""


FLAWS: Mapping[str, Callable[[str], str]] = {
    "serial": _count_flaw,
    "expires": _instant_flaw,
    "trust-threshold": _count_flaw,
}

EXAMPLES: Mapping[str, str] = {
    "serial": "write: #fleet serial 3",
    "expires": "write: #fleet expires 2027-01-31T00:00:00Z",
    "threshold": "write: #fleet threshold 2, or for one package: #fleet threshold 2 gateway",
    "trust-threshold": "write: #fleet trust-threshold 2",
    "revoked-key": "write: #fleet revoked-key SHA256:… as ssh-keygen -l prints it",
    "revoked-bundle": "write: #fleet revoked-bundle and the sha256 of its manifest.json",
}

READERS: Mapping[str, Callable[[_Directives, str, list[str]], None]] = {
    "serial": _Directives.once,
    "expires": _Directives.once,
    "threshold": _Directives.threshold,
    "trust-threshold": _Directives.once,
    "revoked-key": _Directives.revoke,
    "revoked-bundle": _Directives.revoke,
}
"""The directives, and how each is read."""


def _signer(line: str) -> Signer:
    found = _LINE.fullmatch(line)
    if not found:
        mend = f'write: name namespaces="{NAMESPACE}" ssh-ed25519 AAAA…'
        raise _BadLine("not a line of an allowed_signers file", mend)
    options = _options(found["options"] or "")
    named = options["namespaces"].split(",")
    spaces = tuple(name for name in NAMESPACES if name in named)
    others = tuple((name, options[name]) for name in _OPTIONS[1:] if name in options)
    key = f"{found['type']} {found['key']}"
    try:
        public_key = base64.b64decode(found["key"], validate=True)
        signer = Signer(
            _principals(found["principals"]), spaces, others, key, sshsig.fingerprint(public_key)
        )
        signer.allowed(spaces[0])
    except ValueError as error:
        raise _BadLine(f"the public key cannot be read ({error})", "copy it again") from None
    return signer


def _principals(text: str) -> tuple[str, ...]:
    principals = tuple(text.split(","))
    if not all(principals) or set(text) & set("*?!"):
        raise _BadLine(f"'{text}' does not name its signers", "write names without *, ? and !")
    return principals


def _options(text: str) -> dict[str, str]:
    """Return a line's options, checked."""
    options = {name.lower(): value for name, value in _OPTION.findall(text)}
    for name in options:
        if name not in _OPTIONS:
            raise _BadLine(f"option '{name}' is unknown", near_miss(name, _OPTIONS))
    if not set(NAMESPACES) & set(options.get("namespaces", "").split(",")):
        mend = f'write namespaces="{NAMESPACE}" before the key\'s type'
        raise _BadLine(f"the line does not name namespace '{NAMESPACE}'", mend)
    for name in ("valid-after", "valid-before"):
        if name in options and not _TIME.fullmatch(options[name]):
            raise _BadLine(f"{name} is not a time", "write YYYYMMDD or YYYYMMDDHHMMSSZ")
    return options
