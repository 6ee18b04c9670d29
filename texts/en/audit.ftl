# Audit log

audit-count = { $count ->
    [one] { $count } entry
   *[other] { $count } entries
}
audit-search = Who or what was done
audit-actor = Who
audit-any-actor = Anybody
audit-deed = What was done
audit-any-deed = Anything done
audit-all-of = { $kind }: everything
audit-subject = To what
audit-one-subject = One thing only
audit-changed = Changed
audit-none = Nothing was done yet
audit-changes = Before and after
audit-no-changes = No field changed.
audit-field = Field
audit-before = Before
audit-after = After
audit-history = its whole history
audit-same = { $count ->
    [one] { $count } other field
   *[other] { $count } other fields
}
range-short-all = All
audit-kind-user = Users
audit-kind-session = Sessions
audit-kind-key = Keys
audit-kind-gift_card = Gift cards
audit-kind-channel = Channels
audit-kind-model = Models
audit-kind-mapping = Mappings
audit-kind-price = Prices
audit-kind-settings = Settings
audit-kind-admin_token = Admin tokens
audit-kind-config = Configuration
audit-kind-export = Exports
audit-kind-archive = Archive
audit-deed-user-register = Registered
audit-deed-user-create = Created a user
audit-deed-user-update = Changed a user
audit-deed-user-password = Changed a password
audit-deed-user-quota = Changed money or limits
audit-deed-user-remove = Deleted a user
audit-deed-session-start = Signed in
audit-deed-key-create = Created a key
audit-deed-key-update = Changed a key
audit-deed-key-rotate = Replaced a key
audit-deed-key-remove = Deleted a key
audit-deed-gift_card-create = Made gift cards
audit-deed-gift_card-redeem = Redeemed a gift card
audit-deed-gift_card-revoke = Revoked a gift card
audit-deed-channel-create = Added a channel
audit-deed-channel-update = Changed a channel
audit-deed-channel-delete = Deleted a channel
audit-deed-channel-close_circuit = Closed a channel’s circuit
audit-deed-model-create = Added a model
audit-deed-model-update = Changed a model
audit-deed-model-delete = Deleted a model
audit-deed-mapping-create = Added a mapping
audit-deed-mapping-update = Changed a mapping
audit-deed-mapping-delete = Deleted a mapping
audit-deed-price-create = Added prices
audit-deed-price-update = Changed prices
audit-deed-price-delete = Deleted prices
audit-deed-price-import = Imported prices
audit-deed-settings-update = Changed settings
audit-deed-admin_token-create = Created an admin token
audit-deed-admin_token-remove = Deleted an admin token
audit-deed-config-export = Exported the configuration
audit-deed-config-import = Imported a configuration
audit-deed-export-download = Exported data
audit-deed-archive-download = Downloaded the archive
audit-deed-archive-delete = Deleted old log rows
audit-word-ownerLimits = Owner’s limits
audit-word-adminLimits = Admin’s limits
audit-word-quotaUsd = Granted (USD)
audit-word-usedUsd = Spent (USD)
audit-word-balanceUsd = Balance (USD)
audit-word-createdAt = Created
audit-word-updatedAt = Changed at
audit-word-lastUsedAt = Last used
audit-word-lastLoginAt = Last sign-in
audit-word-id = Id
audit-word-prefix = Start of the key
