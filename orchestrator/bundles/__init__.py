"""Bundles: built from a source folder, signed, found, read into trust, and packed for hosts.

The way in is :func:`reader.read`: raw bytes and a :class:`trust.Trust` go in, a
:class:`reader.Bundle` with a trusted manifest or an error comes out. The format is described in
``docs/bundle-format.md``; what a host does with it in ``docs/host-protocol.md``.
"""
