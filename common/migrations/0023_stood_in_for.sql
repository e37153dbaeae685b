-- What the indexes of 0022 stand in for, and of versions long gone.
-- depends: 0022_indexes_of_less
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS mails_told;
DROP INDEX CONCURRENTLY IF EXISTS mails_due;
DROP INDEX CONCURRENTLY IF EXISTS mails_notices;
ALTER TABLE attempts DROP CONSTRAINT IF EXISTS attempts_provider_id_key;

-- Room for a row's second version beside its first: it then needs no new entries in the indexes.
ALTER TABLE deliveries SET (fillfactor = 45);
ALTER TABLE links SET (fillfactor = 50);
ALTER TABLE mails SET (fillfactor = 50);
