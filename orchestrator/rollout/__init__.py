"""The rollout core: a pure function of events (design sections 1, 4 and 5)."""
