"""Asking a web server: credentials for it alone, redirects watched, trouble waited out."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from orchestrator.bundles.sources.credentials import HELP, authorization
from orchestrator.errors import FleetError

T = TypeVar("T")

MAX_REDIRECTS = 5
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that may be others a moment later."""

_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"

_REFUSALS = {
    401: ("it asks for credentials, or refuses those it got", HELP),
    403: ("access is refused", HELP),
    404: ("it is not there", "look at the URL, and push the bundle again"),
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is tried that makes no progress, and how long it may be silent.

    ``backoff`` and ``timeout`` are in seconds; the wait doubles each time, with jitter.
    """

    attempts: int = 5
    backoff: float = 0.5
    timeout: float = 30.0


class Again(Exception):
    """Trouble that may pass; ``error`` is what it amounts to when it does not."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(what)
        self.error = FleetError(f"{place}: {what}", hint="look at the server and the network")


@dataclass(frozen=True, slots=True)
class Web:
    """One web server, as far as it lies below ``url`` (which ends in '/')."""

    url: str
    environ: Mapping[str, str]
    patience: Patience = Patience()

    def patiently(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` does, which is called anew while it raises Again and hope is left.

        Raises the FleetError of the last trouble.
        """
        backoff = self.patience.backoff
        retrying = Retrying(
            stop=stop_after_attempt(self.patience.attempts),
            wait=wait_exponential(backoff, max=15.0) + wait_random(0, backoff),
            retry=retry_if_exception_type(Again),
            reraise=True,
        )
        try:
            return retrying(ask)
        except Again as again:
            raise again.error from None

    @contextmanager
    def get(
        self, name: str, headers: Mapping[str, str], *, accept: tuple[int, ...]
    ) -> Iterator[httpx.Response]:
        """Lend the answer to GET, its body unread, if its status is one of ``accept``.

        Raises Again for trouble that may pass, also while the body is read; FleetError for every
        other status.
        """
        place = f"{self.url}{name}"
        try:
            with self._client() as client, self._answer(client, place, headers) as response:
                self._judge(response, place, accept)
                yield response
        except httpx.InvalidURL as error:
            raise FleetError(f"{place}: {error}", hint="mend the URL") from None
        except httpx.TransportError as error:
            if _UNTRUSTED in str(error):
                hint = "name its authority's certificate in SSL_CERT_FILE, or mend the server's"
                raise FleetError(f"{place}: {error}", hint=hint) from None
            raise Again(place, _why(error)) from None

    def _client(self) -> httpx.Client:
        return httpx.Client(timeout=self.patience.timeout, verify=ssl.create_default_context())

    @contextmanager
    def _answer(
        self, client: httpx.Client, place: str, headers: Mapping[str, str]
    ) -> Iterator[httpx.Response]:
        home = httpx.URL(place)
        known = authorization(home.scheme, home.host, self.environ)
        own = {"Accept-Encoding": "identity"} | ({"Authorization": known} if known else {})
        request = client.build_request("GET", home, headers=own | dict(headers))
        for _ in range(MAX_REDIRECTS + 1):
            response = client.send(request, stream=True)
            try:
                if response.next_request is None:
                    yield response
                    return
                request = self._followed(response.next_request, home)
            finally:
                response.close()
        raise FleetError(f"{place}: more than {MAX_REDIRECTS} redirects", hint="mend the store")

    def _followed(self, request: httpx.Request, home: httpx.URL) -> httpx.Request:
        """Return a request that a redirect asks for, without what only ``home`` may know."""
        url = request.url
        if url.scheme != "https" and url.scheme != home.scheme:
            what = f"redirected to {url.scheme}://{url.host}, where it is not followed"
            raise FleetError(f"{home}: {what}", hint="mend the store")
        if (url.scheme, url.host, url.port) != (home.scheme, home.host, home.port):
            request.headers.pop("Authorization", None)
        return request

    def _judge(self, response: httpx.Response, place: str, accept: tuple[int, ...]) -> None:
        status = response.status_code
        if status in accept:
            return
        if status in PASSING:
            raise Again(place, f"the server answers {status} {response.reason_phrase}".strip())
        what, hint = _REFUSALS.get(status, ("unexpected answer", "look at the server"))
        raise FleetError(f"{place}: {what} ({status})", hint=hint)


def _why(error: Exception) -> str:
    if isinstance(error, httpx.ReadTimeout):
        return "the server fell silent"
    return f"no connection: {str(error) or type(error).__name__}"
