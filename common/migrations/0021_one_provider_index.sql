-- What attempts_provider stands in for. In a file of its own: 0020 may be run again, and makes attempts_provider anew.
-- depends: 0020_less_at_each_move
-- transactional: false

ALTER TABLE attempts DROP CONSTRAINT IF EXISTS attempts_provider_id_key;
