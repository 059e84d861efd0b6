-- +goose NO TRANSACTION
-- What a member of staff may do. An admin is who is_staff says: all staff of the
-- release before this one are, and that release, after a rollback, lets in nobody
-- else. limited_role is viewer or support for the others, and anything else is no
-- role. It has no constraint: one would keep that release from a database that it
-- has not seen.
-- +goose Up
ALTER TABLE users ADD COLUMN IF NOT EXISTS limited_role text NOT NULL DEFAULT '';
DROP INDEX CONCURRENTLY IF EXISTS users_role_idx;
CREATE INDEX CONCURRENTLY users_role_idx ON users
    ((CASE WHEN is_staff THEN 'admin' WHEN limited_role IN ('viewer', 'support') THEN limited_role ELSE '' END), created_at, id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_at_id_idx;
CREATE INDEX CONCURRENTLY audit_events_at_id_idx ON audit_events (at, id);
DROP INDEX CONCURRENTLY IF EXISTS river_job_created_at_idx;
CREATE INDEX CONCURRENTLY river_job_created_at_idx ON river_job (created_at, id);
