"""A marketplace: a world, its students and its agenda; told a day at a time as rows."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from tutormax.generation import agenda, outcomes, reactions, rosters, world
from tutormax.generation.agenda import Desk, Role
from tutormax.generation.instants import DAY, NEVER, SECOND
from tutormax.generation.process import Flags, Integers, Parameters
from tutormax.generation.rosters import Rosters
from tutormax.generation.rows import Events, Feedback, Sessions, Students
from tutormax.generation.tutors import Tutors
from tutormax.generation.world import Day, Stream, World

# Enough for the agenda of the first stored day to be what it is on every other.
REHEARSAL_DAYS = 14


@dataclass(frozen=True, slots=True)
class Marketplace:
    """A marketplace in the morning of a day."""

    world: World
    rosters: Rosters
    book: Sessions
    """Sessions booked and not yet due, in no particular order."""
    next_session: int
    next_student: int
    next_event: int

    def with_empty_book(self) -> Self:
        """Return a marketplace in which nobody has booked anything yet."""
        return replace(self, book=Sessions.empty())


@dataclass(frozen=True, slots=True)
class Told:
    """The rows of a day, whenever they become known."""

    tutors: Tutors
    students: Students
    booked: Sessions
    """Booked on the day, whatever came of them; those for the day itself are among the decided too."""
    decided: Sessions
    """Of which the day decided what became of them."""
    feedback: Feedback
    events: Events

    @classmethod
    def concatenated(cls, parts: list[Self]) -> Self:
        """Return the rows of several days."""
        return cls(
            tutors=Tutors.concatenated([part.tutors for part in parts]),
            students=Students.concatenated([part.students for part in parts]),
            booked=Sessions.concatenated([part.booked for part in parts]),
            decided=Sessions.concatenated([part.decided for part in parts]),
            feedback=Feedback.concatenated([part.feedback for part in parts]),
            events=Events.concatenated([part.events for part in parts]),
        )

    @classmethod
    def nothing(cls) -> Self:
        """Return no rows."""
        return cls(
            tutors=Tutors.empty(),
            students=Students.empty(),
            booked=Sessions.empty(),
            decided=Sessions.empty(),
            feedback=Feedback.empty(),
            events=Events.empty(),
        )

    def known(self, *, after: int, until: int = NEVER) -> Self:
        """Return the rows that become known after one instant and not after another."""

        def within(known: Integers) -> Flags:
            return (known > after) & (known <= until)

        return type(self)(
            tutors=self.tutors.take(within(joined_at(self.tutors))),
            students=self.students.take(within(self.students.known)),
            booked=self.booked.take(within(self.booked.booking_known)),
            decided=self.decided.take(within(self.decided.known)),
            feedback=self.feedback.take(within(self.feedback.known)),
            events=self.events.take(within(self.events.known)),
        )


def opened(parameters: Parameters, seed: int, first_day: int) -> Marketplace:
    """Return a marketplace on the morning of its first stored day, with students and a filled agenda."""
    rehearsal = first_day - REHEARSAL_DAYS
    warmed = world.warmed_up(parameters, seed, first_day, until=rehearsal)
    rng = world.generator(seed, rehearsal, Stream.BEGINNING)
    beginning = rosters.opening(warmed.tutors, 0, rng)
    marketplace = Marketplace(warmed, beginning, Sessions.empty(), 0, int(beginning.size.sum()), 0)
    while marketplace.world.day < first_day:
        marketplace = tell(marketplace)[1]
    return marketplace


def already_there(marketplace: Marketplace) -> Told:
    """Return what a marketplace holds on its first morning: its tutors, students and bookings."""
    known = marketplace.rosters
    seated = known.students[np.arange(known.students.shape[1]) < known.size[:, None]]
    students = np.unique(np.concatenate([seated, marketplace.book.student]))
    since = (marketplace.world.first_day - REHEARSAL_DAYS) * DAY
    return Told(
        tutors=marketplace.world.tutors,
        students=Students(students, np.full(len(students), since)),
        booked=marketplace.book,
        decided=Sessions.empty(),
        feedback=Feedback.empty(),
        events=Events.empty(),
    )


def tell(marketplace: Marketplace) -> tuple[Told, Marketplace]:
    """Live a day and return the rows it leaves, and the marketplace on the next morning."""
    day = world.live(marketplace.world)
    desk, arrivals = _opened_desk(marketplace, day)
    counts = day.draws.counts
    leaves = np.isin(marketplace.book.tutor, day.resigned.ordinal)
    is_due = ~leaves & (marketplace.book.start < (day.day + 1) * DAY)

    due = marketplace.book.take(is_due)
    roles = agenda.roles_of_bookings(desk, due, counts)
    desk, extra, extra_roles = agenda.book_today(desk, due, roles, counts)
    decided, feedback = _decide(desk, Sessions.concatenated([due, extra]), np.r_[roles, extra_roles], day)
    abandoned = _abandoned(desk, marketplace.book.take(leaves))

    remaining = marketplace.book.take(~leaves & ~is_due)
    desk, booked = agenda.book_ahead(desk, counts, remaining)
    events = reactions.of_the_day(desk, day.draws, day.resigned.ordinal, marketplace.next_event)
    bookings = Sessions.concatenated([extra, booked])
    told = Told(
        tutors=day.joining,
        students=Students.concatenated([arrivals, _newcomers(extra.student[extra_roles == Role.FIRST], bookings)]),
        booked=bookings,
        decided=Sessions.concatenated([decided, abandoned]),
        feedback=feedback,
        events=events,
    )
    return told, Marketplace(
        world=day.world,
        rosters=rosters.lose(desk.rosters, counts.students_lost, desk.rng),
        book=Sessions.concatenated([remaining, booked]),
        next_session=desk.next_session,
        next_student=desk.next_student,
        next_event=marketplace.next_event + len(events),
    )


def joined_at(tutors: Tutors) -> Integers:
    """Return when tutors joined: in the small hours of their first day, before they could do anything."""
    return np.asarray(tutors.joined_day * DAY + tutors.ordinal * 6151 % (6 * 3600 - 600) * SECOND)


def _opened_desk(marketplace: Marketplace, day: Day) -> tuple[Desk, Students]:
    """Seat everybody who is there: who left takes their students along, who is new gets the first few."""
    rng = world.generator(marketplace.world.seed, day.day, Stream.ROWS)
    known = marketplace.rosters
    staying = known.take(np.isin(known.tutor, day.tutors.ordinal))
    new = day.tutors.take(~np.isin(day.tutors.ordinal, known.tutor))
    seated = rosters.opening(new, marketplace.next_student, rng, new=True)
    count = int(seated.size.sum())
    desk = Desk(
        day=day.day,
        first_day=marketplace.world.first_day,
        tutors=day.tutors,
        rosters=Rosters.concatenated([staying, seated]),
        parameters=marketplace.world.parameters,
        next_session=marketplace.next_session,
        next_student=marketplace.next_student + count,
        rng=rng,
    )
    since = np.repeat(joined_at(new), seated.size)
    return desk, Students(marketplace.next_student + np.arange(count), desk.arrival(since))


def _newcomers(students: Integers, bookings: Sessions) -> Students:
    """Return students who come today, each known as soon as the first booking that names them."""
    in_time = bookings.take(np.argsort(bookings.booking_known, kind="stable"))
    named, first = np.unique(in_time.student, return_index=True)
    return Students(students, in_time.booking_known[first[np.searchsorted(named, students)]])


def _decide(desk: Desk, sessions: Sessions, roles: Integers, day: Day) -> tuple[Sessions, Feedback]:
    """Say what became of every session of the day, and what the students of those that took place say."""
    counts, taught = day.draws.counts, day.draws.taught
    place = desk.position(sessions.tutor)
    took_place = np.flatnonzero((roles == Role.COMPLETED) | (roles == Role.FIRST))
    # First sessions stand first with each tutor here and among those taught; the others are alike.
    order = np.lexsort((roles[took_place] != Role.FIRST, place[took_place]))
    done = outcomes.completed(desk, sessions.take(took_place[order]), taught)
    missed = np.isin(roles, (Role.NO_SHOW, Role.STUDENT_NO_SHOW))
    given_up = np.isin(roles, (Role.REPLACED, Role.CANCELLED))
    return (
        Sessions.concatenated(
            [
                done,
                outcomes.missed(desk, sessions.take(missed), roles[missed], counts),
                outcomes.cancelled(desk, sessions.take(given_up), roles[given_up]),
            ]
        ),
        outcomes.feedback(desk, done, taught),
    )


def _abandoned(desk: Desk, sessions: Sessions) -> Sessions:
    """Call off what was booked with tutors who resigned today."""
    return outcomes.cancelled_at(desk, sessions, reactions.resignation_instants(desk.day, sessions.tutor))
