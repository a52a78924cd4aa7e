// English: facts of the device.

export default {
  "fact.added": "Added here",
  "fact.chunks": "Passages",
  "fact.counter": "Version",
  "fact.digest": "Fingerprint",
  "fact.documents": "Documents",
  "fact.down": "out of order",
  "fact.error": "Last error",
  "fact.free": "Free",
  "fact.name": "Name",
  "fact.pid": "Process",
  "fact.restarts": "Restarts",
  "fact.rss": "Memory",
  "fact.since": "Since",
  "fact.starting": "starting",
  "fact.status": "State",
  "fact.stopped": "stopped",
  "fact.total": "In all",
  "fact.up": "works",
  "fact.worker": "Model",
};
