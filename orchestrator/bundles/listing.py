"""The listing: a manifest's tree in a form for ``sh`` and ``awk`` (docs/host-protocol.md)."""

from __future__ import annotations

from orchestrator.bundles.tree import Tree


def render(tree: Tree) -> bytes:
    """Return the listing of a tree without flaws: one entry a line, sorted by path."""
    lines = [(entry.path, f"d {entry.mode:04o}") for entry in tree.folders]
    lines += [(e.path, f"f {e.mode:04o} {e.size} {e.sha256}") for e in tree.files]
    lines += [(entry.path, f"l {_target(entry.target)}") for entry in tree.links]
    lines += [(path, "s") for path in tree.shared]
    return "".join(f"{head} {_name(path)}\n" for path, head in sorted(lines)).encode()


def _name(path: str) -> str:
    return path.replace("%", "%25").replace("\n", "%0A")


def _target(target: str) -> str:
    return _name(target).replace(" ", "%20")
