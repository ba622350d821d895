"""What decides which code runs, and how often: branches, loops, recursion, exceptions, generators."""
