-- drop_ended_jobs: which jobs are history?
-- Removes those that were done or cancelled long ago; dead ones stay until somebody has decided about them.
delete from jobs
where state in ('done', 'cancelled') and finished_at < :ended_from
