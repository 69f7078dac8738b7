-- Users: who writes reviews.

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY,
    username text NOT NULL,
    email text NOT NULL,
    display_name text,
    -- What the password is checked against, never the password.
    password_hash text NOT NULL,
    is_verified boolean NOT NULL DEFAULT false,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_login timestamptz,

    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_username_key UNIQUE (username),
    CONSTRAINT users_username_length CHECK (char_length(username) BETWEEN 1 AND 100),
    -- 254 is the longest address that mail can be sent to (RFC 5321).
    CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    CONSTRAINT users_password_hash_present CHECK (password_hash <> '')
);

-- One account per address, however its letters are written.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
