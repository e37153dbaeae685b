-- What people decide: each decision with its author and reason, what is paused, and what customers think.
-- depends: 0001_initial

-- One row is one decision, written in the transaction that carries it out. `job_id` is empty for the whole service.
CREATE TABLE audit (
    audit_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL,
    verb        text NOT NULL,
    job_id      uuid REFERENCES jobs,
    why         text NOT NULL DEFAULT '',
    request_id  text UNIQUE,                     -- a repeat of the same request is the same decision
    detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_job ON audit (job_id, audit_id);

-- What does not run until somebody resumes it: `all`, `clock`, a service or one of its lanes.
CREATE TABLE pauses (
    what        text PRIMARY KEY,
    actor       text NOT NULL,
    why         text NOT NULL DEFAULT '',
    since       timestamptz NOT NULL DEFAULT now()
);

-- The worker processes, as each of them said last.
CREATE TABLE workers (
    worker_id   uuid PRIMARY KEY,
    service     text NOT NULL,
    lanes       text[] NOT NULL,
    paused      text[] NOT NULL DEFAULT '{}',
    busy        integer NOT NULL DEFAULT 0,      -- deliveries that it has taken and not finished
    started_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ratings (
    job_id      uuid PRIMARY KEY REFERENCES jobs,
    stars       smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    comment     text NOT NULL DEFAULT '' CHECK (length(comment) <= 2000),
    rated_at    timestamptz NOT NULL DEFAULT now()
);
