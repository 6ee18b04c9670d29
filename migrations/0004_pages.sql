-- Lists and figures of a month over millions of requests: indexes that answer without the rows, sums that are few.

DROP INDEX request_log_by_time;
DROP INDEX request_log_by_user;
DROP INDEX request_log_by_key;
DROP INDEX request_log_by_model;
DROP INDEX request_log_by_channel;
DROP INDEX request_log_by_ending;
-- Holds what lists are filtered and sorted by, so that rows of a range are counted and sorted without being read.
CREATE INDEX request_log_by_time ON request_log (ts, id, ending, duration_ms, ttft_ms, cost_nanos, tokens_in, tokens_out);
CREATE INDEX request_log_by_user ON request_log (user_id, ts, id, ending, key_id, model, channel_id);
CREATE INDEX request_log_by_key ON request_log (key_id, ts, id, ending);
CREATE INDEX request_log_by_channel ON request_log (channel_id, ts, id, ending, key_id, model);
CREATE INDEX request_log_by_model ON request_log (model, ts, id, ending, key_id);
CREATE INDEX request_log_by_request_id ON request_log (request_id);
-- Nearly all rows are completed, and found by time as well.
CREATE INDEX request_log_by_failure ON request_log (ending, ts, id, key_id, model) WHERE ending <> 'completed';

-- By which texts in lower case requests of a key are found: the key's names, its visible start, its owner's names.
CREATE TABLE log_key_names (
    name TEXT NOT NULL,
    key_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    PRIMARY KEY (name, key_id)
);
INSERT INTO log_key_names (name, key_id, user_id)
    SELECT name, key_id, min(user_id) FROM (
        SELECT lower(key_name) AS name, key_id, user_id FROM request_log
        UNION ALL SELECT lower(key_prefix), key_id, user_id FROM request_log
        UNION ALL SELECT lower(username), key_id, user_id FROM request_log
    ) AS names GROUP BY name, key_id;

-- Every model that was asked for, and the same in lower case.
CREATE TABLE log_models (
    model TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);
INSERT INTO log_models (model, name) SELECT model, lower(model) FROM request_log GROUP BY model;

-- Sums of each user and quarter of an hour, so that days begin where they do in every time zone; user_id 0 = everybody.
CREATE TABLE usage_totals (
    user_id BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    successes BIGINT NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_creation_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, slot)
);
-- Out of the log where it has the whole hour; older hours count as their first quarter.
INSERT INTO usage_totals
    SELECT user_id, slot, sum(requests), sum(successes), sum(tokens_in), sum(tokens_out), sum(cache_read_tokens),
        sum(cache_creation_tokens), sum(cost_nanos), sum(duration_ms)
    FROM (
        SELECT user_id, hour AS slot, requests, successes, tokens_in, tokens_out, cache_read_tokens,
            cache_creation_tokens, cost_nanos, duration_ms FROM usage_hourly
        WHERE hour < (SELECT coalesce(min(ts) - min(ts) % 3600000 + 3600000, 9007199254740991) FROM request_log)
        UNION ALL
        SELECT user_id, ts - ts % 900000, 1, CASE WHEN ending = 'completed' AND status < 400 THEN 1 ELSE 0 END, tokens_in, tokens_out,
            cache_read_tokens, cache_creation_5m_tokens + cache_creation_1h_tokens, cost_nanos, duration_ms FROM request_log
        WHERE ts >= (SELECT min(ts) - min(ts) % 3600000 + 3600000 FROM request_log)
    ) AS slots
    GROUP BY user_id, slot;
INSERT INTO usage_totals
    SELECT 0, slot, sum(requests), sum(successes), sum(tokens_in), sum(tokens_out), sum(cache_read_tokens),
        sum(cache_creation_tokens), sum(cost_nanos), sum(duration_ms)
    FROM usage_totals GROUP BY slot;

-- Sums of each day (UTC) by one thing at a time, of everybody (user_id 0) and of each user: `place` is the id of a user, a key or
-- a channel (0 = none answered), and 0 for models.
CREATE TABLE usage_daily (
    part TEXT NOT NULL CHECK (part IN ('user', 'key', 'channel', 'model')),
    user_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    place BIGINT NOT NULL,
    model TEXT NOT NULL,
    requests BIGINT NOT NULL,
    successes BIGINT NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_creation_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    PRIMARY KEY (part, user_id, day, place, model)
);
INSERT INTO usage_daily
    SELECT part, user_id, hour - hour % 86400000, place, model, sum(requests), sum(successes), sum(tokens_in), sum(tokens_out), sum(cache_read_tokens),
        sum(cache_creation_tokens), sum(cost_nanos), sum(duration_ms)
    FROM (
        SELECT 'user' AS part, 0 AS user_id, user_id AS place, '' AS model, hour, requests, successes, tokens_in, tokens_out, cache_read_tokens,
            cache_creation_tokens, cost_nanos, duration_ms FROM usage_hourly
        UNION ALL
        SELECT 'key', 0, key_id, '', hour, requests, successes, tokens_in, tokens_out, cache_read_tokens,
            cache_creation_tokens, cost_nanos, duration_ms FROM usage_hourly
        UNION ALL
        SELECT 'channel', 0, channel_id, '', hour, requests, successes, tokens_in, tokens_out, cache_read_tokens,
            cache_creation_tokens, cost_nanos, duration_ms FROM usage_hourly
        UNION ALL
        SELECT 'model', 0, 0, model, hour, requests, successes, tokens_in, tokens_out, cache_read_tokens,
            cache_creation_tokens, cost_nanos, duration_ms FROM usage_hourly
        UNION ALL
        SELECT 'key', user_id, key_id, '', hour, requests, successes, tokens_in, tokens_out, cache_read_tokens,
            cache_creation_tokens, cost_nanos, duration_ms FROM usage_hourly
        UNION ALL
        SELECT 'channel', user_id, channel_id, '', hour, requests, successes, tokens_in, tokens_out, cache_read_tokens,
            cache_creation_tokens, cost_nanos, duration_ms FROM usage_hourly
        UNION ALL
        SELECT 'model', user_id, 0, model, hour, requests, successes, tokens_in, tokens_out, cache_read_tokens,
            cache_creation_tokens, cost_nanos, duration_ms FROM usage_hourly
    ) AS parts
    GROUP BY part, user_id, hour - hour % 86400000, place, model;

-- A user's rows in order of time, without sorting them.
CREATE INDEX ledger_by_user_and_time ON ledger (user_id, ts, id);

-- As before, with everybody's sums as user 0, and ordered so that one user's hours lie together.
ALTER TABLE traffic_hourly RENAME TO traffic_of_users;
DROP INDEX traffic_hourly_by_user;
CREATE TABLE traffic_hourly (
    user_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    protocol TEXT NOT NULL,
    upstream_protocol TEXT NOT NULL,
    ending TEXT NOT NULL,
    status BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (user_id, hour, protocol, upstream_protocol, ending, status)
);
INSERT INTO traffic_hourly (user_id, hour, protocol, upstream_protocol, ending, status, requests)
    SELECT user_id, hour, protocol, upstream_protocol, ending, status, requests FROM traffic_of_users
    UNION ALL
    SELECT 0, hour, protocol, upstream_protocol, ending, status, sum(requests) FROM traffic_of_users
    GROUP BY hour, protocol, upstream_protocol, ending, status;
DROP TABLE traffic_of_users;

-- Times taken of everybody by the hour, and of everybody (user_id 0) and each user by the day (UTC): a user's hour has nearly as
-- many steps as requests.
ALTER TABLE latency_hourly RENAME TO latency_of_users;
DROP INDEX latency_hourly_by_user;
CREATE TABLE latency_hourly (
    hour BIGINT NOT NULL,
    measure TEXT NOT NULL CHECK (measure IN ('duration', 'ttft')),
    up_to_ms BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (hour, measure, up_to_ms)
);
INSERT INTO latency_hourly (hour, measure, up_to_ms, requests)
    SELECT hour, measure, up_to_ms, sum(requests) FROM latency_of_users GROUP BY hour, measure, up_to_ms;
CREATE TABLE latency_daily (
    user_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    measure TEXT NOT NULL CHECK (measure IN ('duration', 'ttft')),
    up_to_ms BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (user_id, day, measure, up_to_ms)
);
INSERT INTO latency_daily (user_id, day, measure, up_to_ms, requests)
    SELECT user_id, hour - hour % 86400000, measure, up_to_ms, sum(requests) FROM latency_of_users
    GROUP BY user_id, hour - hour % 86400000, measure, up_to_ms;
INSERT INTO latency_daily (user_id, day, measure, up_to_ms, requests)
    SELECT 0, day, measure, up_to_ms, sum(requests) FROM latency_daily GROUP BY day, measure, up_to_ms;
DROP TABLE latency_of_users;
