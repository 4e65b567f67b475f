"""The README's plan is a plan, and what pages link to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.planned import planned

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def test_the_plan_of_the_readme_loads_and_has_waves(tmp_path):
    (block,) = _YAML.findall((ROOT / "README.md").read_text("utf-8"))
    path = tmp_path / "plan.yml"
    path.write_text(block.replace("inventories/edge", str(ROOT / "inventories/edge")))
    assert {wave.cohort for wave in planned(path)} == {"canary", "early", "everyone"}


@pytest.mark.parametrize("page", PAGES, ids=lambda it: str(it.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    broken = [
        target for target in _LINK.findall(page.read_text()) if not (page.parent / target).exists()
    ]
    assert broken == []
