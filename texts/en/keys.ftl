# Keys

keys-count = { $count ->
    [one] { $count } key
   *[other] { $count } keys
}
keys-search = Name or start of the key
keys-none = No keys yet
keys-none-hint = Programs use a key to reach the models through this gateway.
key-new = New key
key-create = Create the key
key-created = Key created
key-rotated = Key replaced
key-shown-once = Copy the key now: it is shown this once and stored only as a digest.
key-text = Key
key-base-url = Base URL:
key-setup = Set up a client
key-setup-hint = with this key filled in
key-noted = I have copied it
key-rotate = Replace
key-rotate-ask = Replace the key “{ $name }”?
key-rotate-hint = A new key is made with the same limits. The old one stops working at once; programs that use it get errors until they have the new one.
key-remove = Delete
key-remove-ask = Delete the key “{ $name }”?
key-remove-hint = Programs that use it get errors from now on. Its requests stay in the log. This cannot be undone.
key-done-saved = The key was saved.
key-done-enabled = The key was enabled.
key-done-disabled = The key was disabled.
key-done-removed = The key was deleted.
key-allows-nothing = Your limits and an admin’s have no model or no address in common: this key cannot be used.
status-allows-nothing = Allows nothing
hint-key-name = What it is for, such as a program or a computer
hint-models = One per line; a * at the end matches any ending. Empty: all models.
hint-budgetUsd = What it may spend in its lifetime
hint-quota = Counted from midnight
hint-limit = 0 is unlimited; the account’s own limits still apply.
hint-expiresAt = By { $zone } time
hint-allowedIps = One address or network per line. Empty: from anywhere.
all-models = All models
all-addresses = All addresses
as-account = Site default
used-today = Tokens today
spent = Spent
last-used = Last used
never-used = Never
keys-search-all = Name, start of the key, or user
any-user = Any user
key-owner-limits = The owner’s limits
key-owner-limits-none = The owner has set none.
key-admin-limits = Limits set by an admin
key-limits-admin = The limits below are an admin’s. Both are kept; of each the tighter counts.
key-limits-own = The limits below are yours. Both are kept; of each the tighter counts.
key-any-channel = Any channel
key-scope-all = All channels
key-scope-claude = Claude channels only
key-scope-openai = OpenAI channels only
hint-userId = Their username or email address
