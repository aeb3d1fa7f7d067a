"""How a kernel is changed: operators that make kernels from parents, and how one is drawn."""
