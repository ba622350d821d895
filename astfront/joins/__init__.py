"""Where ways through the code meet: one value for what may be one of several."""
