ALTER TABLE tandem_job
    ADD COLUMN unique_key text, ADD COLUMN replace_key text, ADD COLUMN limit_key text, ADD COLUMN limit_most smallint;
ALTER TABLE tandem_result ADD COLUMN limit_key text, ADD COLUMN limit_most smallint;
COMMENT ON COLUMN tandem_job.unique_key IS 'No other unfinished job has it';
COMMENT ON COLUMN tandem_job.replace_key IS 'No other waiting job has it: another takes this one''s place. Gone when the job is claimed';
COMMENT ON COLUMN tandem_job.limit_key IS 'Of the jobs that have it, at most limit_most are ready or running';
COMMENT ON COLUMN tandem_result.limit_key IS 'Kept for a retry';
COMMENT ON COLUMN tandem_job.state IS '0 scheduled, 1 ready, 2 running, 5 waits for its limit_key, 6 paused with its task';
CREATE UNIQUE INDEX tandem_job_unique ON tandem_job (unique_key) WHERE unique_key IS NOT NULL;
CREATE UNIQUE INDEX tandem_job_replace ON tandem_job (replace_key) WHERE replace_key IS NOT NULL;
CREATE INDEX tandem_job_limited ON tandem_job (limit_key, due, id) WHERE state = 5;
CREATE INDEX tandem_job_taken ON tandem_job (limit_key) WHERE limit_key IS NOT NULL AND state IN (1, 2);
