"""Reads a calendar with the `icalendar` package, checks what RFC 5545 asks of it, and tells its events as JSON (server/tests/it/calendar.rs)."""

import json
import sys
from datetime import datetime, timedelta, timezone

from icalendar import Calendar


def check(condition, message):
    if not condition:
        sys.exit(message)


content = sys.stdin.buffer.read()
check(b"\n" not in content.replace(b"\r\n", b""), "a line does not end with CRLF")
check(all(len(line) <= 75 for line in content.split(b"\r\n")), "a line is longer than 75 octets")
calendar = Calendar.from_ical(content)
check(calendar.get("VERSION") == "2.0" and calendar.get("PRODID"), "VERSION or PRODID is missing")
check(not calendar.errors, f"errors: {calendar.errors}")
events = []
for event in calendar.walk("VEVENT"):
    check(not event.errors, f"errors: {event.errors}")
    start, end = event.decoded("DTSTART"), event.decoded("DTEND")
    check(isinstance(start, datetime) and start.tzinfo is not None, "a start without a time zone")
    check(start.utcoffset() == timedelta(0) and end > start, "a start that is not in UTC, or an end that is not after it")
    check(event.get("UID") and event.get("DTSTAMP"), "UID or DTSTAMP is missing")
    events.append(
        {
            "uid": str(event["UID"]),
            "start": int(start.astimezone(timezone.utc).timestamp() * 1000),
            "summary": str(event["SUMMARY"]),
            "status": str(event["STATUS"]),
        }
    )
check(len({event["uid"] for event in events}) == len(events), "two events have one UID")
json.dump(events, sys.stdout)
