-- What jobs_ticket stands in for. In a file of its own: 0016 may be run again, and makes jobs_ticket anew.
-- depends: 0016_fewer_indexes
-- transactional: false

ALTER TABLE jobs DROP CONSTRAINT IF EXISTS jobs_ticket_key;
DROP INDEX CONCURRENTLY IF EXISTS jobs_tickets;
