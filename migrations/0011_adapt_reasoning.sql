-- Whether Chat bodies for reasoning models are adapted to what those take; on for the channels there are.
ALTER TABLE channels ADD COLUMN adapt_reasoning BOOLEAN NOT NULL DEFAULT TRUE;
