"""Studies: many runs compared at equal budget, what may be said of them, and the same on paper."""
