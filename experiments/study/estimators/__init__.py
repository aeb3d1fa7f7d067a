"""What may be said of runs, each formula with its source. Plain arrays in, no I/O, no clock."""
