-- Messages whose request is forgotten or was too old to keep: what their Delete needs. `author` is a keyed hash.
CREATE TABLE left_behind (
    job TEXT PRIMARY KEY,
    channel INTEGER NOT NULL,
    message INTEGER NOT NULL,
    author TEXT NOT NULL
) STRICT;
