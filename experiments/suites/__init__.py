"""The tasks that come with kernevo, a folder each, and what reads them."""
