-- Names of models that clients asked for and that nobody serves, by the key that asked: what somebody may want to add or to map.
-- Clients make these names up, so booking keeps the table small (store/missing_models.rs).
CREATE TABLE missing_models (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    key_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (provider, model, key_id)
);
CREATE INDEX missing_models_by_user ON missing_models (user_id);

-- Those that an admin does not want to be told of for now.
CREATE TABLE dismissed_models (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    ts BIGINT NOT NULL,
    PRIMARY KEY (provider, model)
);
