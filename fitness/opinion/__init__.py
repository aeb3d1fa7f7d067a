"""The second opinion: a kernel's module is run once as it is, and held against the judge's word."""
