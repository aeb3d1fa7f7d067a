"""The top floor: command line, settings, wiring, tracking, reports, studies and suites."""
