"""Syntactic rewrites: one family a file."""
