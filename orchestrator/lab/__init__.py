"""The lab: fleets of SSH hosts on loopback, to learn on and to test against.

`orchestrator.lab.lab.Lab` is the public interface; the other modules serve it.
"""
