"""The words and figures of one page each: what a notebook shows, computed from records."""
