-- Indexes that fewer rows, or fewer changes of them, are written into. 0023 drops what they stand in for: this file may be
-- run again after a crash, and makes them anew.
-- depends: 0021_one_history_index
-- transactional: false

-- Mails that no stage sends, by when they are due; what is over is so for ever. None says how a mail stands: that makes
-- every mail write all of its entries again when it is sent.
DROP INDEX CONCURRENTLY IF EXISTS mails_apart;
CREATE INDEX CONCURRENTLY mails_apart ON mails (claimed_until) WHERE kind IN ('notice', 'address', 'refunded_in_part');
UPDATE mails SET claimed_until = 'infinity'
WHERE kind IN ('notice', 'address', 'refunded_in_part') AND state NOT IN ('claimed', 'waiting');

-- An attempt has no id at the provider when it is claimed.
DROP INDEX CONCURRENTLY IF EXISTS attempts_provider;
CREATE UNIQUE INDEX CONCURRENTLY attempts_provider ON attempts (provider_id) WHERE provider_id IS NOT NULL;
