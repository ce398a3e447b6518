-- operator_actions: how often did operators act on jobs?
-- One row for each action that occurs.
select
    action,
    count(*) as times
from audit_log
where action in ('job cancel', 'job requeue', 'job drop')
group by action
