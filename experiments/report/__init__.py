"""The report: one HTML file that tells a run, or compares several, and opens offline."""
