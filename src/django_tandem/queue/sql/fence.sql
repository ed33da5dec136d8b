-- name: read
SELECT release, epoch FROM tandem_fence;

-- name: since
SELECT changed_at FROM tandem_fence;

-- name: take_if_empty
UPDATE tandem_fence SET release = %(release)s, epoch = epoch + 1, changed_at = clock_timestamp() WHERE release IS NULL;

-- name: activate
UPDATE tandem_fence SET release = %(release)s, epoch = epoch + 1, changed_at = clock_timestamp()
WHERE release IS DISTINCT FROM %(release)s;

-- name: lift
UPDATE tandem_fence SET release = %(release)s, epoch = epoch + 1, changed_at = clock_timestamp() WHERE release IS NOT NULL;

-- name: announce
SELECT pg_notify('tandem_fence', %(release)s);
