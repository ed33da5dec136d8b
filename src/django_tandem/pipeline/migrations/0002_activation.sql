-- A run of kind "activate" moves the fence to a release that may be no commit: its `commit` is the release's name.
ALTER TABLE tandem_run
    DROP CONSTRAINT tandem_run_kind_check,
    ADD CONSTRAINT tandem_run_kind_check CHECK (kind IN ('ship', 'rollback', 'activate')),
    DROP CONSTRAINT tandem_run_commit_check,
    ADD CONSTRAINT tandem_run_commit_check CHECK (
        CASE kind WHEN 'activate' THEN commit <> '' ELSE commit ~ '^([0-9a-f]{40}|[0-9a-f]{64})$' END
    );
COMMENT ON COLUMN tandem_run.commit IS 'Of an activation the name of its release';
