-- Who asked in which protocol and was served in which, how it ended, and how long it took: sums per hour.

-- What the channel was asked in; empty = no channel was asked, or it was converted before this column was there.
ALTER TABLE request_log ADD COLUMN upstream_protocol TEXT;
UPDATE request_log SET upstream_protocol = protocol WHERE channel_id IS NOT NULL AND NOT converted;

-- upstream_protocol '' = none was asked.
CREATE TABLE traffic_hourly (
    hour BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    protocol TEXT NOT NULL,
    upstream_protocol TEXT NOT NULL,
    ending TEXT NOT NULL,
    status BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (hour, user_id, protocol, upstream_protocol, ending, status)
);
CREATE INDEX traffic_hourly_by_user ON traffic_hourly (user_id, hour);
INSERT INTO traffic_hourly (hour, user_id, protocol, upstream_protocol, ending, status, requests)
    SELECT ts - ts % 3600000, user_id, protocol, coalesce(upstream_protocol, ''), ending, status, count(*)
    FROM request_log GROUP BY ts - ts % 3600000, user_id, protocol, coalesce(upstream_protocol, ''), ending, status;

-- Completed requests by how long they took and by when a stream began, each step at most an eighth wide.
CREATE TABLE latency_hourly (
    hour BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    measure TEXT NOT NULL CHECK (measure IN ('duration', 'ttft')),
    up_to_ms BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (hour, user_id, measure, up_to_ms)
);
CREATE INDEX latency_hourly_by_user ON latency_hourly (user_id, hour);
