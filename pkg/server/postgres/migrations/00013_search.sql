-- +goose NO TRANSACTION
-- Indexes for what the search of the staff's lists looks in, made beside the traffic:
-- parts of names and addresses of users, whole values of the rest. pg_trgm comes with
-- PostgreSQL, and the owner of a database may add it.
-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
DROP INDEX CONCURRENTLY IF EXISTS users_search_idx;
CREATE INDEX CONCURRENTLY users_search_idx ON users USING gin (email public.gin_trgm_ops, display_name public.gin_trgm_ops);
DROP INDEX CONCURRENTLY IF EXISTS identities_subject_idx;
CREATE INDEX CONCURRENTLY identities_subject_idx ON identities (subject);
DROP INDEX CONCURRENTLY IF EXISTS identities_email_idx;
CREATE INDEX CONCURRENTLY identities_email_idx ON identities (email);
DROP INDEX CONCURRENTLY IF EXISTS sessions_ip_idx;
CREATE INDEX CONCURRENTLY sessions_ip_idx ON sessions (ip);
DROP INDEX CONCURRENTLY IF EXISTS sessions_expires_at_id_idx;
CREATE INDEX CONCURRENTLY sessions_expires_at_id_idx ON sessions (expires_at, id);
