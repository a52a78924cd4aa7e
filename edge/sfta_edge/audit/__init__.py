"""What happened on the device, in a log that shows when somebody changed it.

Rules this package upholds:

- Every record holds the digest of the one before and a signature: a record that is edited,
  deleted, moved or forged is found by `verification.verify_log`.
- The signed head says how far the log goes: a tail that was cut off is found.
- A record is on disk, and the head says so, before `log.Audit.append` returns its id.
- What is personal is covered by a salted digest only: it can be taken out, the chain stays.
"""
