-- The admin's pages: who is signed in, and lists of orders that stay quick however many there are.
-- Run again after a crash: half-made indexes go first.
-- depends: 0010_disputes
-- transactional: false

-- One row is one sign-in: the hash of its cookie, and a signature of the ADMIN_TOKEN that it was made with.
CREATE TABLE IF NOT EXISTS admin_sessions (
    token_hash bytea PRIMARY KEY,
    admin_mac  text NOT NULL,
    actor      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now()
);

-- Each pair of stage and status, newest first: every list is a merge of a few of these (common/admin/listing.py).
DROP INDEX IF EXISTS jobs_listed;
CREATE INDEX CONCURRENTLY jobs_listed ON jobs (stage, status, created_at DESC, job_id DESC);

-- Orders by the beginning of an address, newest first; whoever has none stands elsewhere.
DROP INDEX IF EXISTS jobs_addresses;
CREATE INDEX CONCURRENTLY jobs_addresses ON jobs (lower(email) text_pattern_ops, created_at DESC, job_id DESC)
    WHERE email IS NOT NULL;

-- Orders by the beginning of a ticket, whatever the database's collation is.
DROP INDEX IF EXISTS jobs_tickets;
CREATE INDEX CONCURRENTLY jobs_tickets ON jobs (ticket text_pattern_ops);
