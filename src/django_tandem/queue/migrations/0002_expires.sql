ALTER TABLE tandem_job ADD COLUMN expires_at timestamptz;
COMMENT ON COLUMN tandem_job.expires_at IS 'From then on it is not begun any more';
CREATE INDEX tandem_job_expires ON tandem_job (expires_at) WHERE expires_at IS NOT NULL;
