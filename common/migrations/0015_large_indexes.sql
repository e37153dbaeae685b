-- Indexes of 0003_capacity and 0005_picture on tables that may be large: within those migrations, which lock jobs until
-- they end, they kept every writer waiting. Run again after a crash: half-made indexes go first.
-- depends: 0014_people
-- transactional: false

-- Orders that wait hold open attempts that take no place: only those that do are counted.
DROP INDEX CONCURRENTLY IF EXISTS attempts_in_flight;
CREATE INDEX CONCURRENTLY attempts_in_flight ON attempts (job_id)
    WHERE ended_at IS NULL AND state IN ('claimed', 'open', 'unknown');

-- What was spent in a period is counted from attempts.
DROP INDEX CONCURRENTLY IF EXISTS attempts_spent;
CREATE INDEX CONCURRENTLY attempts_spent ON attempts (submitted_at) INCLUDE (job_id, credits)
    WHERE submitted_at IS NOT NULL AND credits IS DISTINCT FROM 0;

DROP INDEX CONCURRENTLY IF EXISTS jobs_held;
CREATE INDEX CONCURRENTLY jobs_held ON jobs (hold_reason, promise_at) WHERE hold_reason IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS mails_notices;
CREATE INDEX CONCURRENTLY mails_notices ON mails (claimed_until)
    WHERE kind = 'notice' AND state IN ('claimed', 'waiting');

DROP INDEX CONCURRENTLY IF EXISTS uploads_kept;
CREATE INDEX CONCURRENTLY uploads_kept ON uploads (created_at) WHERE file_gone_at IS NULL;
