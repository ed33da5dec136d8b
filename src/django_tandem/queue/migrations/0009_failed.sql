-- Failed jobs are looked for by people, and retried: among a million that succeeded they are found at once. A job that
-- succeeds is not in it, and costs nothing.
CREATE INDEX tandem_result_failed ON tandem_result (id) WHERE state = 4;
