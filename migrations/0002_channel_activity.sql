-- What channels did in each half hour: every attempt, also those after which another channel answered.
CREATE TABLE channel_activity (
    slot BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    throttled BIGINT NOT NULL,
    PRIMARY KEY (slot, channel_id)
);
