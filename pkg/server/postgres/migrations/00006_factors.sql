-- +goose Up
-- A user's second factor (TOTP, RFC 6238). The secret is sealed with a key that
-- is not in the database.
CREATE TABLE factors (
    user_id      uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret       bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- Null until a code of it was entered: until then it is none.
    confirmed_at timestamptz,
    -- The step of the last code that was taken: none is taken twice.
    used_step    bigint NOT NULL DEFAULT 0
);

-- What opens the account of a user who has lost the factor, each once.
CREATE TABLE recovery_codes (
    user_id   uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_hash_length CHECK (octet_length(code_hash) = 32)
);

-- Logins that wait for a code.
CREATE TABLE pending_logins (
    token_hash bytea PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind       text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pending_logins_kind CHECK (kind IN ('site', 'staff')),
    CONSTRAINT pending_logins_hash_length CHECK (octet_length(token_hash) = 32)
);
CREATE INDEX pending_logins_user_id_idx ON pending_logins (user_id);
CREATE INDEX pending_logins_expires_at_idx ON pending_logins (expires_at);

-- When the user of a session last proved to be who they are; null: at its start.
ALTER TABLE sessions ADD COLUMN proven_at timestamptz;

-- How an identity came to its user: made (the account was made with it), linked,
-- or proven (linked by a user who had proven a second factor).
ALTER TABLE identities ADD COLUMN origin text NOT NULL DEFAULT 'linked';
UPDATE identities i SET origin = 'made' FROM users u WHERE u.id = i.user_id AND u.created_at = i.created_at;
