"""The program as it is sent."""

from __future__ import annotations

import re
from collections import Counter

from orchestrator.host.source import program_text


def test_no_function_takes_the_name_of_another() -> None:
    names = Counter(re.findall(r"^(\w+)\(\) \{", program_text(), re.MULTILINE))
    assert [name for name, count in names.items() if count > 1] == []
