"""A device with something secret in every place where there is something, and where it might be."""

import base64
import json
from urllib.parse import quote, quote_plus

from account_world import opened
from audit_logs import ANSWER, open_log
from handed_in_files import PassageWords
from opened_libraries import LIMITS, finish, hand_in
from sfta_edge.accounts.accounts import CONSOLE
from sfta_edge.caller import Caller
from sfta_edge.history import History
from sfta_edge.installation import install
from sfta_edge.library.job import Place
from sfta_edge.library.library import Library
from sfta_edge.seal import seal
from sfta_edge.slots import rollback
from signed_bundles import KEY, PUBLIC, facts

USER, GROUP, TOKEN_NAME = "Rosalinde Gruenspan", "kuppelhalle", "drucker neunzehn"
PASSWORD = "Zwiebelfisch!unter#Dampf"
QUESTION = "Warum hat Gruenspan den Kessel Obsidian verschwiegen?"
ANSWERED = "Weil der Pruefbericht Malachit gefaelscht war."
TITLE, DOCUMENT = "Geheimvertrag Obsidian", "Geheimvertrag Obsidian.md"
TEXT = "Die Abfindung betraegt siebzehntausend Dukaten."
BUNDLED = "Personalakte Turmalin.pdf"
HOST, ADDRESS, ADDRESS_6, MAC = (
    "werkbank-smaragd",
    "10.77.13.212",
    "fd12:3456:789a::7",
    "02:42:ac:11:9f:ee",
)
MAIL, TELEPHONE, HOME = "r.gruenspan@smaragd.test", "0170 4455 6677", "/srv/rosalinde/Kessel"
VARIABLE = "umgebung-topas-8841"
SETTING = "einstellung-beryll-5512"
SAID = (
    USER, GROUP, TOKEN_NAME, PASSWORD, QUESTION, ANSWERED, TITLE, DOCUMENT, TEXT, BUNDLED, HOST,
    ADDRESS, ADDRESS_6, MAC, MAIL, TELEPHONE, HOME, VARIABLE, SETTING,
)  # fmt: skip
"""All that somebody may have typed, said or written down."""


class Planted:
    """An installation full of secrets."""

    def __init__(self, folder):
        self.folder, self.root = folder, folder / "root"
        self.data = self.root / "data"
        self.secrets = set(SAID)
        self._install()
        self._people()
        self._documents()
        self._questions()
        self._others()

    def _install(self):
        for counter in (1, 2):
            bundle = self.folder / str(counter)
            for name in ("model/m.gguf", "prompt.json", f"documents/{BUNDLED}"):
                (bundle / name).parent.mkdir(parents=True, exist_ok=True)
                (bundle / name).write_text(f"{TEXT} {counter}")
            told = facts(counter, made_on=HOST, note=QUESTION, answer={"top_k": 3})
            seal(bundle, told, KEY)
            install(bundle, self.root, PUBLIC)
        rollback(self.root, everything("the worker is down"))

    def _people(self):
        with opened(self.root) as accounts:
            accounts.add_user(CONSOLE, USER, PASSWORD, "admin", [GROUP])
            _, text = accounts.add_token(CONSOLE, TOKEN_NAME, "editor", [GROUP], 30)
            cookie = accounts.login(USER, PASSWORD, ADDRESS).cookie
            stored = accounts._store.rows
            hashes = stored("SELECT hash FROM users") + stored("SELECT hash FROM tokens")
            self.secrets |= {text, cookie, *(value for (value,) in hashes)}

    def _documents(self):
        with Library(self.data, PassageWords(), store_limits=LIMITS) as library:
            raw = f"# {TITLE}\n\n{TEXT}\n".encode()
            hand_in(library, raw, DOCUMENT, access=GROUP, owner=USER)
            finish(library)
            jobs = library._jobs
            job, _ = jobs.add(BUNDLED, "ab" * 32, 7, Place(TITLE, GROUP), USER, "turmalin-akte")
            jobs.change(job.id, error=everything("it cannot be read"), media_type=f"x/{HOST}")
        self.secrets |= {"ab" * 32, "turmalin-akte"}

    def _questions(self):
        with History(self.data / "history.sqlite") as history:
            history.add(Caller(USER), QUESTION, {"answer": ANSWERED, "citations": []})
        told = {"user": USER, "question": QUESTION, "answer": ANSWERED, "device": HOST}
        with open_log(self.root) as audit:
            audit.append("answer", {**ANSWER, **told, "citations": [{"quote": TEXT}]})
        self.secrets |= {(self.data / "keys/audit.pem").read_text().splitlines()[1]}

    def _others(self):
        (self.data / "settings.json").write_text(json.dumps({"secret": SETTING, "host": HOST}))
        (self.data / "cache").mkdir(exist_ok=True)
        (self.data / "cache" / f"{VARIABLE}.bin").write_text(TEXT)
        (self.data / TITLE).mkdir()
        (self.data / TITLE / "notes.txt").write_text(everything("notes"))
        (self.data / f"{GROUP}.sqlite").write_text(everything("no database"))
        self.log, self.metrics = self.folder / "device.log", self.folder / "metrics.txt"
        lines = [
            f"WARNING sfta_edge: the worker is down. {each}" for each in sorted(self.secrets)
        ]
        encoded = [f"INFO x: {way}" for each in sorted(self.secrets) for way in ways(each)]
        self.log.write_text("\n".join([everything("Traceback"), *lines, *encoded]))
        self.metrics.write_text(
            f'sfta_questions_total{{outcome="answered",user="{USER}"}} 7\n'
            f'sfta_info{{bundle="{TITLE}",host="{HOST}"}} 1\n'
        )


def everything(text):
    """A message that tells it all."""
    return f"{text}: {'; '.join(SAID)}. {' '.join(f'{each!r}' for each in SAID)}"


def ways(secret):
    """A value as text, and as it is spelled when it goes through something."""
    raw = secret.encode()
    yield secret
    yield raw.hex()
    for padding in range(3):
        encoded = base64.b64encode(b" " * padding + raw).decode()
        # The first and the last digits depend on what stands beside it.
        yield encoded[4:-4] if padding else encoded[:-4]
        yield base64.urlsafe_b64encode(b" " * padding + raw).decode()[4:-4]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield secret[::-1]
