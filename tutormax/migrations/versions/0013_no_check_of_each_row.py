"""Judgements and students come in without a check of each row, as facts do; removed tutors take theirs along."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Both are written under a lock that whoever removes what they refer to takes, too. Looking each row up cost a fifth of
# an evaluation of everybody and a third of storing students, and wrote a lock into the row that was looked up.
NO_CHECKS = """
alter table students drop constraint students_organization_id_fkey;
alter table tutor_performance_metrics drop constraint tutor_performance_metrics_tutor_id_fkey;

create function forget_judgements() returns trigger
language plpgsql set search_path = public, pg_temp
as $$
begin
    -- Who judges now has seen the tutors; what it writes is waited for.
    perform pg_advisory_xact_lock(hashtext('tutormax evaluation'));
    delete from tutor_performance_metrics using gone where tutor_performance_metrics.tutor_id = gone.tutor_id;
    return null;
end
$$;
create trigger forget_judgements after delete on tutors
referencing old table as gone for each statement
execute function forget_judgements();
"""

CHECKS = """
drop trigger forget_judgements on tutors;
drop function forget_judgements();
delete from tutor_performance_metrics where tutor_id not in (select tutor_id from tutors);
alter table tutor_performance_metrics add constraint tutor_performance_metrics_tutor_id_fkey
    foreign key (tutor_id) references tutors on delete cascade;
alter table students add constraint students_organization_id_fkey
    foreign key (organization_id) references organizations;
"""


def upgrade() -> None:
    """Leave out the checks, and have the judgements of removed tutors go with them."""
    op.execute(NO_CHECKS)


def downgrade() -> None:
    """Check each row again."""
    op.execute("set local statement_timeout = 0")
    op.execute(CHECKS)
