-- Figures that add up: the ledger in the order of booking, refusals without a row counted, every channel that was asked.

-- A user's rows in the order of booking, with what is filtered by; sums of a time without reading the rows.
DROP INDEX ledger_by_user;
DROP INDEX ledger_by_user_and_time;
CREATE INDEX ledger_by_user ON ledger (user_id, id, ts, kind);
CREATE INDEX ledger_by_user_and_time ON ledger (user_id, ts, id);

-- What went wrong as a word, and what the word is about; NULL = nothing, or the row is older than these columns.
ALTER TABLE request_log ADD COLUMN cause TEXT;
ALTER TABLE request_log ADD COLUMN cause_about TEXT;
CREATE INDEX request_log_by_cause ON request_log (cause, ts, id) WHERE cause IS NOT NULL;
-- The client's own id.
CREATE INDEX request_log_by_client_id ON request_log (client_request_id) WHERE client_request_id IS NOT NULL;

-- Requests that cost nothing and got no row of their own, counted by key, minute and reason. `ts` is the arrival of the first of
-- them, `id` what its row would have had. What is counted on is written over it, so that reading a journal twice counts once.
CREATE TABLE refusals (
    id BIGINT NOT NULL PRIMARY KEY,
    ts BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    key_id BIGINT NOT NULL,
    protocol TEXT NOT NULL,
    model TEXT NOT NULL,
    status BIGINT NOT NULL,
    ending TEXT NOT NULL,
    cause TEXT,
    stream BOOLEAN NOT NULL,
    requests BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL
);
CREATE INDEX refusals_by_time ON refusals (ts);
CREATE INDEX refusals_by_user ON refusals (user_id, ts);
CREATE INDEX refusals_by_key ON refusals (key_id, ts);
CREATE INDEX refusals_by_model ON refusals (model, ts);

-- Channels that were asked without being the one that the request's row names.
CREATE TABLE request_log_asked (
    channel_id BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    log_id BIGINT NOT NULL,
    PRIMARY KEY (channel_id, ts, log_id)
);
CREATE INDEX request_log_asked_by_time ON request_log_asked (ts);
-- Rows with one attempt by the channel they name, nearly all, are not looked at. Quotes inside the JSON's texts are escaped, so
-- nothing in them looks like the start of an attempt.
INSERT INTO request_log_asked (channel_id, ts, log_id)
    SELECT c.id, l.ts, l.id FROM request_log l JOIN channels c ON l.attempts LIKE '%{"channelId":' || c.id || ',%'
    WHERE (l.attempts LIKE '%},{"channelId":%' OR l.channel_id IS NULL AND l.attempts <> '[]')
        AND (l.channel_id IS NULL OR l.channel_id <> c.id);
