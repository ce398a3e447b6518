-- Forget the jobs that name a tutor, but for one that runs: it finds nobody and ends by itself.
delete from jobs
where
    args ->> 'tutor_id' = cast(:tutor_id as text)
    and state <> 'running'
