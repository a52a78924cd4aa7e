"""Who may use the device: people with passwords, programs with tokens.

`accounts.Accounts` is the door; the modules beside it hold one noun each. Nothing here knows HTTP.
"""
