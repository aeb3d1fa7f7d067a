"""Reading and editing the source of a kernel, its comments and layout preserved."""
