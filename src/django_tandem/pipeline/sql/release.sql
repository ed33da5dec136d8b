-- name: became_live
WITH held AS (
    SELECT FROM tandem_lock WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s FOR SHARE
)
UPDATE tandem_release SET became_live_at = clock_timestamp() FROM held WHERE digest = %(digest)s;

-- name: verified
WITH held AS (
    SELECT FROM tandem_lock WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s FOR SHARE
)
UPDATE tandem_release SET verified_at = clock_timestamp() FROM held WHERE digest = %(digest)s;

-- name: removed
WITH held AS (
    SELECT FROM tandem_lock WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s FOR SHARE
)
UPDATE tandem_release SET removed_at = clock_timestamp() FROM held WHERE digest = %(digest)s;

-- name: newest
SELECT digest, release, commit, manifest, built_at, became_live_at, verified_at, removed_at FROM tandem_release
ORDER BY became_live_at DESC NULLS LAST, built_at DESC LIMIT %(count)s;

-- name: kept
-- Without their manifests, which are long.
SELECT digest, release, built_at, became_live_at, verified_at FROM tandem_release
WHERE removed_at IS NULL ORDER BY became_live_at DESC NULLS LAST, built_at DESC LIMIT %(count)s;

-- name: read
-- By the digest of its artifact, or the name of the release: where a commit was built twice, the one that was live last.
SELECT digest, release, commit, manifest, built_at, became_live_at, verified_at, removed_at FROM tandem_release
WHERE digest = %(name)s OR release = left(%(name)s, 12) ORDER BY became_live_at DESC NULLS LAST, built_at DESC LIMIT 1;
