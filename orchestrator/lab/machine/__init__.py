"""Machines: hosts of a lab that are real Debian systems, with systemd as their first process.

Each is a systemd-nspawn container that cannot tell: with a disk, a network card, a boot id and an
uptime of its own. `orchestrator.lab.machine.daemons.Machines` serves them to the lab.
"""
