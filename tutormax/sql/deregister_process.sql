-- deregister_process: has the process stopped as it should?
-- Its row is gone.
delete from processes
where process_id = :process_id
