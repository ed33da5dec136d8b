ALTER TABLE tandem_job ADD COLUMN cancelled_by text, ADD COLUMN forgiven smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN tandem_job.cancelled_by IS 'Running: who wants it to end. Its worker interrupts it';
COMMENT ON COLUMN tandem_job.forgiven IS 'How many attempts no longer count, because somebody had the job retried after them';
COMMENT ON COLUMN tandem_job.state IS '0 scheduled, 1 ready, 2 running, 6 paused with its task';
CREATE INDEX tandem_job_cancelled ON tandem_job (id) WHERE cancelled_by IS NOT NULL;
CREATE INDEX tandem_job_paused ON tandem_job (task) WHERE state = 6;

CREATE TABLE tandem_pause (
    kind       text NOT NULL CHECK (kind IN ('queue', 'task')),
    name       text NOT NULL,
    paused_at  timestamptz NOT NULL DEFAULT now(),
    paused_by  text NOT NULL,
    PRIMARY KEY (kind, name)
);
COMMENT ON TABLE tandem_pause IS 'Queues and tasks whose jobs are not begun';
