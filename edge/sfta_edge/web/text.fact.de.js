// Deutsch: Angaben zum Gerät.

export default {
  "fact.added": "Hier hinzugefügt",
  "fact.chunks": "Textstellen",
  "fact.counter": "Version",
  "fact.digest": "Fingerabdruck",
  "fact.documents": "Dokumente",
  "fact.down": "gestört",
  "fact.error": "Letzter Fehler",
  "fact.free": "Frei",
  "fact.name": "Name",
  "fact.pid": "Prozess",
  "fact.restarts": "Neustarts",
  "fact.rss": "Speicher",
  "fact.since": "Seit",
  "fact.starting": "startet",
  "fact.status": "Zustand",
  "fact.stopped": "angehalten",
  "fact.total": "Insgesamt",
  "fact.up": "arbeitet",
  "fact.worker": "Modell",
};
