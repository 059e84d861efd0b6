-- +goose Up
-- Single-use tokens that travel by mail. Only their hash is kept.
CREATE TABLE mail_tokens (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose    text NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT mail_tokens_purpose CHECK (purpose IN ('verify', 'reset')),
    CONSTRAINT mail_tokens_token_hash_length CHECK (octet_length(token_hash) = 32)
);
CREATE UNIQUE INDEX mail_tokens_token_hash_key ON mail_tokens (token_hash);
CREATE INDEX mail_tokens_user_id_idx ON mail_tokens (user_id);
CREATE INDEX mail_tokens_expires_at_idx ON mail_tokens (expires_at);

-- Who a user is elsewhere. The key is issuer and subject, never the address.
CREATE TABLE identities (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer        text NOT NULL,
    subject       text NOT NULL,
    email         text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz,
    CONSTRAINT identities_subject_length CHECK (char_length(subject) BETWEEN 1 AND 255)
);
CREATE UNIQUE INDEX identities_issuer_subject_key ON identities (issuer, subject);
CREATE INDEX identities_user_id_idx ON identities (user_id);
