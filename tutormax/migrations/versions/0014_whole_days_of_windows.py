"""What the whole days of a tutor's windows add up to, kept for the judgements of one day."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WINDOWS = """
create table tutor_windows (
    tutor_id integer not null,
    ends_on date not null,
    window_days smallint not null,
    scheduled integer not null,
    no_shows integer not null,
    completed integer not null,
    timed integer not null,
    on_time integer not null,
    objectives integer not null,
    objectives_met integer not null,
    engaged integer not null,
    engagement bigint not null,
    ratings integer not null,
    rating integer not null,
    firsts integer not null,
    good_firsts integer not null,
    reschedules integer not null,
    responses integer not null,
    response_minutes numeric not null,
    login_days integer not null,
    primary key (tutor_id, ends_on, window_days)
);
comment on table tutor_windows is
    'sums over the whole days of windows that end on one UTC day; gone when one of the days changes';
comment on column tutor_windows.window_days is '7, 30 or 90: without the days of the shorter windows';

create function forget_windows() returns trigger
language plpgsql set search_path = public, pg_temp
as $$
begin
    delete from tutor_windows using changed
    where
        tutor_windows.tutor_id = changed.tutor_id
        and tutor_windows.ends_on > changed.day
        and tutor_windows.ends_on < changed.day + 90;
    return null;
end
$$;
create trigger forget_windows_of_new after insert on tutor_days
referencing new table as changed for each statement execute function forget_windows();
create trigger forget_windows_of_changed after update on tutor_days
referencing new table as changed for each statement execute function forget_windows();
create trigger forget_windows_of_gone after delete on tutor_days
referencing old table as changed for each statement execute function forget_windows();
"""

FORGET = """
drop trigger forget_windows_of_gone on tutor_days;
drop trigger forget_windows_of_changed on tutor_days;
drop trigger forget_windows_of_new on tutor_days;
drop function forget_windows();
drop table tutor_windows;
"""


def upgrade() -> None:
    """Keep the sums, and forget those that hold no longer."""
    op.execute(WINDOWS)


def downgrade() -> None:
    """Sum up the days of each window again for every judgement."""
    op.execute(FORGET)
