# Balance and gift cards of one's own

balance-now = Balance
balance-exact = exactly { $amount }
balance-held = Held for running requests
balance-held-by = { $count ->
    [0] no request is running
    [one] { $count } running request
   *[other] { $count } running requests
}
balance-spent = Spent
balance-since-start = since the account was made
redeemed-so-far = Redeemed
cards-count = { $count ->
    [one] { $count } gift card
   *[other] { $count } gift cards
}
redeem = Redeem
redeem-card = Redeem a gift card
redeem-hint = Adds its amount to your balance
hint-code = In capitals or not, with or without dashes and spaces.
redeemed = The card ending in { $last4 } added { $amount }. Your balance is now { $balance }.
redeemed-see = See the balance history
redeem-rules = Good to know
redeem-rule-once = A card is redeemed once. Its amount can be spent at once and does not expire.
redeem-rule-tries = After too many unknown codes you have to wait a while; what you typed stays in the field.
redeem-rule-402 = Without a balance the API answers 402. Your keys stay the same when you add to it.
ledger-newest = Latest changes
ledger-all = Whole history
ledger-none = The balance has not changed yet
ledger-none-hint = Gift cards, adjustments and the cost of each request will be listed here.
ledger-kind = Kind
ledger-any-kind = All kinds
ledger-note = Note
ledger-amount = Amount
ledger-after = Balance after
ledger-usage = Request
ledger-card = Gift card
ledger-adjustment = Adjustment
ledger-refund = Refund
ledger-request = Request
ledger-folded = All requests of the day
ledger-search = Note of an adjustment or refund
ledger-added = Added
ledger-taken = Taken
ledger-of-shown = of everything that matches
export-csv = Export CSV
