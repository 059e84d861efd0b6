-- +goose Up
-- What was sent to a mailbox. It is kept here, not in Redis, because it must
-- outlive a restart: mails are somebody else's to bear.
CREATE TABLE mailboxes (
    -- A hash of the address, the same for all spellings that reach the mailbox.
    bucket   text PRIMARY KEY,
    -- How full the mailbox is, and when it was so: it empties with time.
    level    double precision NOT NULL,
    at       timestamptz NOT NULL,
    -- How many of each letter were left out since the last one that was sent.
    left_out jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT mailboxes_level CHECK (level >= 0)
);
CREATE INDEX mailboxes_at_idx ON mailboxes (at);
