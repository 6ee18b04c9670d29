# System state

started-at = Running since { $time } { $zone }
refresh = Refresh
relaying = Relaying
working = Working
not-working = Not working
database = Database
database-down = No answer
database-lock-lost = Its lock was lost; being taken again
database-lock-taken = Another process uses it, too: stop one of them
latency = answers in { $time }
in-flight = Requests under way
waiting-requests = { $count ->
    [0] none waits
   *[other] { $count } wait
 }
slots-held = Slots taken
holds-now = Money held
holds-count = { $count ->
    [0] by no request
    [one] by one request
   *[other] by { $count } requests
 }
active-users = Active users
cached-keys = Keys in memory
live-readers = Readers of the live log
unbooked = Receipts to be booked
journal-size = Journal
books = Books
books-hint = What waits for the database, and what it refuses.
books-oldest = The oldest waits
books-aside = Set aside
books-booked = Last booked
books-journal-lasts = takes { $count ->
    [0] less than a day
    [one] one day
   *[other] { $count } days
 } of requests while the database is away
books-journal-disk = Left on the journal’s disk
books-database-disk = Left on the database’s disk
books-disbelieved = Usage not believed
books-disbelieved-hint = since the start; counted from the text
books-failure = Last failure
books-aside-title = Receipts set aside
books-aside-hint = They are not billed. Mend the cause, then POST /api/system/set-aside/ID/retry; DELETE /api/system/set-aside/ID lets one go.
books-reason = Reason
books-line = A line of the journal that cannot be read
growth = Growth
growth-hint = By the requests of the last seven days, and by what all that are kept take in the database.
growth-requests = Requests a day
growth-each = Each takes
growth-unknown = known from 500 requests on
growth-day = A day takes
growth-levels-off = levels off at { $size }
growth-kept = The log is kept
growth-days = { $count ->
    [0] less than a day
    [one] one day
   *[other] { $count } days
 }
growth-always = for ever
growth-change = Change
growth-full = Disk full in
growth-never = not within ten years
growth-left = { $size } left
growth-unused = Unused in the file
growth-gives-back = goes back to the disk by itself
growth-keeps = stays in the file: stop the process and run “api-proxy migrate --vacuum” once
memory = Memory
lost-log-lines = Log lines that could not be written
version = Version
without-npm = built without npm: no icons, no chart library
uptime = up { $days ->
    [0] { "" }
    [one] 1 day{ " " }
   *[other] { $days } days{ " " }
 }{ $hours } h { $minutes } min
leases = Work done once
leases-hint = Of several instances on this database one does each of these; when it stops or fails, another goes on.
lease-work = Work
lease-since = Since
lease-until = Until, unless renewed
lease-free = Nobody at the moment
leased-probes = Probes of channels
leased-maintenance = Deleting what is past its time
instance = Instance
this-instance = this instance
system-actors = Actors
system-actors-hint = They own what outlives a request, and are started anew after a fault.
actor = Actor
mailbox = Mailbox
handled = Handled
restarts = Restarts
restart-loses = A restart loses
actor-running = Running
actor-stopped = Stopped; starts again when needed
loses-nothing = Nothing
loses-health_memory = What it learned of channels: circuits close, rests end
loses-readers = Places in the live log: readers reconnect
owns-UserGate = slots, limits and money of each active user
owns-ChannelHealth = which channels answer well
owns-SettingsCache = settings, channels, prices and keys in memory
owns-LogBroadcaster = the live log
owns-UsageLedger = receipts on their way into the database
system-holds = Holds
system-holds-hint = the oldest { $shown } of { $count }
holder = User
hold-request = Request
hold-age = Age
hold-slot = Slot
hold-slot-yes = taken
hold-slot-no = none
holds-none = No request holds a slot or money right now.
instances = Instances
instance-place = Machine and address
instance-started = Started
instance-heard = Heartbeat
instance-alive = Alive
instance-silent = Silent for { $time }
redis-together = Redis: limits are shared
redis-rejoining = Redis is back: shares are being told
redis-alone = Redis does not answer: 1/{ $parts } of every limit
redis-banner = Redis does not answer. Each instance keeps to 1/{ $parts } of every limit until it does; nothing that was used is lost.
redis-figures = Last answer of Redis: { $latency } µs · connection lost { $losses } times · { $failures } commands failed since the start
