-- Canaries are found without looking at orders.
-- depends: 0012_operations
-- transactional: false

DROP INDEX IF EXISTS jobs_canaries;
CREATE INDEX CONCURRENTLY jobs_canaries ON jobs (created_at) WHERE canary;
