-- Enterprises and organisations. The record's statements are the truth (`credential` keeps the
-- public ones); these rows are where the next act finds its state. `id`, `kind`, `applied_at` never
-- change; name, code and contact are those of the application that an operator vouched for, or of
-- the latest one while nobody did. Its holder could show a wrong state, which the public statements
-- would contradict; the contact is not public.
CREATE TABLE enterprise (
    id                 TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind               TEXT COLLATE "C" NOT NULL CHECK (kind IN ('enterprise', 'organisation')),
    name               TEXT COLLATE "C" NOT NULL,
    uscc               TEXT COLLATE "C" NOT NULL,
    contact            TEXT COLLATE "C" NOT NULL,
    state              TEXT COLLATE "C" NOT NULL
                       CHECK (state IN ('applied', 'verified', 'declined', 'keyless', 'reapplied')),
    application_sha256 TEXT COLLATE "C" NOT NULL,
    key                TEXT COLLATE "C" NOT NULL,
    reason             TEXT COLLATE "C" NOT NULL,
    last_sha256        TEXT COLLATE "C" NOT NULL,
    last_idx           BIGINT NOT NULL,
    applied_at         BIGINT NOT NULL,
    verified_at        BIGINT
);
-- Anybody may claim a code; one claim per kind is verified.
CREATE UNIQUE INDEX enterprise_of_code ON enterprise (kind, uscc) WHERE verified_at IS NOT NULL;

CREATE FUNCTION enterprise_same() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR NEW.applied_at <> OLD.applied_at
       OR (OLD.verified_at IS NOT NULL
           AND (NEW.verified_at IS DISTINCT FROM OLD.verified_at OR NEW.uscc <> OLD.uscc)) THEN
        RAISE EXCEPTION 'who an enterprise is never changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER enterprise_same BEFORE UPDATE ON enterprise
    FOR EACH ROW EXECUTE FUNCTION enterprise_same();
CREATE TRIGGER enterprise_kept BEFORE DELETE OR TRUNCATE ON enterprise
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Applications, each by itself until an operator decides on it: anybody may apply in anybody's name,
-- and that changes nothing of who a verified body is. `note` is the application as it was signed,
-- `key` the public key in it, in hexadecimal digits.
-- Only its standing changes, and `idx` and `applied_at` when it is made again. Its holder sees
-- contacts; a wrong standing could hide an application from the operators, whose receipt its
-- applicant has.
CREATE TABLE application (
    sha256         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    enterprise     TEXT COLLATE "C" NOT NULL REFERENCES enterprise (id),
    note           TEXT COLLATE "C" NOT NULL,
    standing       TEXT COLLATE "C" NOT NULL
                   CHECK (standing IN ('waiting', 'vouched', 'declined', 'passed')),
    idx            BIGINT NOT NULL,
    applied_at     BIGINT NOT NULL,
    decided_sha256 TEXT COLLATE "C",
    decided_idx    BIGINT,
    key            TEXT COLLATE "C" NOT NULL,
    CHECK ((decided_sha256 IS NULL) = (decided_idx IS NULL))
);
CREATE INDEX application_waiting ON application (applied_at, sha256) WHERE standing = 'waiting';
CREATE INDEX application_of ON application (enterprise, standing);
CREATE INDEX application_by ON application (enterprise, key, idx);

-- Every key that ever spoke for somebody, and from when until when. Only the end is ever set, once.
-- One public key speaks for one body, ever. Its holder could let a key log in again; acts are
-- judged by the statements.
CREATE TABLE enterprise_key (
    public     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    enterprise TEXT COLLATE "C" NOT NULL REFERENCES enterprise (id),
    key        TEXT COLLATE "C" NOT NULL,
    from_at    BIGINT NOT NULL,
    until_at   BIGINT,
    ended      TEXT COLLATE "C" CHECK (ended IN ('rotated', 'revoked')),
    CHECK ((until_at IS NULL) = (ended IS NULL))
);
CREATE UNIQUE INDEX enterprise_key_in_force ON enterprise_key (enterprise) WHERE until_at IS NULL;
CREATE INDEX enterprise_key_of ON enterprise_key (enterprise, from_at);

CREATE FUNCTION enterprise_key_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.until_at IS NOT NULL OR NEW.public <> OLD.public OR NEW.enterprise <> OLD.enterprise
       OR NEW.key <> OLD.key OR NEW.from_at <> OLD.from_at THEN
        RAISE EXCEPTION 'a key only ends, once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER enterprise_key_ends_once BEFORE UPDATE ON enterprise_key
    FOR EACH ROW EXECUTE FUNCTION enterprise_key_ends_once();
CREATE TRIGGER enterprise_key_kept BEFORE DELETE OR TRUNCATE ON enterprise_key
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Login challenges that opened a session: gone soon after they are over. Its holder could at most
-- have a login answered as used.
CREATE TABLE challenge_used (
    nonce      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX challenge_used_over ON challenge_used (expires_at);

-- Sessions; the token names its session, and a session that ended lets no token in. Only `ended_at`
-- is ever set, and a row goes when its time is over. Its holder learns who was logged in when;
-- binding acts need the actor's key.
CREATE TABLE session (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    actor      TEXT COLLATE "C" NOT NULL,
    public     TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX session_of_actor ON session (actor, started_at);
CREATE INDEX session_of_key ON session (public);
CREATE INDEX session_over ON session (expires_at);

-- Answers to acts that carried an Idempotency-Key, for a day. What is under way its process alone knows,
-- so that none outlives it. Its holder sees answers that its askers saw; logins are never among them.
CREATE TABLE idempotency (
    asker   TEXT COLLATE "C" NOT NULL,
    key     TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    status  BIGINT NOT NULL,
    answer  BYTEA NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (asker, key)
);
CREATE INDEX idempotency_at ON idempotency (at);
