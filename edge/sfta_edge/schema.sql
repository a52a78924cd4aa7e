-- The knowledge file, schema sfta.knowledge/3. The vec0 table is added by the writer,
-- because its declaration holds the embedder's dimension.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `language` is an ISO 639 code; what is not known of a document is an empty text. `access` names
-- the groups that may read it, separated by commas; none: everybody.
CREATE TABLE documents (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    media_type TEXT NOT NULL,
    language TEXT NOT NULL,
    licence TEXT NOT NULL,
    owner TEXT NOT NULL,
    access TEXT NOT NULL,
    collection TEXT NOT NULL
) STRICT;

-- `lines` is a JSON list of [start, end, x0, y0, x1, y1]: characters of `text`, points.
CREATE TABLE pages (
    document INTEGER NOT NULL REFERENCES documents (number),
    number INTEGER NOT NULL,
    text TEXT NOT NULL,
    width REAL NOT NULL,
    height REAL NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (document, number)
) STRICT, WITHOUT ROWID;

-- A chunk is characters "start" to "end" of one page. A number is never given twice, so that
-- what a reader knows of a chunk stays true until the chunk is gone.
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    document INTEGER NOT NULL REFERENCES documents (number),
    ordinal INTEGER NOT NULL,
    page INTEGER NOT NULL,
    "start" INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    FOREIGN KEY (document, page) REFERENCES pages (document, number)
) STRICT;

CREATE INDEX chunks_of_document ON chunks (document, ordinal);

-- Little-endian float32, normalised: any vector index can be rebuilt from this table.
CREATE TABLE vectors (
    chunk INTEGER PRIMARY KEY REFERENCES chunks (number),
    vector BLOB NOT NULL
) STRICT;

CREATE VIEW chunk_texts AS
SELECT
    chunks.number AS number,
    documents.title AS title,
    chunks.heading AS heading,
    chunks.text AS text
FROM chunks JOIN documents ON documents.number = chunks.document;

CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    title,
    heading,
    text,
    content = 'chunk_texts',
    content_rowid = 'number',
    tokenize = 'porter unicode61 remove_diacritics 2'
);
