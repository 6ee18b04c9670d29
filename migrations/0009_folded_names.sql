-- Names and addresses as they are compared: folded by Unicode, not by what a database takes for lower case. What was there before
-- is filled in by the process that migrates, since SQLite folds ASCII alone.
ALTER TABLE users ADD COLUMN folded_name TEXT;
ALTER TABLE users ADD COLUMN folded_email TEXT;
CREATE UNIQUE INDEX users_by_folded_name ON users (folded_name);
CREATE UNIQUE INDEX users_by_folded_email ON users (folded_email);

-- What an account's name looks like: no two new names look alike. Old ones may, so this is no unique index.
CREATE TABLE user_looks (
    look TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (look, user_id)
);
CREATE INDEX user_looks_by_user ON user_looks (user_id);
