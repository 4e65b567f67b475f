"""Who moves with whom, and in which order: the graph and the waves. Pure."""

from orchestrator.planning.cohorts import Select
from orchestrator.planning.graph import Carriers
from orchestrator.planning.sequence import package_order, step_order
from orchestrator.planning.waves import empty_cohorts, plan_waves

__all__ = ["Carriers", "Select", "empty_cohorts", "package_order", "plan_waves", "step_order"]
