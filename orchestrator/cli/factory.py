"""``fleet hosts restore --factory``: a run that takes hosts back to their golden release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator import compose
from orchestrator.cli import looking
from orchestrator.cli.apply import begin, refuse_denied
from orchestrator.cli.consent import agree_to_go_back
from orchestrator.cli.flags import become_password, options_of
from orchestrator.cli.screen import Screen
from orchestrator.home import Home
from orchestrator.service import golden


def restore_golden(path: Path, given: Mapping[str, Any], *, yes: bool) -> int:
    """Go back by a run of its own: its waves, trial and validations are those of the plan."""
    screen = Screen.of({"output": "json" if given["as_json"] else "auto", "verbose": 0})
    options, home = options_of(dict(given)), Home.find()
    versions = golden.golden(compose.read_plan(path, options), given["packages"])
    options = replace(options, factory=versions)
    site = compose.read_site(path, options)
    password = become_password(ask=given["ask_become_pass"])
    looks = looking.survey(site, options, password)
    ready = compose.make_ready_for_way_back(site, home, options, golden.pins(looks, versions))
    try:
        with home.open_journal() as journal:
            refuse_denied(journal, ready)
            agree_to_go_back(golden.moves(looks, versions), screen, yes=yes)
            return begin(journal, home, ready, options, password, screen)
    finally:
        ready.close()
