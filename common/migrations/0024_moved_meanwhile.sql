-- Ends the transaction of who decides from a row as it was before (docs/decisions/0038): it begins again from fresh rows.
-- depends: 0023_stood_in_for
CREATE FUNCTION moved_meanwhile() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the job has moved since it was read' USING ERRCODE = 'serialization_failure';
END
$$;
