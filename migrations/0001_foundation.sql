-- One text for SQLite and PostgreSQL: BIGINT, TEXT, BOOLEAN only; ids come from the application;
-- times are epoch milliseconds (UTC), money is nano-dollars, lists and records are JSON in TEXT.

CREATE TABLE users (
    id BIGINT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    display_name TEXT,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'admin', 'super_admin')),
    status TEXT NOT NULL CHECK (status IN ('active', 'pending', 'disabled')),
    quota_nanos BIGINT NOT NULL DEFAULT 0,
    used_nanos BIGINT NOT NULL DEFAULT 0,
    rate_limit_rpm BIGINT,
    rate_limit_tpm BIGINT,
    max_concurrency BIGINT,
    language TEXT,
    theme TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_login_at BIGINT,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX users_by_username ON users (lower(username));
CREATE UNIQUE INDEX users_by_email ON users (lower(email));
CREATE INDEX users_by_creation ON users (created_at);
CREATE INDEX users_by_role ON users (role, status);

CREATE TABLE sessions (
    id BIGINT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    client_ip TEXT,
    user_agent TEXT
);
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE admin_tokens (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX admin_tokens_by_user ON admin_tokens (user_id, created_at);

CREATE TABLE channels (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('claude', 'openai')),
    openai_protocol TEXT NOT NULL DEFAULT 'auto' CHECK (openai_protocol IN ('auto', 'chat_completions', 'responses')),
    base_url TEXT NOT NULL,
    api_key_sealed TEXT NOT NULL,
    api_key_last4 TEXT NOT NULL,
    models TEXT NOT NULL,
    priority BIGINT NOT NULL DEFAULT 0,
    weight BIGINT NOT NULL DEFAULT 1,
    max_concurrency BIGINT,
    test_model TEXT,
    monitor_interval_ms BIGINT,
    headers_sealed TEXT NOT NULL,
    header_names TEXT NOT NULL,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX channels_by_name ON channels (lower(name));
CREATE INDEX channels_by_creation ON channels (created_at);

CREATE TABLE channel_tests (
    id BIGINT NOT NULL PRIMARY KEY,
    channel_id BIGINT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    ts BIGINT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('manual', 'probe')),
    model TEXT,
    reachable BOOLEAN NOT NULL,
    latency_ms BIGINT,
    status BIGINT,
    error TEXT
);
CREATE INDEX channel_tests_by_channel ON channel_tests (channel_id, ts);
CREATE INDEX channel_tests_by_time ON channel_tests (ts);

CREATE TABLE api_keys (
    id BIGINT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    disabled_by_admin BOOLEAN NOT NULL DEFAULT FALSE,
    daily_tokens BIGINT NOT NULL DEFAULT 0,
    budget_nanos BIGINT,
    expires_at BIGINT,
    models TEXT NOT NULL,
    allowed_ips TEXT NOT NULL,
    channel_scope TEXT NOT NULL DEFAULT 'all' CHECK (channel_scope IN ('all', 'claude', 'openai')),
    channel_id BIGINT REFERENCES channels (id) ON DELETE RESTRICT,
    rate_limit_rpm BIGINT,
    rate_limit_tpm BIGINT,
    max_concurrency BIGINT,
    -- An admin's limits beside the owner's: the tighter counts.
    admin_daily_tokens BIGINT NOT NULL DEFAULT 0,
    admin_budget_nanos BIGINT,
    admin_expires_at BIGINT,
    admin_models TEXT NOT NULL DEFAULT '[]',
    admin_allowed_ips TEXT NOT NULL DEFAULT '[]',
    admin_rate_limit_rpm BIGINT,
    admin_rate_limit_tpm BIGINT,
    admin_max_concurrency BIGINT,
    used_nanos BIGINT NOT NULL DEFAULT 0,
    used_requests BIGINT NOT NULL DEFAULT 0,
    day_start BIGINT NOT NULL DEFAULT 0,
    day_tokens BIGINT NOT NULL DEFAULT 0,
    last_used_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at);
CREATE INDEX api_keys_by_creation ON api_keys (created_at);
CREATE INDEX api_keys_by_channel ON api_keys (channel_id);

CREATE TABLE catalogue_models (
    id BIGINT NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL CHECK (provider IN ('claude', 'openai')),
    model TEXT NOT NULL,
    display_name TEXT NOT NULL,
    visible BOOLEAN NOT NULL DEFAULT TRUE,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (provider, model)
);

CREATE TABLE model_mappings (
    id BIGINT NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL CHECK (provider IN ('claude', 'openai')),
    target_provider TEXT NOT NULL CHECK (target_provider IN ('claude', 'openai')),
    upstream_model TEXT NOT NULL,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX model_mappings_by_creation ON model_mappings (created_at);

CREATE TABLE model_mapping_inbounds (
    mapping_id BIGINT NOT NULL REFERENCES model_mappings (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    PRIMARY KEY (mapping_id, model)
);

CREATE TABLE model_mapping_channels (
    mapping_id BIGINT NOT NULL REFERENCES model_mappings (id) ON DELETE CASCADE,
    channel_id BIGINT NOT NULL REFERENCES channels (id) ON DELETE RESTRICT,
    PRIMARY KEY (mapping_id, channel_id)
);
CREATE INDEX model_mapping_channels_by_channel ON model_mapping_channels (channel_id);

CREATE TABLE model_prices (
    id BIGINT NOT NULL PRIMARY KEY,
    provider TEXT CHECK (provider IN ('claude', 'openai')),
    channel_id BIGINT REFERENCES channels (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    input_price BIGINT NOT NULL,
    output_price BIGINT NOT NULL,
    cache_read_price BIGINT NOT NULL,
    cache_creation_price BIGINT NOT NULL,
    cache_creation_1h_price BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK ((provider IS NULL) <> (channel_id IS NULL))
);
CREATE UNIQUE INDEX model_prices_by_scope ON model_prices (coalesce(provider, ''), coalesce(channel_id, 0), model);
CREATE INDEX model_prices_by_channel ON model_prices (channel_id);

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- What changed, for every process that caches it; polled every 500 ms, pruned after an hour.
CREATE TABLE changes (
    id BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('catalogue', 'user')),
    subject BIGINT NOT NULL
);

-- History: names are copies, so rows outlive what they name.
CREATE TABLE request_log (
    id BIGINT NOT NULL PRIMARY KEY,
    request_id TEXT NOT NULL,
    client_request_id TEXT,
    ts BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    username TEXT NOT NULL,
    key_id BIGINT NOT NULL,
    key_name TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    protocol TEXT NOT NULL,
    model TEXT NOT NULL,
    upstream_model TEXT,
    channel_id BIGINT,
    channel_name TEXT,
    status BIGINT NOT NULL,
    ending TEXT NOT NULL,
    stream BOOLEAN NOT NULL,
    converted BOOLEAN NOT NULL,
    ttft_ms BIGINT,
    duration_ms BIGINT NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_creation_5m_tokens BIGINT NOT NULL,
    cache_creation_1h_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    estimated BOOLEAN NOT NULL,
    unpriced BOOLEAN NOT NULL,
    cost_nanos BIGINT NOT NULL,
    error TEXT,
    tariff TEXT,
    timings TEXT NOT NULL,
    attempts TEXT NOT NULL,
    client_ip TEXT,
    details TEXT
);
CREATE INDEX request_log_by_time ON request_log (ts, id);
CREATE INDEX request_log_by_user ON request_log (user_id, ts, id);
CREATE INDEX request_log_by_key ON request_log (key_id, ts, id);
CREATE INDEX request_log_by_channel ON request_log (channel_id, ts, id);
CREATE INDEX request_log_by_model ON request_log (model, ts, id);
-- Nearly all rows are completed, and found by time as well.
CREATE INDEX request_log_by_ending ON request_log (ending, ts, id) WHERE ending <> 'completed';

-- Sums per hour; channel_id 0 = none answered.
CREATE TABLE usage_hourly (
    hour BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    key_id BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    model TEXT NOT NULL,
    requests BIGINT NOT NULL,
    successes BIGINT NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_creation_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    PRIMARY KEY (hour, user_id, key_id, channel_id, model)
);
CREATE INDEX usage_hourly_by_user ON usage_hourly (user_id, hour);
CREATE INDEX usage_hourly_by_key ON usage_hourly (key_id, hour);

CREATE TABLE gift_cards (
    id BIGINT NOT NULL PRIMARY KEY,
    batch_id BIGINT NOT NULL,
    code_hash TEXT NOT NULL UNIQUE,
    code_last4 TEXT NOT NULL,
    amount_nanos BIGINT NOT NULL CHECK (amount_nanos > 0),
    created_by BIGINT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    redeemed_by BIGINT REFERENCES users (id),
    redeemed_at BIGINT
);
CREATE INDEX gift_cards_by_creation ON gift_cards (created_at, id);
CREATE INDEX gift_cards_by_batch ON gift_cards (batch_id);
CREATE INDEX gift_cards_by_redeemer ON gift_cards (redeemed_by);

-- Append-only. The sum of a user's rows is quota_nanos - used_nanos.
CREATE TABLE ledger (
    id BIGINT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    ts BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('usage', 'card', 'adjustment', 'refund')),
    amount_nanos BIGINT NOT NULL,
    balance_nanos BIGINT NOT NULL,
    receipt_id BIGINT UNIQUE,
    gift_card_id BIGINT REFERENCES gift_cards (id),
    actor_id BIGINT,
    reason TEXT
);
CREATE UNIQUE INDEX ledger_by_card ON ledger (gift_card_id) WHERE gift_card_id IS NOT NULL;
CREATE INDEX ledger_by_user ON ledger (user_id, id);
CREATE INDEX ledger_by_time ON ledger (ts);

CREATE TABLE audit (
    id BIGINT NOT NULL PRIMARY KEY,
    ts BIGINT NOT NULL,
    actor_id BIGINT,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id BIGINT,
    before_json TEXT,
    after_json TEXT,
    client_ip TEXT
);
CREATE INDEX audit_by_time ON audit (ts, id);
CREATE INDEX audit_by_actor ON audit (actor_id, ts);
CREATE INDEX audit_by_subject ON audit (subject_kind, subject_id, ts);
