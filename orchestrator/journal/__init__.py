"""The durable record of runs: SQLite, one writer thread, group commit, leases (design section 8).

A controller opens the Journal, creates or takes a run, and appends its events to the RunLog that
it gets; everyone else reads. ``new_run_id`` names a run, ``Owner.here`` this process.
"""

from orchestrator.journal.ids import new_run_id
from orchestrator.journal.journal import Journal
from orchestrator.journal.owner import Owner
from orchestrator.journal.rows import Denied, Lease, RunRow
from orchestrator.journal.runlog import SqliteRunLog

__all__ = ["Denied", "Journal", "Lease", "Owner", "RunRow", "SqliteRunLog", "new_run_id"]
