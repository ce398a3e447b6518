"""What each tutor did on each day, kept from the facts; and judgements written only where they change."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

DAYS = """
create table tutor_days (
    tutor_id integer not null,
    day date not null,
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
    logged_in boolean not null,
    primary key (tutor_id, day)
) partition by range (day);
comment on table tutor_days is 'sums over the facts of one tutor and UTC day; touched_days says which are out of date';
comment on column tutor_days.engagement is 'millionths';

create table touched_days (
    tutor_id integer not null,
    day date not null,
    earliest timestamptz,
    latest timestamptz
);
comment on table touched_days is 'facts that came, changed or went between two instants and are not yet in tutor_days';
comment on column touched_days.earliest is 'null: no judgement waits for them';

create table touched_tutors (
    tutor_id integer primary key,
    earliest timestamptz not null,
    latest timestamptz not null,
    counted_at timestamptz
);
comment on column touched_tutors.counted_at is 'the quarter hour of an evaluation that has counted all of them';
comment on table touched_tutors is 'facts that are in tutor_days, and that judgements may not have counted';

create table evaluations (
    window_end timestamptz primary key,
    evaluated_at timestamptz not null default clock_timestamp()
);
comment on table evaluations is 'the quarter hours at which every active tutor was judged';

alter table tutor_performance_metrics add column active boolean not null default true;
comment on table tutor_performance_metrics is
    'how a tutor did, from one quarter hour on until the next row of the same tutor and window';
comment on column tutor_performance_metrics.active is 'false: no more judged from here on, until a row says otherwise';
"""

# What each fact adds to the sums of its tutor and day: the one place that says so. Whether it counts at all is a column
# and no condition, because a condition in here would keep the planner from the indexes of the tables.
VIEW = """
create view tutor_facts as
select
    tutor_id,
    scheduled_start as happened_at,
    status in ('completed', 'tutor_no_show', 'student_no_show') as counts,
    (status in ('completed', 'tutor_no_show', 'student_no_show'))::integer as scheduled,
    (status = 'tutor_no_show')::integer as no_shows,
    (status = 'completed')::integer as completed,
    (status = 'completed' and late_start_minutes is not null)::integer as timed,
    (status = 'completed' and coalesce(late_start_minutes <= 5, false))::integer as on_time,
    (status = 'completed' and objectives_met is not null)::integer as objectives,
    (status = 'completed' and coalesce(objectives_met, false))::integer as objectives_met,
    (status = 'completed' and engagement_score is not null)::integer as engaged,
    -- In millionths, and minutes below as decimals: such sums are exact, so the order of the rows never shows.
    case when status = 'completed' then coalesce(round(engagement_score * 1000000)::bigint, 0) else 0 end as engagement,
    0 as ratings,
    0 as rating,
    0 as firsts,
    0 as good_firsts,
    0 as reschedules,
    0 as responses,
    0::numeric as response_minutes,
    false as logged_in
from sessions
union all
select
    tutor_id, submitted_at, true, 0, 0, 0, 0, 0, 0, 0, 0, 0::bigint,
    1, rating::integer, is_first_session::integer, (is_first_session and rating >= 4)::integer,
    0, 0, 0::numeric, false
from student_feedback
union all
select
    tutor_id, event_time,
    event_type in ('message_response', 'login') or (event_type = 'reschedule' and coalesce(by_tutor, false)),
    0, 0, 0, 0, 0, 0, 0, 0, 0::bigint, 0, 0, 0, 0,
    (event_type = 'reschedule' and coalesce(by_tutor, false))::integer,
    (event_type = 'message_response' and value is not null)::integer,
    case when event_type = 'message_response' then coalesce(value::numeric, 0) else 0 end,
    event_type = 'login'
from tutor_events;
comment on view tutor_facts is 'what each session, rating and event adds to the sums of its tutor and day';
"""

# Statement level: one mark for each tutor and day that a statement touched, whoever made it. A trigger says when a fact
# of its table happened, and which facts count.
MARKS = """
create function mark_touched_days() returns trigger
language plpgsql set search_path = public, pg_temp
as $$
begin
    execute format(
        'insert into touched_days (tutor_id, day, earliest, latest)'
        ' select tutor_id, (%1$I at time zone ''UTC'')::date, min(%1$I), max(%1$I)'
        ' from (%2$s) as facts where %3$s group by 1, 2',
        tg_argv[0],
        case tg_op
            when 'INSERT' then 'select * from arrived'
            when 'DELETE' then 'select * from gone'
            else 'select * from gone union all select * from arrived'
        end,
        tg_argv[1]
    );
    return null;
end
$$;

create trigger mark_arrived after insert on sessions
referencing new table as arrived for each statement
execute function mark_touched_days(scheduled_start, $$status in ('completed', 'tutor_no_show', 'student_no_show')$$);
create trigger mark_gone after delete on sessions
referencing old table as gone for each statement
execute function mark_touched_days(scheduled_start, $$status in ('completed', 'tutor_no_show', 'student_no_show')$$);
create trigger mark_changed after update on sessions
referencing old table as gone new table as arrived for each statement
execute function mark_touched_days(scheduled_start, $$status in ('completed', 'tutor_no_show', 'student_no_show')$$);

create trigger mark_arrived after insert on student_feedback
referencing new table as arrived for each statement
execute function mark_touched_days(submitted_at, 'true');
create trigger mark_gone after delete on student_feedback
referencing old table as gone for each statement
execute function mark_touched_days(submitted_at, 'true');
create trigger mark_changed after update on student_feedback
referencing old table as gone new table as arrived for each statement
execute function mark_touched_days(submitted_at, 'true');

create trigger mark_arrived after insert on tutor_events
referencing new table as arrived for each statement
execute function mark_touched_days(event_time, $$event_type in ('login', 'reschedule', 'message_response')$$);
create trigger mark_gone after delete on tutor_events
referencing old table as gone for each statement
execute function mark_touched_days(event_time, $$event_type in ('login', 'reschedule', 'message_response')$$);
create trigger mark_changed after update on tutor_events
referencing old table as gone new table as arrived for each statement
execute function mark_touched_days(event_time, $$event_type in ('login', 'reschedule', 'message_response')$$);
"""

# What there is already: marked, but no judgement waits for it.
FACTS_THERE_ARE = """
insert into touched_days (tutor_id, day)
select distinct tutor_id, (happened_at at time zone 'UTC')::date from tutor_facts where counts
"""

# Facts come nearly in the order of time: an index a thousandth of the size finds the days in which windows start or
# end.
INDEXES = """
create index sessions_scheduled_start on sessions
using brin (scheduled_start) with (pages_per_range = 16, autosummarize = on);
create index student_feedback_submitted_at on student_feedback
using brin (submitted_at) with (pages_per_range = 16, autosummarize = on);
create index tutor_events_event_time on tutor_events
using brin (event_time) with (pages_per_range = 16, autosummarize = on);
"""

MONTHS = """
do $$
declare
    month record;
begin
    for month in
        select
            replace(child.relname, 'sessions_', 'tutor_days_') as name,
            pg_get_expr(child.relpartbound, child.oid) as bounds
        from pg_inherits
        inner join pg_class as child on pg_inherits.inhrelid = child.oid
        where pg_inherits.inhparent = 'sessions'::regclass
    loop
        execute format('create table %I partition of tutor_days %s', month.name, month.bounds);
    end loop;
end
$$;
"""


def upgrade() -> None:
    """Make room for the days, mark every day that has facts, and mark from now on whatever is touched."""
    # Of a hundred million facts the days take minutes.
    op.execute("set local statement_timeout = 0")
    op.execute(DAYS)
    op.execute(VIEW)
    op.execute(MONTHS)
    op.execute(INDEXES)
    op.execute(FACTS_THERE_ARE)
    op.execute(MARKS)
    op.execute("insert into evaluations (window_end) select distinct window_end from tutor_performance_metrics")


def downgrade() -> None:
    """Forget the days; judgements that were not repeated stay as few as they are."""
    op.execute(
        """
        drop trigger mark_arrived on sessions;
        drop trigger mark_gone on sessions;
        drop trigger mark_changed on sessions;
        drop trigger mark_arrived on student_feedback;
        drop trigger mark_gone on student_feedback;
        drop trigger mark_changed on student_feedback;
        drop trigger mark_arrived on tutor_events;
        drop trigger mark_gone on tutor_events;
        drop trigger mark_changed on tutor_events;
        drop function mark_touched_days
        """
    )
    op.execute("drop index sessions_scheduled_start, student_feedback_submitted_at, tutor_events_event_time")
    op.execute("drop view tutor_facts")
    op.execute("drop table tutor_days, touched_days, touched_tutors, evaluations")
    op.execute("alter table tutor_performance_metrics drop column active")
