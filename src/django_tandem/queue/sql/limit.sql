-- name: lock
-- Of those who would let jobs of a key begin, one at a time, until its transaction ends. In order, so that two that want
-- the same keys do not wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended(key, 20260)) FROM unnest(%(keys)s::text[]) AS k (key) ORDER BY key;

-- name: admit
-- As many jobs of each key become ready as there is room for. Only this statement makes more of them ready.
WITH room AS (
    SELECT key,
        (SELECT limit_most FROM tandem_job WHERE state = 5 AND limit_key = key ORDER BY limit_key, due, id LIMIT 1)
        - (SELECT count(*) FROM tandem_job WHERE limit_key = key AND limit_key IS NOT NULL AND state IN (1, 2)) AS places
    FROM unnest(%(keys)s::text[]) AS k (key)
), job AS (
    UPDATE tandem_job SET state = 1 WHERE id = ANY (ARRAY(
        SELECT waiting.id FROM room CROSS JOIN LATERAL (
            SELECT id FROM tandem_job WHERE state = 5 AND limit_key = room.key
            ORDER BY limit_key, due, id LIMIT greatest(room.places, 0)
        ) AS waiting
    )) AND state = 5
    RETURNING queue, due, priority
), first AS (SELECT queue, min(due) AS due, max(priority) AS priority, count(*) AS jobs FROM job GROUP BY queue)
SELECT queue, jobs, pg_notify('tandem_ready', queue || ' ' || extract(epoch FROM due) || ' ' || priority) FROM first;

-- name: keys_with_room
-- Keys that have jobs waiting and room for them, after a given one, found from key to key: of a key with many jobs the
-- index is read once.
WITH RECURSIVE waiting AS (
    (SELECT limit_key, limit_most FROM tandem_job WHERE state = 5 AND limit_key > %(after)s::text
     ORDER BY limit_key, due, id LIMIT 1)
    UNION ALL
    SELECT next.limit_key, next.limit_most FROM waiting CROSS JOIN LATERAL (
        SELECT limit_key, limit_most FROM tandem_job WHERE state = 5 AND limit_key > waiting.limit_key
        ORDER BY limit_key, due, id LIMIT 1
    ) AS next
), looked_at AS (SELECT * FROM waiting LIMIT %(count)s)
SELECT limit_key, limit_most > (
    SELECT count(*) FROM tandem_job WHERE limit_key = looked_at.limit_key AND limit_key IS NOT NULL AND state IN (1, 2)
) AS has_room
FROM looked_at;
