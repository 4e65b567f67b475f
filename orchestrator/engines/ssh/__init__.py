"""The SSH engine's transport: one connection, one login, one remote shell per host.

``connector`` opens, ``channel`` talks, ``target`` decides where and as whom, ``hostkeys`` decides
whom to trust, ``identities`` with which keys, ``bastions`` through whom, ``become`` as which user
the host program runs; ``recovery`` tries a second address, ``tracing`` tells where the way to a
host ends; ``failures`` puts what goes wrong into the tree of errors.
"""

from orchestrator.engines.ssh.connector import SshConnector
from orchestrator.engines.ssh.recovery import RecoveryConnector
from orchestrator.engines.ssh.settings import SshSettings
from orchestrator.engines.ssh.tracing import SshTracer

__all__ = ["RecoveryConnector", "SshConnector", "SshSettings", "SshTracer"]
