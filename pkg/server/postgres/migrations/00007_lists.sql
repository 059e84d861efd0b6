-- +goose NO TRANSACTION
-- Indexes for each sort and filter of the staff's lists, made beside the traffic.
-- One that was cut off is left invalid, so each is dropped before it is made.
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS users_created_at_id_idx;
CREATE INDEX CONCURRENTLY users_created_at_id_idx ON users (created_at, id);
DROP INDEX CONCURRENTLY IF EXISTS users_verified_idx;
CREATE INDEX CONCURRENTLY users_verified_idx ON users (coalesce(email_verified_at, '-infinity'::timestamptz), id);
DROP INDEX CONCURRENTLY IF EXISTS users_disabled_idx;
CREATE INDEX CONCURRENTLY users_disabled_idx ON users (coalesce(disabled_at, '-infinity'::timestamptz), id);
DROP INDEX CONCURRENTLY IF EXISTS users_staff_idx;
CREATE INDEX CONCURRENTLY users_staff_idx ON users (created_at, id) WHERE is_staff;
DROP INDEX CONCURRENTLY IF EXISTS users_unverified_idx;
CREATE INDEX CONCURRENTLY users_unverified_idx ON users (created_at, id) WHERE email_verified_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS users_shut_idx;
CREATE INDEX CONCURRENTLY users_shut_idx ON users (created_at, id) WHERE disabled_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS sessions_created_at_idx;
CREATE INDEX CONCURRENTLY sessions_created_at_idx ON sessions (created_at, id);
DROP INDEX CONCURRENTLY IF EXISTS sessions_seen_at_idx;
CREATE INDEX CONCURRENTLY sessions_seen_at_idx ON sessions (seen_at, id);
DROP INDEX CONCURRENTLY IF EXISTS sessions_kind_seen_at_idx;
CREATE INDEX CONCURRENTLY sessions_kind_seen_at_idx ON sessions (kind, seen_at, id);
DROP INDEX CONCURRENTLY IF EXISTS identities_created_at_idx;
CREATE INDEX CONCURRENTLY identities_created_at_idx ON identities (created_at, id);
DROP INDEX CONCURRENTLY IF EXISTS identities_last_login_idx;
CREATE INDEX CONCURRENTLY identities_last_login_idx ON identities (coalesce(last_login_at, '-infinity'::timestamptz), id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_actor_idx;
CREATE INDEX CONCURRENTLY audit_events_actor_idx ON audit_events (actor_id, id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_action_idx;
CREATE INDEX CONCURRENTLY audit_events_action_idx ON audit_events (action, id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_subject_kind_idx;
CREATE INDEX CONCURRENTLY audit_events_subject_kind_idx ON audit_events (subject_kind, id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_subject_idx;
CREATE INDEX CONCURRENTLY audit_events_subject_idx ON audit_events (subject_id, id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_refused_idx;
CREATE INDEX CONCURRENTLY audit_events_refused_idx ON audit_events (id) WHERE result = 'refused';
DROP INDEX CONCURRENTLY IF EXISTS audit_events_ip_idx;
CREATE INDEX CONCURRENTLY audit_events_ip_idx ON audit_events (ip, id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_request_idx;
CREATE INDEX CONCURRENTLY audit_events_request_idx ON audit_events (request_id);
