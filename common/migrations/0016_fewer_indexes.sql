-- Every change of a job writes into each of its indexes: one that another stands in for is gone, one is replaced (see
-- 0017). One for uploads is new, and how often a source's server said that it has no such file. Run again after a
-- crash: half-made indexes go first.
-- depends: 0015_large_indexes
-- transactional: false

ALTER TABLE sources ADD COLUMN IF NOT EXISTS gone integer NOT NULL DEFAULT 0;

-- What is underway is found by the stages in jobs_listed.
DROP INDEX CONCURRENTLY IF EXISTS jobs_underway;

-- Which uploads an order still needs: asked of each old one before it is removed.
DROP INDEX CONCURRENTLY IF EXISTS jobs_uploads;
CREATE INDEX CONCURRENTLY jobs_uploads ON jobs (upload_id) WHERE upload_id IS NOT NULL AND completed_at IS NULL;

-- One index both for whole tickets and for their beginnings, whatever the database's collation is.
DROP INDEX CONCURRENTLY IF EXISTS jobs_ticket;
CREATE UNIQUE INDEX CONCURRENTLY jobs_ticket ON jobs (ticket text_pattern_ops);
