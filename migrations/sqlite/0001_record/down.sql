-- The record is never taken down.
SELECT 1;
