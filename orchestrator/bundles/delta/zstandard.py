"""Zstandard: the standard library's from Python 3.14 on, before that its backport."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdDict, ZstdFile, compress
else:
    from backports.zstd import CompressionParameter, ZstdDict, ZstdFile, compress

__all__ = ["CompressionParameter", "ZstdDict", "ZstdFile", "compress"]
