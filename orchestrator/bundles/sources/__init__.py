"""Where bundles come from: each source says what it offers, and obtains it, trusted.

What a source offers is a claim; only the signed manifest of what was obtained counts.
"""

from orchestrator.bundles.sources.cache import CACHE, Cache
from orchestrator.bundles.sources.kinds import source_of
from orchestrator.bundles.sources.offer import Offer, Source, choose, ordered
from orchestrator.bundles.sources.store import StoreSource

__all__ = ["CACHE", "Cache", "Offer", "Source", "StoreSource", "choose", "ordered", "source_of"]
