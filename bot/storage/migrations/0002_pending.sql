-- What was answered with "thinking" and is not yet a job; it goes in the transaction that accepts it, or once its
-- person was told why not. `payload` is the interaction as Discord sent it; its token is struck out when it is too old.
CREATE TABLE pending (
    origin TEXT PRIMARY KEY,
    principal TEXT NOT NULL,
    payload TEXT NOT NULL CHECK (json_valid(payload)),
    tries INTEGER NOT NULL DEFAULT 0,
    at REAL NOT NULL
) STRICT;

-- Messages that somebody wants gone, until Discord says that they are. The token goes when it is too old.
CREATE TABLE removal (
    message INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL,
    token TEXT,
    application INTEGER,
    at REAL NOT NULL
) STRICT;
