"""When work is sent: the timetable, its slots, and the daemon that turns due slots into jobs."""
