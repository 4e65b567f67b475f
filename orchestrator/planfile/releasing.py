"""Which changes of version go by themselves: the keys of a package's policy."""

from __future__ import annotations

from orchestrator.model.consent import Change, Consent, ReleasePolicy
from orchestrator.schema import Choice, Field, shape_for

POLICY = shape_for(
    ReleasePolicy,
    "Which changes go by themselves when `version` is a range: auto, ask (--yes), or approve.",
    Field("patch", Choice(Consent), "2.4.1 to 2.4.2, and another packaging of 2.4.1."),
    Field("minor", Choice(Consent), "2.4.1 to 2.5.0."),
    Field("major", Choice(Consent), "2.4.1 to 3.0.0; below 1.0.0 also 0.4.1 to 0.5.0."),
    Field("critical", Choice(Change), "The largest that goes by itself if it is urgent."),
)
