-- name: plain
-- How unfinished jobs call their tasks, as far as PostgreSQL can read what was stored.
SELECT task, json_array_length(arguments::json -> 0) AS positional,
    ARRAY(SELECT json_object_keys(arguments::json -> 1) ORDER BY 1) AS keywords, count(*) AS jobs
FROM tandem_job
WHERE NOT (arguments LIKE 'fernet:%' OR position('\u0000' IN arguments) > 0 OR position('\ud' IN arguments) > 0)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: others
-- Those that are encrypted, or hold what JSON has and PostgreSQL's text has not: NUL, and halves of characters.
SELECT task, arguments FROM tandem_job
WHERE arguments LIKE 'fernet:%' OR position('\u0000' IN arguments) > 0 OR position('\ud' IN arguments) > 0;
