"""The samples are text that tests point at: pytest doesn't look for doctests in them."""

collect_ignore = ["samples"]
