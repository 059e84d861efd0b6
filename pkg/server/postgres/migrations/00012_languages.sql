-- +goose Up
-- The language of a user's pages and mails; empty: nobody has said, and it is that of
-- each request.
ALTER TABLE users ADD COLUMN language text NOT NULL DEFAULT '' CONSTRAINT users_language_known CHECK (language IN ('', 'en', 'de'));
