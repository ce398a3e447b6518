-- breakers: what outside is known to be away?
-- One row for everything that has ever failed.
select
    name,
    failures,
    opened_at is not null as is_open
from breakers
order by name
