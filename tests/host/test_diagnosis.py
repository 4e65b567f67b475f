"""What a host tells a doctor, and what of it cannot be: it is read before it is judged or shown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from orchestrator.errors import ProtocolError
from orchestrator.host.diagnosis import Entry, Inquiry, Patient, examine
from orchestrator.host.procedures.keeping import read_backup
from orchestrator.host.requests import Place
from orchestrator.ports import Reply

from .scripted import EMPTY, FACTS, FakeChannel, probed

PLACE = Place("gateway", "/opt/fleet", "/var/lib/fleet")
LONG_AFTER = 99_999_999_999_999
BEGUN = {"t": 7, "at": "begin", "op": "stage", "run": "r", "release": None}


async def told(
    facts: Mapping[str, object], diagnosis: Mapping[str, object], entry: Mapping[str, object]
) -> Patient:
    channel = FakeChannel(
        {
            "facts": Reply("ok", "", {**FACTS.fields, **facts}),
            "diagnose": Reply("ok", "", diagnosis),
            "probe": probed(EMPTY),
            "history": Reply("ok", "", {"entries": [BEGUN, BEGUN | dict(entry)]}),
        }
    )
    _, [patient] = await examine(channel, [Inquiry(PLACE)], deadline=9.0)
    return patient


async def test_a_history_is_read() -> None:
    patient = await told({"epoch": 9}, {}, {"at": "end", "status": "ok", "reason": "done"})
    begun = Entry(7, "begin", "stage", "r")
    assert patient.history == (begun, Entry(7, "end", "stage", "r", "", "ok", "done"))


@pytest.mark.parametrize(
    ("facts", "diagnosis", "entry"),
    [
        ({"epoch": LONG_AFTER}, {}, {}),
        ({"epoch": -1}, {}, {}),
        ({"missing": "mv"}, {}, {}),
        ({"init": 1}, {}, {}),
        ({}, {"lock": {"run": "r", "since": LONG_AFTER}}, {}),
        ({}, {"disks": [{"free_kib": 10**400}]}, {}),
        ({}, {}, {"t": LONG_AFTER}),
        ({}, {}, {"t": "soon"}),
        ({}, {}, {"op": 1}),
    ],
)
async def test_what_cannot_be_is_not_understood(
    facts: dict[str, object], diagnosis: dict[str, object], entry: dict[str, object]
) -> None:
    with pytest.raises(ProtocolError, match="unusable"):
        await told(facts, diagnosis, entry)


@pytest.mark.parametrize("fields", [{"epoch": LONG_AFTER}, {"epoch": -1}, {"size": 10**400}])
def test_a_backup_that_cannot_be(fields: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match="unusable"):
        read_backup({"backup": "1-x", **fields})
