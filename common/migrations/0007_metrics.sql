-- What the dashboards need of the rows: since when a job stands in its stage, and who counts for all replicas.
-- depends: 0001_initial

ALTER TABLE jobs ADD COLUMN stage_since timestamptz NOT NULL DEFAULT now();

-- A part that one replica plays for all, until its time is over or it is renewed.
CREATE TABLE leases (
    name        text PRIMARY KEY,
    holder      text NOT NULL,
    held_until  timestamptz NOT NULL
);
