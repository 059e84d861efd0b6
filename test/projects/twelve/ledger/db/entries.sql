CREATE TABLE entries (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
