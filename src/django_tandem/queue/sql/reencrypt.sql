-- name: jobs
-- Unfinished jobs of which something is not as it is to be stored now. Who is being claimed or finished is passed over,
-- so that no worker waits for us while we wait for it. What a worker holds of a running job's history it writes back.
SELECT id, state, arguments, history, unique_key, replace_key, kept_replace_key FROM tandem_job
WHERE id > %(after)s::bigint AND (
    arguments ~ %(stale)s::text
    OR (history ~ %(stale_history)s::text AND state <> 2)
    OR (%(digests)s::boolean AND (
        NOT starts_with(unique_key, 'hmac:') OR NOT starts_with(coalesce(kept_replace_key, replace_key), 'hmac:')
    ))
)
ORDER BY id LIMIT %(count)s
FOR UPDATE SKIP LOCKED;

-- name: renew_jobs
-- A unique key that another job has meanwhile is left to that one.
UPDATE tandem_job AS job SET
    arguments = new.arguments, history = new.history, kept_replace_key = new.kept_replace_key, replace_key = CASE WHEN EXISTS (
        SELECT FROM tandem_job WHERE replace_key = new.replace_key AND id <> job.id
    ) THEN NULL ELSE new.replace_key END,
    unique_key = CASE WHEN EXISTS (
        SELECT FROM tandem_job WHERE unique_key = new.unique_key AND id <> job.id
    ) THEN NULL ELSE new.unique_key END
FROM unnest(
    %(ids)s::bigint[], %(arguments)s::text[], %(histories)s::text[], %(unique_keys)s::text[], %(replace_keys)s::text[],
    %(kept_replace_keys)s::text[]
) AS new (id, arguments, history, unique_key, replace_key, kept_replace_key)
WHERE job.id = new.id;

-- name: results
SELECT id, finished_at, arguments, history, return_value, limit_key, unique_key, replace_key FROM tandem_result
WHERE id > %(after)s::bigint AND (
    arguments ~ %(stale)s::text OR history ~ %(stale_history)s::text OR return_value ~ %(stale)s::text
    OR (%(digests)s::boolean AND (
        NOT starts_with(limit_key, 'hmac:') OR NOT starts_with(unique_key, 'hmac:') OR NOT starts_with(replace_key, 'hmac:')
    ))
)
ORDER BY id LIMIT %(count)s
FOR UPDATE SKIP LOCKED;

-- name: renew_results
UPDATE tandem_result AS result SET
    arguments = new.arguments, history = new.history, return_value = new.return_value, limit_key = new.limit_key,
    unique_key = new.unique_key, replace_key = new.replace_key
FROM unnest(
    %(ids)s::bigint[], %(finished)s::timestamptz[], %(arguments)s::text[], %(histories)s::text[], %(returned)s::text[],
    %(limit_keys)s::text[], %(unique_keys)s::text[], %(replace_keys)s::text[]
) AS new (id, finished_at, arguments, history, return_value, limit_key, unique_key, replace_key)
WHERE result.id = new.id AND result.finished_at = new.finished_at;

-- name: limit_keys
SELECT DISTINCT limit_key FROM tandem_job WHERE NOT starts_with(limit_key, 'hmac:');

-- name: renew_limit_key
-- All jobs of a key at once, so that they are never counted apart.
UPDATE tandem_job SET limit_key = %(new)s::text WHERE id = ANY (ARRAY(
    SELECT id FROM tandem_job WHERE limit_key = %(old)s::text ORDER BY id FOR UPDATE
)) AND limit_key = %(old)s::text;

-- name: remaining
-- How many jobs and results have something under another key than the newest, or plain where it is to be encrypted.
-- Errors that statements wrote quote no arguments, so they may be plain.
SELECT
    (SELECT count(*) FROM tandem_job WHERE arguments ~ %(stale)s::text OR history ~ %(sealed_history)s::text
        OR (%(digests)s::boolean AND (
            NOT starts_with(unique_key, 'hmac:') OR NOT starts_with(coalesce(kept_replace_key, replace_key), 'hmac:')
            OR NOT starts_with(limit_key, 'hmac:')
        )))
    + (SELECT count(*) FROM tandem_result WHERE arguments ~ %(stale)s::text OR history ~ %(sealed_history)s::text
        OR return_value ~ %(stale)s::text OR (%(digests)s::boolean AND (
            NOT starts_with(unique_key, 'hmac:') OR NOT starts_with(replace_key, 'hmac:')
            OR NOT starts_with(limit_key, 'hmac:')
        )));
