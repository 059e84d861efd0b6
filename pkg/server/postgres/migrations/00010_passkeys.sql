-- +goose Up
-- A user's passkeys (WebAuthn): public keys, whose private halves no site has.
CREATE TABLE passkeys (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The name that the authenticator gave it, and its public key (COSE, RFC 9052).
    key_id      bytea NOT NULL,
    public_key  bytea NOT NULL,
    -- How often it was used, as the authenticator counts; 0: it does not.
    sign_count  bigint NOT NULL,
    -- The flags of the authenticator's data at the last use (WebAuthn, 6.1).
    flags       smallint NOT NULL,
    transports  text NOT NULL DEFAULT '',
    name        text NOT NULL,
    -- Whether it opens the account without the password.
    alone       boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT now(),
    used_at     timestamptz,
    -- When its count told that there may be a copy; null: never. It is refused since.
    suspect_at  timestamptz,
    CONSTRAINT passkeys_key_id_key UNIQUE (key_id),
    CONSTRAINT passkeys_key_id_length CHECK (octet_length(key_id) BETWEEN 1 AND 1023)
);
CREATE INDEX passkeys_user_id_idx ON passkeys (user_id);

-- As sweep_users, and an account with a passkey stays: that is another way in. It has
-- a name of its own, because the release before this one knows the other as it is.
-- +goose StatementBegin
CREATE FUNCTION sweep_unproven_users(asked_before timestamptz, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.users WHERE id = ANY(ARRAY(
            SELECT u.id FROM public.users u
            WHERE u.email_verified_at IS NULL AND u.asked_at < least(asked_before, now() - interval '7 days')
                AND u.password_hash IS NOT NULL AND NOT u.is_staff AND u.disabled_at IS NULL
                AND NOT EXISTS (SELECT FROM public.sessions s WHERE s.user_id = u.id)
                AND NOT EXISTS (SELECT FROM public.identities i WHERE i.user_id = u.id)
                AND NOT EXISTS (SELECT FROM public.factors f WHERE f.user_id = u.id)
                AND NOT EXISTS (SELECT FROM public.passkeys k WHERE k.user_id = u.id)
                AND NOT EXISTS (SELECT FROM public.audit_events a WHERE a.actor_id = u.id AND a.at >= least(asked_before, now() - interval '7 days'))
            LIMIT at_most FOR UPDATE SKIP LOCKED))
        RETURNING id), noted AS (
        INSERT INTO public.audit_events (action, subject_kind, subject_id, result)
        SELECT 'user.expire', 'user', id::text, 'ok' FROM gone)
    SELECT count(*) FROM gone
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION sweep_unproven_users(timestamptz, integer) FROM PUBLIC;
