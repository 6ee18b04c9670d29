# Prices

prices-unit = USD per million tokens
prices-search = Model
prices-new = New price
prices-add = Create the price
prices-set = Set a price
prices-import = Import a price list
prices-none = No prices yet
prices-none-hint = A model without a price is refused, unless the settings allow unpriced models.
prices-scope = Applies to
prices-any-scope = Providers and channels
prices-only-at = Only { $name }
prices-one-channel = One channel
price-scope-claude = All Claude channels
price-scope-openai = All OpenAI channels
prices-input = Input
prices-output = Output
prices-cache-read = Cache read
prices-cache-5m = Cache write, 5 min
prices-cache-1h = Cache write, 1 h
prices-updated = Changed
prices-requests-7d = Requests, 7 days
prices-unpriced = Without a price
prices-unpriced-free = Channels serve these models for free, as the settings allow unpriced models.
prices-unpriced-refused = Channels have these models, but requests for them are refused until they have a price.
prices-unpriced-more = { $count } more without a price
prices-unpriced-none = Every model that channels serve has a price
prices-hint-scope = The price of a channel goes before that of its provider.
prices-hint-model = As channels are asked for it, after mappings
prices-hint-cache-read = Empty: the input price
prices-hint-cache-5m = Empty: 1.25 × the input price for Claude, the input price for OpenAI
prices-hint-1h = Empty: 2 × the input price for Claude, the input price for OpenAI
prices-taken = There is a price for this model and what it applies to already.
prices-done-added = The price was created.
prices-done-saved = The price was saved. Requests that are in the log keep the price they were billed with.
prices-done-removed = The price was deleted.
prices-done-imported = { $count ->
    [one] One price was imported.
   *[other] { $count } prices were imported.
}
prices-remove-ask = Delete the price of “{ $name }”?
prices-remove-hint = Without another price the model is refused, unless the settings allow unpriced models. Requests that are in the log keep the price they were billed with.
prices-import-hint = LiteLLM’s model_prices_and_context_window.json, or a file in the format below; at most 8 MB
prices-import-known = Only models I have
prices-import-known-hint = Those that the catalogue, a channel, a mapping or a price names
prices-import-nothing-yet = Nothing is written yet: you see first what would change.
prices-import-look = See what would change
prices-import-format = Our own format
prices-import-none-chosen = Nothing was chosen, so nothing was written. Choose the file again.
prices-preview = What the price list would change
prices-preview-nothing-yet = Nothing is written yet.
prices-preview-changed = Changed
prices-preview-changed-hint = new above old
prices-preview-new = New
prices-preview-unchanged = Unchanged
prices-preview-left-out = Left out by the filter
prices-preview-skipped = Not usable
prices-preview-apply = Write the chosen prices
prices-preview-none = Nothing would change
prices-preview-none-hint = { $count ->
    [one] The filter leaves out one row of the file.
   *[other] The filter leaves out { $count } rows of the file.
}
prices-was = before:
prices-skip-other = Of other providers than Anthropic and OpenAI:
prices-skip-no-price = Without a price per token:
prices-skip-bad-price = With a price that cannot be kept:
prices-skip-twice = There under another name, too:
prices-release = Price list of { $day }
prices-release-title = The list that came with this version
prices-release-hint = What Anthropic and OpenAI charge for their current models, as of { $day }. Sources: { $sources }. You see first what would change.
