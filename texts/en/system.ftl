# System state

started-at = Running since { $time } { $zone }
relaying = Relaying
working = Working
not-working = Not working
database = Database
database-down = No answer
in-flight = Requests under way
active-users = Active users
cached-keys = Keys in memory
live-readers = Readers of the live log
unbooked = Receipts to be booked
journal-size = Journal
restarts = Restarts after faults
memory = Memory
version = Version
