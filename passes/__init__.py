"""The passes: `passes.syntax` works on gast trees, `passes.relay` on Relay modules.

Nothing here knows of `astfront`; `astfront` calls the passes.
"""
