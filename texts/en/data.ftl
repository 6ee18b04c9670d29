# Data

data-hint = What goes out as a file, and comes in again.
export-title = Export tables
export-hint = Read while it is sent, whatever its size.
export-range-hint = Both days included, by the site’s clock ({ $zone }). Without days, everything.
export-table = Table
export-holds = What is in it
export-range = Range
export-file = File
export-ranged = From and to apply
export-whole = Always whole
export-mine = Export
table-request_logs = Requests
table-request_logs-hint = One row per request: model, channel, result, times, tokens, cost.
table-usage = Usage per hour
table-usage-hint = Sums per hour, user, key, channel and model.
table-ledger = Ledger
table-ledger-hint = Every change of a balance: usage, gift cards, adjustments, refunds.
table-audit = Audit log
table-audit-hint = Who changed what, and when.
table-users = Users
table-users-hint = Accounts with their limits and balances; no passwords.
table-keys = Keys
table-keys-hint = Names, limits and use; the keys themselves are not kept.
table-gift_cards = Gift cards
table-gift_cards-hint = Amounts, states and who redeemed them; the codes are not kept.
config-title = Configuration
config-hint = Settings, channels, models, mappings and prices as one JSON file, to keep or to move to another gateway.
config-secrets = Secrets are left out: keys of channels and the values of their headers. After an import, new channels wait until theirs are set.
config-download = Download configuration
config-import-hint = You see what would change before anything does. Parts the file lacks stay; rows a part lacks are removed.
config-preview = See what would change
archive-title = Archive the request log
archive-hint = Download old requests with everything kept of them, then delete them. Sums, balances and ledgers stay.
archive-before-hint = Everything that arrived before this day begins, by the site’s clock ({ $zone }).
archive-look = Look
archive-found = { $count ->
    [one] One request, of { $from }
   *[other] { $count } requests, from { $from } to { $to }
 }
archive-nothing = There are no requests before { $before }.
archive-too-young = Only requests older than 24 hours can be deleted.
archive-download = Download
archive-remove = Delete…
archive-remove-ask = { $count ->
    [one] Delete one request from the log?
   *[other] Delete { $count } requests from the log?
 }
archive-remove-hint = Everything before { $before } { $zone } goes and cannot be brought back. Download it first if you may need it. Sums, balances and ledgers stay; ledger rows of usage are folded into one per user and day.
archive-removed = { $remaining ->
    [0] { $count ->
        [one] One request was deleted.
       *[other] { $count } requests were deleted.
     }
   *[other] { $count } requests were deleted, { $remaining } are still there. Delete again to go on.
 }
import-title = What would change
import-nothing-yet = Nothing is written yet.
import-done = Imported
import-in-force = All of it was written at once and is in force.
import-unchanged = Everything is as in the file already.
import-incomplete = These channels take no requests until their key and headers are set: { $names }
import-changes = Changes
import-part = Part
import-added = New
import-changed = Changed
import-removed = Removed
import-kept = As before
import-settings = { $count ->
    [0] No setting changes
    [one] One setting changes
   *[other] { $count } settings change
 }
import-apply = Import
import-back = Back to data
field-configFile = Configuration file
field-from = From
field-to = To
field-before = Before
wrong-configFile = Choose a configuration file.
wrong-from = Enter a day.
wrong-to = Enter a day.
wrong-before = Enter a day that is over for at least 24 hours.
