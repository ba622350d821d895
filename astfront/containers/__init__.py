"""Lists, dicts, iterators and trees, as the interpreter has them."""
