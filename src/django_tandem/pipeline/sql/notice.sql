-- name: once
-- No row: who has this notice heard of the event before. Whoever writes the same key at once waits for this one's end.
INSERT INTO tandem_notice (notice, key, event) VALUES (%(notice)s, %(key)s, %(event)s)
ON CONFLICT (notice, key) DO NOTHING RETURNING at;

-- name: forget
-- What happens again after so long is told again.
DELETE FROM tandem_notice WHERE id IN (
    SELECT id FROM tandem_notice WHERE at < clock_timestamp() - %(older_than)s::interval FOR UPDATE SKIP LOCKED
);
