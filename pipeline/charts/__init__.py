"""Swedish emergency charts: from prose to values and mentions, each with the span that says it."""
