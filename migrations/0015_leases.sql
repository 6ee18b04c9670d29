-- Work that one of the processes on this database does at a time: who does it, until when. The token grows with every change of holder
-- and never goes back, so that a holder that was away for a while can be told from the one that took over (store/leases.rs).
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    token BIGINT NOT NULL,
    taken_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
