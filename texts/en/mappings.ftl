# Mappings

mappings-count = { $count ->
    [one] { $count } mapping
   *[other] { $count } mappings
}
mappings-search = Inbound or upstream model
mappings-new = New mapping
mappings-edit = Edit mapping
mappings-add = Create the mapping
mappings-none = No mappings yet
mappings-none-hint = A mapping sends clients that ask for one model to another.
mappings-client = Client protocol
mappings-client-claude = Claude (Messages)
mappings-client-openai = OpenAI (all others)
mappings-any-client = Any client protocol
mappings-target = Channel type
mappings-target-same = As the client’s
mappings-hint-inbound = One per line: what clients ask for
mappings-hint-upstream = What channels are asked for
mappings-hint-channels = Of the channel type chosen above. None ticked: all of them.
mappings-done-added = The mapping was created.
mappings-done-saved = The mapping was saved.
mappings-done-enabled = { $count ->
    [one] The mapping was enabled.
   *[other] { $count } mappings were enabled.
}
mappings-done-disabled = { $count ->
    [one] The mapping was disabled.
   *[other] { $count } mappings were disabled.
}
mappings-done-removed = { $count ->
    [one] The mapping was deleted.
   *[other] { $count } mappings were deleted.
}
mappings-remove-ask = Delete the mapping of { $name }?
mappings-remove-ask-several = Delete { $count } mappings?
mappings-remove-hint = Clients that ask for these names are served under them from now on, if a channel has them, or refused.
mappings-unserved = No channel
