-- Who asked in which protocol and was served in which, how it ended, and how long it took: sums per hour.

-- What the channel was asked in; '' = none was asked; NULL = the row is older than this column: then its channel was asked in the
-- client's own protocol, unless the row says that it was converted.
ALTER TABLE request_log ADD COLUMN upstream_protocol TEXT;

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
    SELECT ts - ts % 3600000, user_id, protocol, CASE WHEN channel_id IS NOT NULL AND NOT converted THEN protocol ELSE '' END,
        ending, status, count(*)
    FROM request_log GROUP BY 1, 2, 3, 4, 5, 6;

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
INSERT INTO latency_hourly (hour, user_id, measure, up_to_ms, requests)
    SELECT hour, user_id, measure,
            CASE WHEN ms <= 16 THEN ms WHEN ms <= 32 THEN (ms + 1) / 2 * 2 WHEN ms <= 64 THEN (ms + 3) / 4 * 4
            WHEN ms <= 128 THEN (ms + 7) / 8 * 8 WHEN ms <= 256 THEN (ms + 15) / 16 * 16
            WHEN ms <= 512 THEN (ms + 31) / 32 * 32 WHEN ms <= 1024 THEN (ms + 63) / 64 * 64
            WHEN ms <= 2048 THEN (ms + 127) / 128 * 128 WHEN ms <= 4096 THEN (ms + 255) / 256 * 256
            WHEN ms <= 8192 THEN (ms + 511) / 512 * 512 WHEN ms <= 16384 THEN (ms + 1023) / 1024 * 1024
            WHEN ms <= 32768 THEN (ms + 2047) / 2048 * 2048 WHEN ms <= 65536 THEN (ms + 4095) / 4096 * 4096
            WHEN ms <= 131072 THEN (ms + 8191) / 8192 * 8192 WHEN ms <= 262144 THEN (ms + 16383) / 16384 * 16384
            WHEN ms <= 524288 THEN (ms + 32767) / 32768 * 32768 WHEN ms <= 1048576 THEN (ms + 65535) / 65536 * 65536
            WHEN ms <= 2097152 THEN (ms + 131071) / 131072 * 131072
            WHEN ms <= 4194304 THEN (ms + 262143) / 262144 * 262144
            WHEN ms <= 8388608 THEN (ms + 524287) / 524288 * 524288
            WHEN ms <= 16777216 THEN (ms + 1048575) / 1048576 * 1048576
            WHEN ms <= 33554432 THEN (ms + 2097151) / 2097152 * 2097152
            WHEN ms <= 67108864 THEN (ms + 4194303) / 4194304 * 4194304
            WHEN ms <= 134217728 THEN (ms + 8388607) / 8388608 * 8388608
            WHEN ms <= 268435456 THEN (ms + 16777215) / 16777216 * 16777216
            WHEN ms <= 536870912 THEN (ms + 33554431) / 33554432 * 33554432
            WHEN ms <= 1073741824 THEN (ms + 67108863) / 67108864 * 67108864
            WHEN ms <= 2147483648 THEN (ms + 134217727) / 134217728 * 134217728 ELSE ms END, count(*)
    FROM (
        SELECT ts - ts % 3600000 AS hour, user_id, 'duration' AS measure, CASE WHEN duration_ms < 0 THEN 0 ELSE duration_ms END AS ms
        FROM request_log WHERE ending = 'completed'
        UNION ALL
        SELECT ts - ts % 3600000, user_id, 'ttft', CASE WHEN ttft_ms < 0 THEN 0 ELSE ttft_ms END
        FROM request_log WHERE ending = 'completed' AND ttft_ms IS NOT NULL
    ) AS times
    GROUP BY 1, 2, 3, 4;
