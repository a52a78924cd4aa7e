"""The data of a device in one encrypted file, and back.

Rules this package upholds:

- A backup is made while the device works, and is read back before it has its name.
- It can be read with the private key only, which is not on the device.
- A restore touches nothing before every byte was verified, and then switches in one step.
- What was there before stays until somebody says that it may go.

The format is described in docs/reference/backup-format.md.
"""
