"""Where bundles come from: each source says what it offers, and obtains it, trusted.

What a source offers is a claim; only the signed manifest of what was obtained counts.
"""

from orchestrator.bundles.sources.kinds import source_of
from orchestrator.bundles.sources.offer import Offer, Source, choose, ordered

__all__ = ["Offer", "Source", "choose", "ordered", "source_of"]
