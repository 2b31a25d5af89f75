"""Executed pages, the book, its PDF, the list of books, the gates."""

import sys

# jsonschema, which nbformat imports, builds a grammar of addresses with it: seconds, for nothing.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
