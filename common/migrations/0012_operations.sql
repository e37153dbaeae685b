-- Where the database lives, so that a restored one is noticed; and orders that nobody paid, to see that all runs.
-- depends: 0009_indexes

-- One row. `place`: this very database, as it was when it was last known to hold all that was done; a restored or
-- copied one is another. `restored_at`: when that was noticed; from then until the books are reconciled nothing runs.
CREATE TABLE installation (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    place       text NOT NULL,
    restored_at timestamptz
);

-- A canary costs nothing, is nobody's, and stands in no count.
ALTER TABLE jobs ADD COLUMN canary boolean NOT NULL DEFAULT false;
