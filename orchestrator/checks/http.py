"""Check: an HTTP server answers as it should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestrator.checks.base import LINE, SAY, Check, assign, patience, timeout
from orchestrator.schema import Url, Whole, option

# Each tool leaves the headers (or its words) in head, its exit in code, the body on stdout; no
# more than the first MiB of the body is kept.
FETCH = r"""
work=$(mktemp -d) || say 2 "no room for temporary files"
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
export LC_ALL=C
by_curl() {
  curl -q -sgN -m "$seconds" -D "$work/head" --url "$url" 2>/dev/null
}
by_wget() {
  set -- wget -q -S -O - "$url"
  case $(wget --version 2>&1) in
  *GNU*) set -- "$@" --no-config -t 1 --max-redirect=0 --content-on-error -T "$seconds" ;;
  *) have timeout && set -- timeout "$seconds" "$@" ;;
  esac
  "$@" 2>"$work/head"
}
by_python() {
  python3 -c 'import sys, urllib.error, urllib.request
class Plain(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args): return None
try:
    answer = urllib.request.build_opener(Plain).open(sys.argv[1], timeout=float(sys.argv[2]))
except urllib.error.HTTPError as error:
    answer = error
except Exception as error:
    sys.exit(f"no answer: {error}")
print("HTTP/1.1", answer.status, file=sys.stderr)
sys.stdout.buffer.write(answer.read(1048576))
' "$url" "$seconds" 2>"$work/head"
}
for tool in curl wget python3 none; do have "$tool" && break; done
case $tool in
curl) fetch=by_curl ;;
wget) fetch=by_wget ;;
python3) fetch=by_python ;;
*) say 2 "cannot ask $url: no curl, wget or python3 here" ;;
esac
{ "$fetch"; echo "$?" >"$work/code"; } | head -c 1048576 >"$work/body"
status=$(sed -n 's/.*HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' "$work/head" 2>/dev/null | tail -n 1)
"""
"""Asks ``$url`` for at most ``$seconds``; leaves what came in ``$status``, empty for no answer."""

# curl: 3 bad URL, 6 unknown name, 35 and 51 to 60 TLS; 7, 28, 52, 56 are no answer (yet).
_JUDGE = """
if [ -z "$status" ]; then
  case $tool$(cat "$work/code") in
  curl1 | curl3 | curl6) say 2 "cannot ask $url (curl exit $(cat "$work/code"))" ;;
  curl35 | curl5[1389] | curl60) say 1 "$url cannot be trusted (curl exit $(cat "$work/code"))" ;;
  esac
  say 21 "$url gives no answer"
fi
if [ "$status" != "$wanted" ]; then
  [ "$status" = 503 ] && say 21 "$url answers 503: not ready"
  say 1 "$url answers $status, not $wanted"
fi
[ -z "$text" ] || grep -qF -- "$text" "$work/body" ||
  say 1 "$url answers $status, but without '$text'"
say 0 "$url answers $status"
"""


@dataclass(frozen=True)
class Http(Check):
    """An HTTP request, made on the host, is answered as expected; redirects are not followed."""

    short: ClassVar[str] = "url"

    url: str = option(
        Url(),
        "What to ask.",
        example='"http://127.0.0.1:8080/health"',
    )
    status: int = option(Whole(100, 599), "The status that is expected.", default=200)
    contains: str = option(
        LINE,
        "Text within a line of the answer's first MiB.",
        default="",
        example='"{{ release.version }}"',
    )
    timeout: float = timeout(10.0)

    def script(self) -> str:
        """Return the sh text."""
        asked = assign(
            url=self.url,
            wanted=self.status,
            text=self.contains,
            seconds=patience(self.timeout),
        )
        return SAY + asked + FETCH + _JUDGE
