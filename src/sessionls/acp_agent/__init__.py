"""Our sessions in editors that speak the Agent Client Protocol: `sessionls acp`, over stdio.

An adapter like `cli` and `server`: the same services, made by `compose`, for another kind of editor.
"""
