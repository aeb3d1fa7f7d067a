"""Modelled latency, no GPU: counts of sampled grid programs, occupancy, caches, roofline."""
