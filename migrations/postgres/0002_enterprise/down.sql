-- Evidence is never taken down.
SELECT 1;
