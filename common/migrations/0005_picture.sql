-- What was seen of sources and results, and what is kept of them.
-- depends: 0007_metrics

-- One row is one look at an order's source, before its provider is paid. `width`, `height` as stored in the file.
CREATE TABLE sources (
    job_id        uuid PRIMARY KEY REFERENCES jobs,
    claimed_until timestamptz NOT NULL,
    reference_key text NOT NULL UNIQUE,          -- the reduced copy: its key is known before the file exists
    looked_at     timestamptz,
    unfit         text,                          -- why it cannot be enlarged
    width         integer,
    height        integer,
    orientation   smallint,
    media_type    text,
    file_size     bigint,
    sha256        text,
    removed_at    timestamptz                    -- committed before the file is deleted
);

-- The picture on the status page, the result of the checks, and the orientation that the delivered file carries.
ALTER TABLE deliveries ADD COLUMN preview_size bigint;
ALTER TABLE deliveries ADD COLUMN score real;
ALTER TABLE deliveries ADD COLUMN warnings text;

-- Uploads are removed when their time is over: committed first, done then.
ALTER TABLE uploads ADD COLUMN removed_at timestamptz;
ALTER TABLE uploads ADD COLUMN file_gone_at timestamptz;

-- A download counts once per client and window. `client` is a keyed hash: no address is stored.
CREATE TABLE downloads (
    token_hash bytea NOT NULL REFERENCES links,
    client     bytea NOT NULL,
    began      timestamptz NOT NULL,             -- the start of the window
    PRIMARY KEY (token_hash, client, began)
);
