"""Calls: what is called, with which arguments, and the frames of what is compiled from its source."""
