# Model catalogue

models-count = { $count ->
    [one] { $count } model
   *[other] { $count } models
}
models-search = Name or display name
models-new = Add a model
models-add = Add the model
models-none = The catalogue is empty
models-none-hint = Models of the catalogue are listed in the model square, once they are shown and enabled.
models-shown-or-hidden = Shown or hidden
models-shown = Shown
models-hidden = Hidden
models-show = Show
models-hide = Hide
models-priced = Priced
models-priced-partly = Partly priced
models-unpriced = No price
models-unserved = No channel
models-hint-provider = Whose protocol its clients speak
models-hint-model = As clients ask for it
models-hint-displayName = Its name for people; empty: the same
models-hint-enabled = A disabled model is refused.
models-hint-visible = A hidden model is in no list, but can be called.
models-done-saved = The model was saved.
models-done-added = { $count ->
    [one] The model was added.
   *[other] { $count } models were added.
}
models-done-enabled = { $count ->
    [one] The model was enabled.
   *[other] { $count } models were enabled.
}
models-done-disabled = { $count ->
    [one] The model was disabled.
   *[other] { $count } models were disabled.
}
models-done-shown = { $count ->
    [one] The model is shown now.
   *[other] { $count } models are shown now.
}
models-done-hidden = { $count ->
    [one] The model is hidden now.
   *[other] { $count } models are hidden now.
}
models-done-removed = { $count ->
    [one] The model was deleted.
   *[other] { $count } models were deleted.
}
models-remove-ask = Delete “{ $name }” from the catalogue?
models-remove-ask-several = Delete { $count } models from the catalogue?
models-remove-hint = They leave all lists. Channels, mappings and prices that name them stay, so they may still be callable; disable a model to refuse it.
models-discover = { $count } to add
models-discover-title = Models to add
models-discover-hint = Channels, mappings and prices name them; the catalogue does not.
models-discover-open = These channels serve every model, so their own lists are not known here: { $channels }
models-discover-visible = Show them in lists
models-discover-add = Add the chosen
models-discover-none = Nothing is missing
models-discover-none-hint = The catalogue has all models that channels, mappings and prices name.
models-known-elsewhere = In the catalogue for the other provider
models-missing = Asked for, but not served
models-missing-hint = Requests of the last 30 days for models that no channel serves
models-missing-last = Last asked for
models-missing-add = Add
models-missing-map = Map
models-missing-dismiss = Dismiss
models-missing-more = { $count } more
models-done-dismissed = The name is hidden for 30 days.
models-of-channel = Add the models of { $name }
models-done-taken = { $count ->
    [one] The model of the channel can be called now.
   *[other] { $count } models of the channel can be called now.
}
