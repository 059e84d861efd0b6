-- +goose Up
-- What the worker removes, and may not remove by itself: its database role has no
-- right to delete events and users. Each function runs as the owner, with names that
-- no search path changes, and removes at most so many rows.

-- The trigger of the table refuses to remove events that are younger than a year.
-- +goose StatementBegin
CREATE FUNCTION sweep_audit_events(older_than timestamptz, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.audit_events WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM public.audit_events WHERE at < older_than LIMIT at_most FOR UPDATE SKIP LOCKED))
        RETURNING id)
    SELECT count(*) FROM gone
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sweep_audit_events(timestamptz, integer) FROM PUBLIC;

-- Accounts that nobody has used since a time, and whose address nobody has confirmed
-- although a mail asked for it before that time, a week ago at least. Accounts of staff,
-- those that staff or a provider made, and those with another way in stay.
-- +goose StatementBegin
CREATE FUNCTION sweep_users(asked_before timestamptz, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.users WHERE id = ANY(ARRAY(
            SELECT u.id FROM public.users u
            WHERE u.email_verified_at IS NULL AND u.asked_at < least(asked_before, now() - interval '7 days')
                AND u.password_hash IS NOT NULL AND NOT u.is_staff AND u.disabled_at IS NULL
                AND NOT EXISTS (SELECT FROM public.sessions s WHERE s.user_id = u.id)
                AND NOT EXISTS (SELECT FROM public.identities i WHERE i.user_id = u.id)
                AND NOT EXISTS (SELECT FROM public.factors f WHERE f.user_id = u.id)
                AND NOT EXISTS (SELECT FROM public.audit_events a WHERE a.actor_id = u.id AND a.at >= least(asked_before, now() - interval '7 days'))
            LIMIT at_most FOR UPDATE SKIP LOCKED))
        RETURNING id), noted AS (
        INSERT INTO public.audit_events (action, subject_kind, subject_id, result)
        SELECT 'user.expire', 'user', id::text, 'ok' FROM gone)
    SELECT count(*) FROM gone
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sweep_users(timestamptz, integer) FROM PUBLIC;
