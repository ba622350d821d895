"""Relay, and what TVM needs beside it: the builder, kernels, operators of our own, artifacts."""
